"""Each format to the byte, of a task, a dialogue with all that makes trouble, and a record of one's own."""

from __future__ import annotations

import io

import pytest

from dataflow_core.errors import UsageError
from dataflow_core.exporters import EXPORTERS, exporter_named
from dataflow_core.exporters.base import Content, FieldChoice, UnfitError
from dataflow_core.models import Fields
from tests.exporters.contents import ANSWER, DEFAULT, DIALOGUES, OWN, TALK, TASK, TASKS, content, dialogue

_SHEEP = '"Zähle Schafe 🐑."'
_TASK_MESSAGES = (
    '{"messages":[{"role":"user","content":"Zähle Schafe 🐑."},'
    '{"role":"assistant","content":"Count, weigh and divide."}]}'
)
_TALK_MESSAGES = (
    '{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Où\\u2028?"},'
    '{"role":"assistant","content":"Là: \\"\\\\\\""},{"role":"user","content":"=1+1"},'
    '{"role":"assistant","content":"2"}]}'
)
_ANSWER_MESSAGES = '{"messages":[{"role":"user","content":"How many?"},{"role":"assistant","content":"None."}]}'

LINES = {
    "dataflow": (
        '{"atom_task":"Zähle Schafe 🐑.","line":7,"parallel_task":"Weigh “wool”.",'
        '"subsequent_task":"Divide\\nboth.","composition_task":"Count, weigh and divide."}',
        '{"category":"Travel","conversation":[{"role":"user","value":"Où\\u2028?"},'
        '{"role":"assistant","value":"Là: \\"\\\\\\""},{"role":"user","value":"=1+1"},'
        '{"role":"assistant","value":"2"}]}',
        '{"question":"How many?","answer":"None.","score":3,"model_name":"m"}',
    ),
    "openai": (_TASK_MESSAGES, _TALK_MESSAGES, _ANSWER_MESSAGES),
    "messages": (_TASK_MESSAGES, _TALK_MESSAGES, _ANSWER_MESSAGES),
    "axolotl": (_TASK_MESSAGES, _TALK_MESSAGES, _ANSWER_MESSAGES),
    "trl": (_TASK_MESSAGES, _TALK_MESSAGES, _ANSWER_MESSAGES),
    "sharegpt": (
        f'{{"conversations":[{{"from":"human","value":{_SHEEP}}},'
        '{"from":"gpt","value":"Count, weigh and divide."}],"system":""}',
        '{"conversations":[{"from":"human","value":"Où\\u2028?"},{"from":"gpt","value":"Là: \\"\\\\\\""},'
        '{"from":"human","value":"=1+1"},{"from":"gpt","value":"2"}],"system":"Be brief."}',
        '{"conversations":[{"from":"human","value":"How many?"},{"from":"gpt","value":"None."}],"system":""}',
    ),
    "alpaca": (
        f'{{"instruction":{_SHEEP},"input":"","output":"Count, weigh and divide."}}',
        '{"instruction":"=1+1","input":"","output":"2","system":"Be brief.",'
        '"history":[["Où\\u2028?","Là: \\"\\\\\\""]]}',
        '{"instruction":"How many?","input":"","output":"None."}',
    ),
    "prompt-completion": (
        f'{{"prompt":{_SHEEP},"completion":"Count, weigh and divide."}}',
        '{"prompt":[{"role":"system","content":"Be brief."},{"role":"user","content":"Où\\u2028?"},'
        '{"role":"assistant","content":"Là: \\"\\\\\\""},{"role":"user","content":"=1+1"}],'
        '"completion":[{"role":"assistant","content":"2"}]}',
        '{"prompt":"How many?","completion":"None."}',
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_each_format_is_written_to_the_byte(name: str) -> None:
    file = io.BytesIO()
    writer = EXPORTERS[name].writer(file)
    for record in (TASK, TALK, ANSWER):
        writer.write(EXPORTERS[name].row(record, DEFAULT))
    writer.close()
    assert file.getvalue().decode("utf-8") == "".join(f"{line}\n" for line in LINES[name])


def test_every_format_of_the_list_is_there_and_says_what_it_is() -> None:
    assert list(EXPORTERS) == [
        *("dataflow", "openai", "sharegpt", "messages", "axolotl", "alpaca", "trl"),
        *("prompt-completion", "preference", "parquet", "csv"),
    ]
    for name, exporter in EXPORTERS.items():
        assert exporter.name == name
        assert exporter.title
        assert exporter.trainers
        assert exporter.source.startswith("https://")
    with pytest.raises(UsageError, match="no format 'pickle'"):
        exporter_named("pickle")


def test_nothing_is_injected_where_there_is_no_system_turn() -> None:
    for name, exporter in EXPORTERS.items():
        if exporter.suffix == ".jsonl" and name != "preference":
            assert "system" not in str(exporter.row(dialogue("a", "b"), DEFAULT)).replace("'system': ''", "")


PREFERRED = [
    (
        dialogue("Hi", "Hello!", "Bye", "Bye.").fields,
        dialogue("Hi", "What?", "Bye", "Bye.").fields,
        {
            "prompt": [{"role": "user", "content": "Hi"}],
            "chosen": [{"role": "assistant", "content": "Hello!"}],
            "rejected": [{"role": "assistant", "content": "What?"}],
        },
    ),
    (
        dialogue("Hi", "Hello!", "Bye", "Bye.", system="Be kind.").fields,
        dialogue("Hi", "Hello!", "Bye", "Go.", system="Be kind.").fields,
        {
            "prompt": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello!"},
                {"role": "user", "content": "Bye"},
            ],
            "chosen": [{"role": "assistant", "content": "Bye."}],
            "rejected": [{"role": "assistant", "content": "Go."}],
        },
    ),
]


@pytest.mark.parametrize(("fields", "refused", "row"), PREFERRED)
def test_a_pair_of_dialogues_is_the_first_answer_in_which_they_differ(
    fields: Fields, refused: Fields, row: Fields
) -> None:
    record = content(fields, DIALOGUES, refused=refused)
    assert EXPORTERS["preference"].row(record, DEFAULT) == row
    assert EXPORTERS["preference"].notes(record, DEFAULT) == []


def test_of_versions_that_differ_more_than_once_the_rest_is_said_to_be_left_behind() -> None:
    record = content(dialogue("a", "b", "c", "d").fields, DIALOGUES, refused=dialogue("a", "x", "c", "y").fields)
    (note,) = EXPORTERS["preference"].notes(record, DEFAULT)
    assert note.rule == "not-carried"


def test_a_pair_of_tasks_is_two_outputs_to_one_prompt_as_texts_or_with_a_system_turn_as_messages() -> None:
    record = content(TASK.fields, TASKS, refused=TASK.fields | {"composition_task": "Worse."})
    assert EXPORTERS["preference"].row(record, DEFAULT) == {
        "prompt": "Zähle Schafe 🐑.",
        "chosen": "Count, weigh and divide.",
        "rejected": "Worse.",
    }
    with_system = FieldChoice("atom_task", output="composition_task", system="parallel_task")
    assert EXPORTERS["preference"].row(record, with_system) == {
        "prompt": [
            {"role": "system", "content": "Weigh “wool”."},
            {"role": "user", "content": "Zähle Schafe 🐑."},
        ],
        "chosen": [{"role": "assistant", "content": "Count, weigh and divide."}],
        "rejected": [{"role": "assistant", "content": "Worse."}],
    }


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (TASK, "no earlier version"),
        (content(TASK.fields, TASKS, refused=TASK.fields | {"parallel_task": "x"}), "do not differ in “composition"),
        (content(TASK.fields, TASKS, refused=TASK.fields | {"atom_task": "x"}), "no prompt in common"),
        (content(TASK.fields, TASKS, refused={"atom_task": "x"}), "no field “composition_task”"),
        (content(TALK.fields, DIALOGUES, refused=TALK.fields | {"system": "x"}), "differ in the system turn"),
        (content(TALK.fields, DIALOGUES, refused=TALK.fields), "do not differ in any turn"),
        (
            content(TALK.fields, DIALOGUES, refused=dialogue("x", system="Be brief.").fields),
            "turn 1, which is the user",
        ),
        (content({"prompt": [1], "chosen": "x", "rejected": "y"}, OWN), "“prompt” is no list of messages"),
    ],
)
def test_what_is_no_pair_is_unfit_with_the_reason(record: Content, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        EXPORTERS["preference"].row(record, DEFAULT)


def test_a_record_that_is_a_pair_already_goes_out_as_it_is() -> None:
    fields = {"prompt": "p", "chosen": "c", "rejected": "r", "model_name": "m"}
    assert list(EXPORTERS["preference"].row(content(fields, OWN), DEFAULT).items()) == list(fields.items())[:3]
    said = {name: [{"role": role, "content": name}] for name, role in
            (("prompt", "user"), ("chosen", "assistant"), ("rejected", "assistant"))}  # fmt: skip
    assert EXPORTERS["preference"].row(content(dict(said), OWN), DEFAULT) == said


def test_what_is_left_behind_is_noted() -> None:
    told = content(
        {"category": "x", "conversation": [{"role": "user", "value": "a", "weight": 0, "name": "b"}]}, DIALOGUES
    )
    for name in ("dataflow", "openai", "sharegpt", "alpaca", "prompt-completion"):
        (note,) = EXPORTERS[name].notes(told, DEFAULT)
        assert note.rule == "not-carried"
        assert note.message.endswith("left behind: “weight”, “name”.")
    assert EXPORTERS["parquet"].notes(told, DEFAULT) == []
    (note,) = EXPORTERS["dataflow"].notes(TALK, DEFAULT)
    assert note.rule == "not-carried"
    assert EXPORTERS["openai"].notes(TALK, DEFAULT) == []
    record = content({"conversation": []}, DIALOGUES)
    assert [one.rule for one in EXPORTERS["dataflow"].notes(record, DEFAULT)] == ["no-category"]
    assert EXPORTERS["dataflow"].row(record, DEFAULT) == {"category": "", "conversation": []}
    problems = EXPORTERS["prompt-completion"].problems(EXPORTERS["prompt-completion"].row(TALK, DEFAULT))
    assert {one.rule for one in problems} == {"last-answer-only", "system-turn"}
