"""Reading structured answers: every wrapping that models have been seen to put around them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.errors import AnswerError, TruncatedError
from dataflow_core.generators.answers import JsonAnswer, TextsAnswer, text_list_answer
from dataflow_core.generators.base import Reading
from dataflow_core.generators.mending import (
    BROKEN,
    CHATTER,
    COMMAS,
    FENCE,
    REASONING,
    REPAIRS,
    SHAPE,
    UNSTORABLE,
    storable,
)
from dataflow_core.generators.para_seq import RelationsAnswer
from dataflow_core.models import Completion

RELATIONS = {"parallel_task": "Book a hotel.", "subsequent_task": "Add both up.", "composition_task": "Plan it all."}
OTHER = dict.fromkeys(RELATIONS, "A draft.")
TEXT = json.dumps(RELATIONS)
DRAFT = json.dumps(OTHER)
QUOTED = RELATIONS | {"parallel_task": "Don't say \"yes\", it's the dogs' turn."}


def reading(text: str, answer: Any = None, finish_reason: str = "stop") -> Reading[Any]:
    result: Reading[Any] = (answer or JsonAnswer(RelationsAnswer)).read(Completion((text,), "m", finish_reason))
    return result


def read(text: str, answer: Any = None, finish_reason: str = "stop") -> Any:
    return reading(text, answer, finish_reason).value


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        (TEXT, ()),
        (f"\n {TEXT}\n\n", ()),
        (json.dumps(RELATIONS | {"note": "and more"}, indent=4), ()),
        (f"```json\n{TEXT}\n```", (FENCE,)),
        (f"```json\n{TEXT}", (FENCE,)),
        (f"~~~\n{TEXT}\n~~~", (FENCE,)),
        (f"```\n{TEXT}\n```\nI hope this helps!", (FENCE, CHATTER)),
        (f"Sure! Here you are:\n\n{TEXT}\n\nLet me know {{if}} you need [more].", (CHATTER,)),
        (f"The $\\frac{{a}}{{b}}$ of it: {TEXT}", (CHATTER,)),
        (f"Tasks [1] and [2] follow. {TEXT}", (CHATTER,)),
        (f"\ufeff{TEXT}", (CHATTER,)),
        (f"<think>Hm.</think>\n{TEXT}", (REASONING,)),
        (f"<Thinking>Hm.</Thinking>```json\n{TEXT}```", (REASONING, FENCE)),
        (f"The model's template ate the opening tag</think>{TEXT}", (REASONING,)),
        (f"{TEXT}\n<think>That should do", (REASONING,)),
        (f"{TEXT}\n<think>That should do.</think>", (REASONING,)),
        (TEXT.replace('all."}', 'all.",}'), (COMMAS,)),
        (f'Sure: {TEXT[:-1]},\n}}, {{if}} it\'s "right".', (CHATTER, COMMAS)),
        (TEXT.replace('"parallel_task"', "parallel_task"), (BROKEN,)),
        (TEXT.replace('"', "“", 1).replace('"', "”", 1), (BROKEN,)),
        (TEXT.replace('", "', '"\n"'), (BROKEN,)),
        (f"[{TEXT}]", (SHAPE,)),
        (f'{{"result": {TEXT}}}', (SHAPE,)),
        (f"Yes: [{TEXT}]", (CHATTER, SHAPE)),
        (f"Not {{}} but\n```json\n[{TEXT[:-1]},}},]\n```", (FENCE, CHATTER, COMMAS, SHAPE)),
    ],
)
def test_a_usable_answer_is_found_however_it_is_wrapped_and_what_was_mended_is_named(
    text: str, repairs: tuple[str, ...]
) -> None:
    result = reading(text)
    assert (result.value.model_dump(), result.repairs) == (RELATIONS, repairs)
    assert reading(text, finish_reason="length").value == result.value if BROKEN not in repairs else True


@pytest.mark.parametrize(
    "text",
    [
        f"<think>Perhaps {DRAFT}? No.</think>{TEXT}",
        f"Perhaps {DRAFT}? No.</think>{TEXT}",
        f"<think>Perhaps <think>{DRAFT}</think> or {DRAFT}? No.</think>\n{TEXT}",
        f"<think>```json\n{DRAFT}\n```</think>\n```json\n{TEXT[:-1]},}}\n```",
        f"Well. <reasoning>{DRAFT}</reasoning> {TEXT}",
        f"{TEXT} <think>or rather {DRAFT}",
    ],
)
def test_a_draft_in_the_reasoning_never_wins_over_the_answer(text: str) -> None:
    assert read(text).model_dump() == RELATIONS


@pytest.mark.parametrize("text", [f"<think>{TEXT}", f"<think>Hm.</think><think>{TEXT}", f"{TEXT}</think>", "<think>"])
def test_reasoning_without_an_answer_after_it_is_an_empty_answer(text: str) -> None:
    with pytest.raises(AnswerError, match="The answer is empty but for its reasoning"):
        read(text)
    with pytest.raises(TruncatedError):
        read(text, finish_reason="length")


def test_tags_and_fences_in_the_texts_of_an_answer_stay_there() -> None:
    odd = RELATIONS | {"parallel_task": "Explain </think>, <think> and ```json\n{}\n```."}
    for text in (json.dumps(odd), f"```\n{json.dumps(odd)}\n```", f"<think>Hm.</think>Sure: {json.dumps(odd)}"):
        assert read(text).model_dump() == odd


@pytest.mark.parametrize(
    "text",
    [
        f'{{"note": "first"}} {TEXT}',
        f'{TEXT} {{"note": "last"}}',
        f"Of this form: {json.dumps(dict.fromkeys(RELATIONS, ''))}\n{TEXT}",
        f"Of this form: {json.dumps(dict.fromkeys(RELATIONS))}\n{TEXT}",
        f"{TEXT}\n{DRAFT}",
    ],
)
def test_of_several_objects_the_first_usable_one_is_read(text: str) -> None:
    result = reading(text)
    assert (result.value.model_dump(), result.repairs) == (RELATIONS, (CHATTER,))


@pytest.mark.parametrize(
    "text",
    [
        repr(QUOTED),
        repr(QUOTED)[:-1] + ",}",
        str({key: value.replace('"', "") for key, value in QUOTED.items()}),
        "{" + ", ".join(f"'{key}': '{value}'" for key, value in QUOTED.items()) + "}",
        "{" + ",\n".join(f'"{key}": "{value}"' for key, value in QUOTED.items()) + "}",
    ],
)
def test_a_python_dict_or_inner_quotation_marks_are_mended_and_apostrophes_kept(text: str) -> None:
    result = reading(text)
    expected = QUOTED["parallel_task"] if '"yes' in text else QUOTED["parallel_task"].replace('"', "")
    assert result.value.model_dump() == QUOTED | {"parallel_task": expected}
    assert result.repairs == (BROKEN,)


def test_line_breaks_and_backslashes_that_json_does_not_allow_are_kept() -> None:
    result = reading(TEXT.replace("Book a hotel.", "Solve \\(x\\),\nthen C:\\dir."))
    assert result.value.parallel_task == "Solve \\(x\\),\nthen C:\\dir."
    assert result.repairs == (BROKEN,)


def test_answers_wrapped_over_lines_are_kept_whole_and_closing_remarks_stay_out() -> None:
    long = RELATIONS | {"composition_task": "First line.\nSecond line.\n\nThird."}
    answer = read(json.dumps(long, indent=2) + "\n\nIs there anything else I can do for you?")
    assert answer.composition_task == "First line.\nSecond line.\n\nThird."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The answer is empty"),
        (" \n", "The answer is empty"),
        ("<think>hm</think>", "empty but for its reasoning"),
        ("null", "no complete JSON object"),
        ("{}", "lacks 'parallel_task'"),
        ("[]", "no complete JSON object"),
        ("```json\n```", "no complete JSON object"),
        ('{"```json```"}', "no complete JSON object"),
        ("I'd rather not.", "no complete JSON object"),
        ('{"parallel_task": "a", "subsequent_task": "b"}', "lacks 'composition_task'"),
        ('{"task": "a"}', "lacks 'parallel_task'"),
        (TEXT.replace("Book a hotel.", "  "), "'parallel_task' is empty"),
        (TEXT.replace('"Book a hotel."', "null"), "'parallel_task' is not a text"),
        (TEXT.replace('"Book a hotel."', '["Book", "a hotel."]'), "'parallel_task' is not a text"),
        (TEXT.replace('"Book a hotel."', "7"), "'parallel_task' is not a text"),
        (TEXT[:-1], "no complete JSON object"),
        (TEXT[:-20], "no complete JSON object"),
        (TEXT[:-20] + "{of it} and", "no complete JSON object"),
    ],
)
def test_an_unusable_answer_says_what_is_wrong_and_keeps_the_raw_text(text: str, sentence: str) -> None:
    with pytest.raises(AnswerError, match=sentence) as caught:
        read(text)
    assert caught.value.raw_text == text
    with pytest.raises(TruncatedError, match="cut off at the token limit"):
        read(text, finish_reason="length")


def test_no_choices_are_an_empty_answer() -> None:
    with pytest.raises(AnswerError, match="empty"):
        JsonAnswer(RelationsAnswer).read(Completion((), "m"))


def test_an_answer_cut_at_the_token_limit_is_told_from_a_wrong_one_and_never_guessed_at() -> None:
    for text in (TEXT[:-20], TEXT[:-1], TEXT.replace('"parallel_task"', "parallel_task")):
        with pytest.raises(TruncatedError):
            read(text, finish_reason="length")
    assert read(TEXT, finish_reason="length").model_dump() == RELATIONS


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        ('{"answers": ["One.", "Two."]}', ()),
        ('["One.", "Two."]', (SHAPE,)),
        ('{"responses": ["One.", "Two."]}', (SHAPE,)),
        ('{"responses": [{"response": "One."}, {"response": "Two."}]}', (SHAPE,)),
        (
            '{"answers": [{"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}]}',
            (SHAPE,),
        ),
        ('```json\n{"answers": ["One.", "Two.",]}\n```', (FENCE, COMMAS)),
        ("{'answers': ['One.', 'Two.']}", (BROKEN,)),
        ('<think>["no"]</think>[{"value": "One."}, {"value": "Two."}]', (REASONING, SHAPE)),
        ('Of ["a", "b"] I make {"answers": ["One.", "Two."]}', (CHATTER,)),
    ],
)
def test_a_list_of_texts_is_read_from_every_shape_models_give_it(text: str, repairs: tuple[str, ...]) -> None:
    result = reading(text, text_list_answer("answers", 2))
    assert (result.value.answers, result.repairs) == (["One.", "Two."], repairs)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("wrap", ["{}", "Sure: {}", "```\n{}\n```", "<think>{{}}</think>{}"])
def test_too_few_or_too_many_texts_are_refused_never_cut_or_padded(wrap: str, count: int) -> None:
    text = json.dumps({"answers": ["Yes."] * count})
    with pytest.raises(AnswerError, match=f"exactly 2 texts; the answer has {count}"):
        read(wrap.format(text), text_list_answer("answers", 2))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"answers": ["One.", ""]}', "'answers.1' is empty"),
        ('{"answers": ["One.", null]}', "'answers.1' is not a text"),
        ('{"answers": null}', "'answers' is not a list"),
        ('{"answers": "One. Two."}', "'answers' is not a list"),
        ('{"answers": [{"question": "What?", "answer": "That."}, {"answer": "Two."}]}', "'answers.0' is not a text"),
        ('{"answers": [{"role": "user", "value": "A?"}, {"role": "assistant", "value": "a"}]}', "'answers.0'"),
        ('{\'questions\': ["A?", "B?"], \'answers\': ["a", "b"', "no complete JSON object"),
    ],
)
def test_a_list_that_holds_anything_but_the_texts_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(AnswerError, match=sentence):
        read(text, text_list_answer("answers", 2))


def test_the_schema_tells_strict_endpoints_the_exact_number() -> None:
    schema = text_list_answer("questions", 3).schema
    assert schema == {
        "type": "object",
        "properties": {
            "questions": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "minItems": 3,
                "maxItems": 3,
            }
        },
        "required": ["questions"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\udc00b\ud83d", "\ufffdb\ufffd"),
        ("a\0b", "a\ufffdb"),
        ("é\0", "é\ufffd"),
        ("\ud83d" + "\ude00", "😀"),
    ],
)
def test_lone_surrogates_and_nul_characters_become_visible_replacements(value: str, expected: str) -> None:
    assert storable(value) == expected
    plain = json.dumps(RELATIONS | {"parallel_task": value})
    spelled_out = json.dumps(RELATIONS | {"parallel_task": value}, ensure_ascii=False)
    for text in (plain, spelled_out) if "\0" not in value else (plain,):
        result = reading(text)
        # two halves that follow one another as escapes are one character in JSON anyhow
        assert result.value.parallel_task == expected
        assert result.repairs == (() if expected == "😀" and text == plain else (UNSTORABLE,))
    result = reading(f"```{json.dumps({'answers': [value]})}```", text_list_answer("answers", 1))
    assert result.value.answers == [expected]
    assert reading(value, TextsAnswer()).value == (expected,)


def test_texts_that_need_nothing_are_unmarked() -> None:
    assert TextsAnswer().read(Completion(("a", "é😀"), "m")) == Reading(("a", "é😀"), ())
    assert TextsAnswer().read(Completion(("a", "\0"), "m")).repairs == (UNSTORABLE,)


def test_an_unusable_answer_with_lone_surrogates_is_refused_like_others() -> None:
    for text in ("\ud800", '{"parallel_task": "\ud800', "<think>\udfff", "{'\udfff': '\ud800',}", '{"a\\ud800": 1}'):
        with pytest.raises(AnswerError) as caught:
            read(text)
        str(caught.value).encode()


_MEGA = 10_000_000
_UNITS = (
    *("[", "{", "[]", "{}", '{"a":', "{'a':", '{"a":1}', '{"a":"b",}', '["a"', '["a",', '[{"', "{a:", "'{", '" a'),
    *('"', "'", '" ', "' ", '",', "',", '":', ",", ", ", " ", "\\", '\\"', "1", "//", "```", "```json\n"),
    *("<think>", "</think>", "<think></think>", "<think>{}</think>", '{"parallel_task": ', '{"parallel_task'),
)


@pytest.mark.parametrize("text", ["x" * _MEGA, "{" * _MEGA, '{"a":' * (_MEGA // 5), "<think>" * (_MEGA // 7)], ids=len)
def test_junk_of_ten_megabytes_is_refused_at_once(text: str) -> None:
    _refuse_at_once(text)


@pytest.mark.parametrize("unit", _UNITS)
def test_junk_that_repeats_itself_is_refused_at_once(unit: str) -> None:
    for size in (9_900, 199_900):  # just below the sizes at which less is tried
        for before, after in (("", ""), ("{'a':'", "'}"), ('[{"a":', '"}]')):
            _refuse_at_once(before + unit * (size // len(unit)) + after)


def test_a_long_thought_that_is_full_of_brackets_is_passed_over_at_once() -> None:
    for unit in ('{"a":', "[[", "</think>", "<think>", "{} </think>"):
        text = f"<think>{unit * (900_000 // len(unit))}</think>{TEXT}"
        assert _seconds(lambda text=text: read(text), 1) < 0.9  # type: ignore[misc]
        assert read(text).model_dump() == RELATIONS


def _refuse_at_once(text: str) -> None:
    for answer in (JsonAnswer(RelationsAnswer), text_list_answer("answers", 2)):
        start = time.process_time()
        with pytest.raises(AnswerError):
            read(text, answer)
        assert time.process_time() - start < 0.9


def test_an_answer_of_megabytes_is_read_if_it_is_plain_json() -> None:
    long = RELATIONS | {"parallel_task": "word " * 2_000_000 + "end"}
    start = time.process_time()
    assert reading(json.dumps(long)) == Reading(RelationsAnswer(**long))
    assert time.process_time() - start < 0.9


def test_brackets_nested_by_the_thousand_around_or_beside_an_answer_do_no_harm() -> None:
    deep = "[" * 20_000 + "]" * 20_000
    assert read(f"{TEXT} {deep}").model_dump() == RELATIONS
    assert read(f"{deep[:20_000]} {TEXT}", finish_reason="stop").model_dump() == RELATIONS
    with pytest.raises(AnswerError, match="'parallel_task' is not a text"):
        read(TEXT.replace('"Book a hotel."', "[" * 900 + "]" * 900))


def test_an_ordinary_answer_is_read_in_no_time() -> None:
    text = json.dumps(dict.fromkeys(RELATIONS, "A task of an ordinary length, with some words. " * 4), indent=1)
    answer, completion = JsonAnswer(RelationsAnswer), Completion((text,), "m")
    best = min(_seconds(lambda: answer.read(completion), 200) for _ in range(5))
    assert best < 200e-6  # about 10 µs on an idle machine


def _seconds(call: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


_PIECES = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            "\\",
            ",",
            ":",
            "```",
            "\n",
            "it's ",
            '", "',
            '"},',
            "\\n",
            "{if}",
            "<b>",
            "```json\n",
        )
    ]
)
plain_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
texts = (plain_texts | st.lists(_PIECES | plain_texts, min_size=1).map("".join)).filter(
    lambda text: text.strip() == text and bool(text.strip())
)
relations = st.tuples(texts, texts, texts).map(lambda three: dict(zip(RELATIONS, three, strict=True)))

WRAPPINGS: dict[str, Callable[[str], str]] = {
    FENCE: lambda text: f"```json\n{text}\n```",
    CHATTER: lambda text: f"Sure, here's [the] answer:\n{text}\nDon't {{hesitate}} to ask!",
    REASONING: lambda text: f'<think>Let\'s {{see}}: {DRAFT}, or "so".</think>\n{text}',
    COMMAS: lambda text: text[:-1] + ",\n}",
}


@given(relations, st.booleans(), st.sampled_from([None, 2]), st.sets(st.sampled_from(sorted(WRAPPINGS))))
def test_any_texts_are_read_back_from_any_wrapping_and_marked_with_it(
    values: dict[str, str], ascii_only: bool, indent: int | None, wrappings: set[str]
) -> None:
    text = json.dumps(values, ensure_ascii=ascii_only, indent=indent)
    for name in (COMMAS, FENCE, CHATTER, REASONING):
        text = WRAPPINGS[name](text) if name in wrappings else text
    result = reading(text)
    assert result.value.model_dump() == values
    assert result.repairs == tuple(name for name in REPAIRS if name in wrappings)


@given(st.text() | st.lists(_PIECES | st.text()).map("".join), st.integers(0, len(TEXT)))
def test_any_text_is_either_read_or_refused(text: str, cut: int) -> None:
    for answer in (JsonAnswer(RelationsAnswer), text_list_answer("answers", 2)):
        for odd in (text, TEXT[:cut] + text, TEXT[:cut] + text + TEXT[cut:]):
            with suppress(AnswerError):
                read(odd, answer)
