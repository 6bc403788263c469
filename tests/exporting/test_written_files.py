"""Export: the documented keys, every character, whole files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.exporting.engine import exported_lines, write_export
from dataflow_core.exporting.failures import write_failures
from dataflow_core.models import Completion, Prompt, ReviewStatus, SourceLine
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, answer_relations, execute, plan_tasks, task_of

TASKS, DIALOGUES = "ParaSeqTaskGenerator", "ConsistentChatGenerator"
TURNS = [{"role": "user", "value": "Hé?"}, {"role": "assistant", "value": "Ja."}]


def test_tasks_have_the_inputs_columns_and_the_three_outputs(workspace: Workspace, tmp_path: Path) -> None:
    run = plan_tasks(workspace, ["Zähle Schafe 🐑."])
    execute(workspace, run, answer_relations)
    (file,) = write_export(workspace.records, Query(), tmp_path / "out.jsonl")
    assert file.path.read_bytes().decode("utf-8") == (
        '{"atom_task":"Zähle Schafe 🐑.","line":0,"parallel_task":"Beside: Zähle Schafe 🐑.",'
        '"subsequent_task":"After: Zähle Schafe 🐑.","composition_task":"All: Zähle Schafe 🐑."}\n'
    )


def test_dialogues_have_exactly_the_two_documented_keys(workspace: Workspace) -> None:
    fields = {"category": "Travel", "intent": "Travel", "flow": "f", "topic": "t", "conversation": TURNS}
    workspace.review.add(fields, generator=DIALOGUES, author="Ada")
    (line,) = exported_lines(workspace.records, Query(), DIALOGUES)
    assert json.loads(line) == {"category": "Travel", "conversation": TURNS}


def test_a_workspace_with_both_kinds_exports_one_file_a_generator(workspace: Workspace, tmp_path: Path) -> None:
    workspace.review.add({"category": "x", "conversation": TURNS}, generator=DIALOGUES, author="Ada")
    workspace.review.add({"atom_task": "x"}, generator=TASKS, author="Ada")
    files = write_export(workspace.records, Query(), tmp_path / "out.jsonl")
    assert sorted(file.path.name for file in files) == ["out_dialogues.jsonl", "out_tasks.jsonl"]


def test_only_the_chosen_status_is_exported_with_its_edits(workspace: Workspace, tmp_path: Path) -> None:
    run = plan_tasks(workspace, ["One.", "Two.", "Three."])
    execute(workspace, run, answer_relations)
    records = {record.fields["atom_task"]: record for record in workspace.records.stream(Query())}
    workspace.review.edit(records["One."].id, {"parallel_task": "Edited."}, base_revision=1, author="Ada")
    workspace.review.decide({records["One."].id: 2, records["Two."].id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    workspace.review.decide({records["Three."].id: 1}, ReviewStatus.REJECTED, reviewer="Ada")
    write_export(workspace.records, Query(statuses=(ReviewStatus.ACCEPTED,)), tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    parallel = {line["atom_task"]: line["parallel_task"] for line in lines}
    assert parallel == {"One.": "Edited.", "Two.": "Beside: Two."}


def test_nothing_to_export_is_said_and_writes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No record matches"):
        write_export(workspace.records, Query(), tmp_path / "out.jsonl")
    workspace.review.add({"atom_task": "x"}, generator=TASKS, author="Ada")
    with pytest.raises(UsageError, match="does not exist"):
        write_export(workspace.records, Query(), tmp_path / "nowhere" / "out.jsonl")
    with pytest.raises(UsageError, match="no format 'pickle'"):
        write_export(workspace.records, Query(), tmp_path / "out.jsonl", format_name="pickle")
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


def test_failures_are_written_with_the_input_the_reason_and_the_raw_text(workspace: Workspace, tmp_path: Path) -> None:
    run = workspace.runs.create(
        RunPlan(
            name="t",
            generator=TASKS,
            params={},
            endpoint=ENDPOINT,
            prompt_version="",
            inputs=[{"atom_task": "One."}],
            source={},
            skipped=[SourceLine(3, "unreadable", "It has 5 fields where the header has 3.", "a,b,c,d,e")],
        )
    )
    execute(workspace, run, lambda _: "nonsense")
    target = tmp_path / "out_failures.jsonl"
    assert write_failures(workspace.runs, run.id, target) == 2
    unreadable, failed = [json.loads(line) for line in target.read_text().splitlines()]
    assert (unreadable["line"], unreadable["input"]) == (3, "a,b,c,d,e")
    assert (failed["input"], failed["stage"], failed["raw_text"]) == ({"atom_task": "One."}, "parse", "nonsense")
    assert failed["reason"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text("abc é\u2028", max_size=3), children, max_size=3)
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(value=values)
def test_every_value_comes_back_from_one_line_of_json(workspace: Workspace, value: object) -> None:
    record = workspace.review.add({"atom_task": "x", "value": value}, generator=TASKS, author="Ada")
    line = list(exported_lines(workspace.records, Query(), TASKS))[-1]
    assert json.loads(line) == record.fields == {"atom_task": "x", "value": value}
    assert len(line.splitlines()) == 1


def test_records_come_out_in_the_order_of_their_inputs_whichever_was_answered_first(workspace: Workspace) -> None:
    class LateFirst(ScriptedServing):
        async def complete(self, prompt: Prompt, **options: Any) -> Completion:
            await asyncio.sleep(0.3 if task_of(prompt) == "One." else 0.0)
            return await super().complete(prompt, **options)

    run = plan_tasks(workspace, ["One.", "Two.", "Three."])
    execute(workspace, run, LateFirst(answer_relations))
    lines = [json.loads(line)["atom_task"] for line in exported_lines(workspace.records, Query(), TASKS)]
    assert lines == ["One.", "Two.", "Three."]
