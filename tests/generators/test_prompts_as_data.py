"""Prompts as data: the built-in ones send what they always have, own ones are checked before they are used."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.generators import build_generator
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.generators.prompt_check import check_prompt
from dataflow_core.models import EMBEDDED, Input, Prompt, PromptTexts, RunState
from dataflow_core.prompts import consistent_chat, para_seq
from dataflow_core.prompts.builtin import DIALOGUES, SLOTS, TASKS, builtin_prompt, builtin_prompts
from dataflow_core.prompts.templates import render
from dataflow_core.readers import read_table, select_inputs
from dataflow_core.running.asking import Asker, prompt_hash
from dataflow_core.running.gate import Gate
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, INTENTS, answer_relations, execute, plan_tasks, relations

CELL = {
    "category": "Travel",
    "intent": "Travel",
    "intent_description": "wants {to} travel",
    "flow": "From wish to ticket",
    "flow_steps": ["names a place", "asks for a price"],
    "topic": 'Lima {count} "é"',
    "turns": 6,
    "language": "Portuguese",
}


def kinder(**texts: str) -> PromptTexts:
    return replace(para_seq.PROMPT, name="kinder", version=3, texts=dict(para_seq.PROMPT.texts) | texts)


def talk(**texts: str) -> PromptTexts:
    return replace(consistent_chat.PROMPT, name="talk", version=1, texts=dict(consistent_chat.PROMPT.texts) | texts)


def test_the_built_in_prompts_send_byte_for_byte_what_they_sent_before_they_were_data() -> None:
    """Answers in the log are found again by these."""
    sent = [
        para_seq.relations_prompt("Water {task} plants.\nNow 🌱", temperature=None),
        consistent_chat.skeleton_prompt(CELL, count=3, temperature=0.9),
        consistent_chat.answers_prompt(CELL, ["A {count}?", "B “é”\n?"], temperature=0.9),
    ]
    assert [prompt_hash(one) for one in sent] == ["2b09521518fc2052", "13dc0a79367ae3a0", "fc752e95cb9eb48d"]
    assert [one.version for one in sent] == ["para-seq/1", "consistent-chat/1", "consistent-chat/1"]


def test_every_built_in_prompt_can_be_used_and_has_the_texts_that_are_sent() -> None:
    for prompt in builtin_prompts():
        check_prompt(prompt)
        assert all(text.strip() for text in prompt.texts.values())
        if prompt.recipe == "capable":
            assert list(prompt.texts) == [slot.name for slot in SLOTS[prompt.generator]]
    assert [(one.generator, one.recipe) for one in builtin_prompts()] == [
        (TASKS, "capable"),
        (DIALOGUES, "capable"),
        (TASKS, "small"),
        (DIALOGUES, "small"),
    ]


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (kinder(system="  "), "The text “System” is empty"),
        (
            kinder(task="Atomic task: {Task}"),
            r"has \{Task\}, which nothing is put in for. Placeholders there: \{task\}",
        ),
        (kinder(task="Write about it."), r"The text “Task” needs \{task\}"),
        (kinder(system="Use {task}."), "Placeholders there: none"),
        (kinder(example_answer="{}"), "not the JSON that the model is to answer with: The answer lacks"),
        (kinder(example_answer="```json\n" + relations("x") + "\n```"), "would have to be mended"),
        (kinder(extra="x"), "“extra”, which is not sent"),
        (talk(skeleton="Ask."), r"needs \{count\}"),
        (talk(material="About."), r"needs \{topic\}"),
        (talk(messages="{topic}"), r"needs \{messages\}"),
        (talk(answers="Answer in {tongue}."), r"\{tongue\}"),
        (replace(kinder(), name=""), "A prompt's name"),
        (replace(kinder(), name="a/b"), "“/” stands before its version"),
        (replace(kinder(), name="para-seq"), "is the name of a built-in prompt"),
        (replace(kinder(), recipe="small"), "cannot be changed"),
        (replace(kinder(), generator="Other"), "no prompts for Other"),
        (PromptTexts("bare", 1, TASKS, {}), "is empty"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_refused_with_a_sentence(prompt: PromptTexts, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        check_prompt(prompt)


def test_braces_that_are_no_placeholders_stay_braces() -> None:
    own = kinder(system='Answer {"parallel_task": "…"}, { } and {1}.', example_task="Greet {name}.")
    check_prompt(own)
    sent = para_seq.relations_prompt("Say {task}.", temperature=None, prompt=own)
    assert sent.messages[0].content == 'Answer {"parallel_task": "…"}, { } and {1}.'
    assert sent.messages[1].content == "Atomic task:\nGreet {name}."
    assert sent.messages[-1].content == "Atomic task:\nSay {task}."


_TEXT = st.text(alphabet=st.characters(exclude_categories=()) | st.sampled_from('{}"task_:,/ '), max_size=60)


@given(
    st.builds(
        PromptTexts,
        _TEXT,
        st.integers(0, 3),
        st.sampled_from([TASKS, DIALOGUES, "x"]),
        st.dictionaries(st.sampled_from([slot.name for slots in SLOTS.values() for slot in slots] + ["x"]), _TEXT),
        st.sampled_from(["capable", "small"]),
    )
)
def test_checking_any_prompt_raises_nothing_but_a_usage_error(prompt: PromptTexts) -> None:
    with suppress(UsageError):
        check_prompt(prompt)


@given(st.sampled_from(["system", "task", "example_task", "example_answer"]), _TEXT)
def test_a_prompt_that_passes_the_check_is_sent_with_its_texts(name: str, text: str) -> None:
    own = kinder(**{name: text})
    try:
        check_prompt(own)
    except UsageError:
        return
    sent = para_seq.relations_prompt("T", temperature=None, prompt=own)
    assert any(render(text, {"task": "T"}) in message.content or text in message.content for message in sent.messages)


def test_a_generator_sends_the_prompt_that_it_is_given_and_says_so() -> None:
    generator = ParaSeqTaskGenerator(prompt=kinder(system="Be kind.").as_fields())
    assert generator.prompt_version == "kinder/3"
    again = build_generator(generator.name, generator.params, recipe="capable")
    assert again.prompt_version == "kinder/3"
    assert "prompt" not in ParaSeqTaskGenerator().params
    builtin = ParaSeqTaskGenerator(prompt=para_seq.PROMPT.as_fields())
    assert (builtin.params, builtin.prompt_version) == (ParaSeqTaskGenerator().params, "para-seq/1")


@pytest.mark.parametrize(
    ("generator", "options", "sentence"),
    [
        (ParaSeqTaskGenerator, {"prompt": talk().as_fields()}, "is for ConsistentChatGenerator"),
        (ConsistentChatGenerator, {"prompt": kinder().as_fields()}, "is for ParaSeqTaskGenerator"),
        (ParaSeqTaskGenerator, {"prompt": kinder().as_fields(), "recipe": "small"}, "is for larger models"),
        (ParaSeqTaskGenerator, {"prompt": builtin_prompts()[2].as_fields()}, "is for small models"),
        (ParaSeqTaskGenerator, {"prompt": PromptTexts("bare", 1, TASKS, {}).as_fields()}, "has no text “system”"),
    ],
)
def test_a_prompt_for_something_else_is_refused(generator: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        generator(**options)


def test_both_steps_of_a_dialogue_follow_an_own_prompt() -> None:
    sent: list[str] = []

    def answer(prompt: Prompt) -> str:
        sent.append("\n".join(message.content for message in prompt.messages))
        return '{"questions": ["A?"]}' if len(sent) == 1 else '{"answers": ["a."]}'

    own = talk(
        skeleton="{count} questions in {language}.",
        material="{intent} ({intent_description}): {topic}; {flow}: {flow_steps}",
        answers="{count} answers about {topic}.",
        messages="{quoted_topic} {messages}",
    )
    check_prompt(own)
    generator = ConsistentChatGenerator(num_turns_per_dialog=2, prompt=own.as_fields())
    item = Input("input", 0, CELL)
    asyncio.run(generator.generate(item, Asker(item, ScriptedServing(answer), Gate(ENDPOINT), lambda _: None, {})))
    assert sent[0] == (
        '1 questions in Portuguese.\nTravel (wants {to} travel): Lima {count} "é"; From wish to ticket: '
        "1. names a place\n2. asks for a price"
    )
    assert sent[1] == '1 answers about Lima {count} "é".\n"Lima {count} \\"é\\"" ["A?"]'


def test_a_record_knows_the_exact_version_also_when_there_is_a_newer_one(workspace: Workspace) -> None:
    saved = workspace.prompts.save(kinder(system="Be kind."), author="Ada")
    run = plan_tasks(workspace, ["Water the plants."])
    own = workspace.plan_tasks(*_table(), endpoint=ENDPOINT, input_task_key="atom_task", prompt=saved)
    newer = workspace.prompts.save(replace(saved, texts=dict(saved.texts) | {"system": "Be kinder."}), author="Ben")
    assert (saved.label, newer.label, run.prompt_version, own.prompt_version) == (
        "kinder/1",
        "kinder/2",
        "para-seq/1",
        "kinder/1",
    )
    sent: list[Prompt] = []
    execute(workspace, own, lambda prompt: sent.append(prompt) or answer_relations(prompt))  # type: ignore[func-returns-value]
    assert workspace.runs.get(own.id).state is RunState.FINISHED
    assert sent[0].messages[0].content == "Be kind."
    (record,) = workspace.records.stream(Query(runs=(own.id,)))
    found = workspace.provenance.of(record)
    assert found is not None
    assert [call.prompt_version for call in found.calls] == ["kinder/1"]
    assert workspace.runs.get(own.id).params["prompt"] == saved.as_fields()


def test_saving_the_same_texts_again_makes_no_version_and_a_name_is_of_one_generator(workspace: Workspace) -> None:
    first = workspace.prompts.save(kinder(system="One."), author="Ada")
    assert workspace.prompts.save(kinder(system="One."), author="Ada") == first
    workspace.prompts.save(kinder(system="Two."), author="Ben")
    assert [(one.prompt.version, one.author) for one in workspace.prompts.history("kinder")] == [(2, "Ben"), (1, "Ada")]
    assert workspace.prompts.get("kinder").texts["system"] == "Two."
    assert workspace.prompts.get("kinder/1") == first
    assert workspace.prompts.get("para-seq/1") == builtin_prompt(TASKS)
    with pytest.raises(UsageError, match="There is no prompt “kindest” in this workspace"):
        workspace.prompts.get("kindest")
    with pytest.raises(UsageError, match="is a prompt for ParaSeqTaskGenerator already"):
        workspace.prompts.save(replace(talk(), name="kinder"), author="Ada")


def test_a_run_whose_prompt_is_for_larger_models_does_not_go_on_with_a_small_one(workspace: Workspace) -> None:
    own = workspace.prompts.save(kinder(system="Be kind."), author="Ada")
    run = workspace.plan_tasks(*_table(), endpoint=ENDPOINT, input_task_key="atom_task", prompt=own)
    execute(workspace, run, lambda _: "no JSON")
    assert workspace.runs.progress(run.id).failed == 1
    with pytest.raises(UsageError, match="is for larger models"):
        workspace.retry(run.id, endpoint=EMBEDDED)
    assert workspace.runs.progress(run.id).failed == 1
    with pytest.raises(UsageError, match="is for larger models"):
        workspace.plan_tasks(*_table(), endpoint=EMBEDDED, input_task_key="atom_task", prompt=own)


def test_dialogues_are_planned_with_an_own_prompt(workspace: Workspace) -> None:
    own = workspace.prompts.save(talk(answers="Answer all {count} in {language}."), author="Ada")
    run = workspace.plan_dialogues(INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=1, prompt=own)
    assert (run.prompt_version, run.params["prompt"]) == ("talk/1", own.as_fields())


def _table() -> Any:
    table = read_table(b"atom_task\nWater the plants.\n", "tasks.csv")
    return table, select_inputs(table, "atom_task")
