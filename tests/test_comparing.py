"""Two prompts over the same inputs: paired by input, with what each took and what was found in it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dataflow_core.comparing import compare, comparisons, first_inputs, plan_comparison
from dataflow_core.errors import UsageError
from dataflow_core.models import EMBEDDED, Completion, Fields, Prompt, PromptTexts, ReviewStatus, Run, Usage
from dataflow_core.prompts import consistent_chat, para_seq
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, execute, plan_tasks, relations, task_of

INPUTS: list[Fields] = [{"atom_task": f"Count the apples in basket {number}."} for number in range(4)]


@pytest.fixture
def kinder(workspace: Workspace) -> PromptTexts:
    texts = dict(para_seq.PROMPT.texts) | {"system": "Be kind."}
    return workspace.prompts.save(replace(para_seq.PROMPT, name="kinder", texts=texts), author="Ada")


def answer(prompt: Prompt) -> Completion:
    """The own prompt's answers are shorter, and say nothing where the basket is the third."""
    task, is_own = task_of(prompt), prompt.messages[0].content == "Be kind."
    if is_own and "basket 3" in task:
        return Completion(("I would rather not.",), "m", usage=Usage(50, 5))
    if is_own:
        made = {"parallel_task": task, "subsequent_task": "Add both.", "composition_task": "Do all."}
        return Completion((json.dumps(made),), "m", usage=Usage(100, 20), seconds=0.5)
    return Completion((relations(task),), "m", usage=Usage(400, 60), seconds=2.0)


def runs_of(workspace: Workspace, kinder: PromptTexts) -> tuple[Run, Run]:
    planned = plan_comparison(workspace, (para_seq.PROMPT, kinder), INPUTS, endpoint=ENDPOINT)
    for run in planned:
        execute(workspace, run, answer)
    return planned


def test_both_runs_have_the_same_inputs_and_find_each_other(workspace: Workspace, kinder: PromptTexts) -> None:
    a, b = plan_comparison(workspace, (para_seq.PROMPT, kinder), INPUTS, endpoint=ENDPOINT)
    assert (a.prompt_version, b.prompt_version) == ("para-seq/1", "kinder/1")
    assert first_inputs(workspace, a) == first_inputs(workspace, b) == INPUTS
    assert first_inputs(workspace, a, most=2) == INPUTS[:2]
    assert a.source["name"] == "comparison"
    assert {name: [run.id for run in pair] for name, pair in comparisons(workspace).items()} == {
        a.source["comparison"]: [a.id, b.id]
    }


def test_what_came_of_each_input_stands_side_by_side(workspace: Workspace, kinder: PromptTexts) -> None:
    a, b = runs_of(workspace, kinder)
    found = compare(workspace, a.id, b.id)
    assert [pair.fields for pair in found.pairs] == INPUTS
    first, *_, last = found.pairs
    assert first.a is not None
    assert first.b is not None
    assert first.a.fields["parallel_task"] == f"Beside: {INPUTS[0]['atom_task']}"
    assert first.b.fields["parallel_task"] == INPUTS[0]["atom_task"]
    assert last.b is None
    assert "complete JSON object" in last.why_not_b
    assert (last.why_not_a, found.alone) == ("", 0)


def test_tokens_seconds_findings_and_failures_are_told_for_each(workspace: Workspace, kinder: PromptTexts) -> None:
    a, b = runs_of(workspace, kinder)
    found = compare(workspace, a.id, b.id)
    assert (found.a.taken.usage, found.b.taken.usage) == (Usage(1600, 240), Usage(400, 70))  # the failure asked twice
    assert (found.a.taken.calls, found.b.taken.calls) == (4, 5)
    assert (found.a.taken.seconds, found.b.taken.seconds) == (8.0, 1.5)
    assert (found.a.made, found.a.failed, found.b.made, found.b.failed) == (4, 0, 3, 1)
    assert found.b.findings["parallel-repeats-task"] == 3
    assert "parallel-repeats-task" not in found.a.findings


