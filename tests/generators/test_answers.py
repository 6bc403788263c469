"""Reading structured answers: every wrapping that models have been seen to put around them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.errors import AnswerError, TruncatedError
from dataflow_core.generators.answers import JsonAnswer, text_list_answer
from dataflow_core.generators.para_seq import RelationsAnswer
from dataflow_core.models import Completion

RELATIONS = {"parallel_task": "Book a hotel.", "subsequent_task": "Add both up.", "composition_task": "Plan it all."}
TEXT = json.dumps(RELATIONS)


def read(text: str, answer: Any = None, finish_reason: str = "stop") -> Any:
    return (answer or JsonAnswer(RelationsAnswer)).read(Completion((text,), "m", finish_reason))


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```\nI hope this helps!",
        f"Sure! Here you are:\n\n{TEXT}\n\nLet me know {{if}} you need more.",
        f'<think>The user wants {{"parallel_task": "no"}}...</think>\n{TEXT}',
        f"The model's template ate the opening tag</think>{TEXT}",
        TEXT.replace('all."}', 'all.",}'),
        TEXT.replace('"parallel_task"', "parallel_task"),
        json.dumps(RELATIONS | {"note": "and more"}, indent=4),
        f"[{TEXT}]",
    ],
)
def test_a_usable_answer_is_found_however_it_is_wrapped(text: str) -> None:
    assert read(text).model_dump() == RELATIONS


def test_answers_wrapped_over_lines_are_kept_whole_and_closing_remarks_stay_out() -> None:
    long = RELATIONS | {"composition_task": "First line.\nSecond line.\n\nThird."}
    answer = read(json.dumps(long, indent=2) + "\n\nIs there anything else I can do for you?")
    assert answer.composition_task == "First line.\nSecond line.\n\nThird."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("<think>hm</think>", "empty"),
        ("I'd rather not.", "no complete JSON object"),
        ('{"parallel_task": "a", "subsequent_task": "b"}', "lacks 'composition_task'"),
        (TEXT.replace("Book a hotel.", "  "), "'parallel_task' is empty"),
        (TEXT.replace('"Book a hotel."', "null"), "'parallel_task'"),
        (TEXT[:-20], "no complete JSON object"),
    ],
)
def test_an_unusable_answer_says_what_is_wrong_and_keeps_the_raw_text(text: str, sentence: str) -> None:
    with pytest.raises(AnswerError, match=sentence) as caught:
        read(text)
    assert caught.value.raw_text == text


def test_an_answer_cut_at_the_token_limit_is_told_from_a_wrong_one() -> None:
    with pytest.raises(TruncatedError):
        read(TEXT[:-20], finish_reason="length")
    assert read(TEXT, finish_reason="length").model_dump() == RELATIONS


@pytest.mark.parametrize(
    "text",
    [
        '{"answers": ["One.", "Two."]}',
        '["One.", "Two."]',
        '{"responses": ["One.", "Two."]}',
        '{"responses": [{"response": "One."}, {"response": "Two."}]}',
        '{"answers": [{"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}]}',
        '```json\n{"answers": ["One.", "Two.",]}\n```',
        '<think>["no"]</think>[{"value": "One."}, {"value": "Two."}]',
    ],
)
def test_a_list_of_texts_is_read_from_every_shape_models_give_it(text: str) -> None:
    assert read(text, text_list_answer("answers", 2)).answers == ["One.", "Two."]


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_or_too_many_texts_are_refused_never_cut_or_padded(count: int) -> None:
    with pytest.raises(AnswerError, match=f"exactly 2 texts; the answer has {count}"):
        read(json.dumps({"answers": ["Yes."] * count}), text_list_answer("answers", 2))


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


def test_lone_surrogates_and_nul_characters_become_visible_replacements() -> None:
    answer = read('{"parallel_task": "a\\ud800b", "subsequent_task": "c\\u0000d", "composition_task": "e"}')
    assert (answer.parallel_task, answer.subsequent_task) == ("a\ufffdb", "c\ufffdd")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda text: text.strip() == text and bool(text.strip())
)


@given(st.tuples(texts, texts, texts))
def test_all_of_unicode_comes_through_unharmed(values: tuple[str, str, str]) -> None:
    relations = dict(zip(RELATIONS, values, strict=True))
    for ascii_only in (True, False):
        assert read(json.dumps(relations, ensure_ascii=ascii_only)).model_dump() == relations


@given(st.text())
def test_any_text_is_either_read_or_refused(text: str) -> None:
    for answer in (JsonAnswer(RelationsAnswer), text_list_answer("answers", 2)):
        with suppress(AnswerError):
            read(text, answer)