def test_acceptance_is_told_where_records_were_reviewed(workspace: Workspace, kinder: PromptTexts) -> None:
    a, b = runs_of(workspace, kinder)
    assert compare(workspace, a.id, b.id).a.acceptance is None
    made = list(workspace.records.stream(Query(runs=(a.id,))))
    for record, status in zip(made, ("accepted", "accepted", "rejected"), strict=False):
        workspace.review.decide({record.id: record.revision}, ReviewStatus(status), reviewer="Ada")
    side = compare(workspace, a.id, b.id).a
    assert (side.accepted, side.rejected, side.acceptance) == (2, 1, 2 / 3)


def test_an_output_is_what_the_model_wrote_also_after_a_person_has_edited_it(
    workspace: Workspace, kinder: PromptTexts
) -> None:
    a, b = runs_of(workspace, kinder)
    record = next(workspace.records.stream(Query(runs=(b.id,))))
    workspace.review.edit(record.id, {"parallel_task": "Weigh the pears."}, author="Ada", base_revision=1)
    output = compare(workspace, a.id, b.id).pairs[0].b
    assert output is not None
    assert output.fields["parallel_task"] == INPUTS[0]["atom_task"]
    assert output.record.fields["parallel_task"] == "Weigh the pears."
    assert compare(workspace, a.id, b.id).b.findings["parallel-repeats-task"] == 3


def test_inputs_are_paired_by_what_they_are_and_where_they_stand(workspace: Workspace) -> None:
    a = plan_tasks(workspace, ["One.", "Two.", "Three."])
    b = plan_tasks(workspace, ["One.", "Changed.", "Three.", "Four."])
    found = compare(workspace, a.id, b.id)
    assert [pair.position for pair in found.pairs] == [0, 2]
    assert found.alone == 3
    assert found.pairs[0].why_not_a == "Not made yet."
    with pytest.raises(UsageError, match="no input in common"):
        compare(workspace, a.id, plan_tasks(workspace, ["Five."]).id)


def test_runs_of_different_generators_are_not_compared(workspace: Workspace) -> None:
    a = plan_tasks(workspace, ["One."])
    b = workspace.runs.create(RunPlan("d", "ConsistentChatGenerator", {}, ENDPOINT, "v", [{"x": 1}], {"name": "plan"}))
    with pytest.raises(UsageError, match="nothing that is alike"):
        compare(workspace, a.id, b.id)


def test_an_earlier_runs_settings_are_kept_but_for_its_prompt(workspace: Workspace, kinder: PromptTexts) -> None:
    params = {"input_task_key": "q", "temperature": 0.3, "prompt": kinder.as_fields(), "few_shot": {"count": 1}}
    a, b = plan_comparison(workspace, (para_seq.PROMPT, kinder), [{"q": "One."}], endpoint=ENDPOINT, params=params)
    assert "prompt" not in a.params
    assert b.params["prompt"] == kinder.as_fields()
    for run in (a, b):
        assert (run.params["input_task_key"], run.params["temperature"]) == ("q", 0.3)
        assert "few_shot" not in run.params


def test_what_cannot_be_compared_is_said_before_anything_is_stored(workspace: Workspace, kinder: PromptTexts) -> None:
    builtin = para_seq.PROMPT
    for prompts, inputs, endpoint, sentence in (
        ((builtin, builtin), INPUTS, ENDPOINT, "Both are “para-seq/1”"),
        ((builtin, consistent_chat.PROMPT), INPUTS, ENDPOINT, "different generators"),
        ((builtin, kinder), [], ENDPOINT, "at least one input"),
        ((builtin, kinder), INPUTS, EMBEDDED, "is for larger models"),
        ((builtin, replace(kinder, texts={})), INPUTS, ENDPOINT, "is empty"),
    ):
        with pytest.raises(UsageError, match=sentence):
            plan_comparison(workspace, prompts, inputs, endpoint=endpoint)
    assert workspace.runs.all() == []
