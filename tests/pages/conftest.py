"""Workspaces for the page tests, filled through the library, and pages opened as app.py opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from dataflow_core.home import Home
from dataflow_core.models import EMBEDDED, Failure, Fields, Run, RunState, SourceLine, Stage, StoppedBy
from dataflow_core.storage.ledger import Done, Failed, Ledger
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.workspace import Workspace

# Each page that is opened would look through all installed packages for components: that takes longer than the page.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)

ROOT = Path(__file__).resolve().parents[2]
TASK_PARAMS: Fields = {
    "input_task_key": "task",
    "output_parallel_task_key": "parallel_task",
    "output_subsequent_task_key": "subsequent_task",
    "output_composition_task_key": "composition_task",
    "temperature": 0.7,
    "seed": 0,
}
DIALOGUE_PARAMS: Fields = {
    "num_turns_per_dialog": 4,
    "temperature": 0.9,
    "seed": 0,
    "language": "English",
    "intents": ["Planning"],
}


@pytest.fixture
def home_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the workspaces, empty; no other test's workspace is still held open."""
    monkeypatch.setenv("DATAFLOW_HOME", str(tmp_path))
    st.cache_resource.clear()
    opened: list[Workspace] = []
    open_one = Home.open

    def open_and_note(self: Home, name: str) -> Workspace:
        opened.append(open_one(self, name))
        return opened[-1]

    monkeypatch.setattr(Home, "open", open_and_note)
    yield tmp_path
    st.cache_resource.clear()
    for one in opened:  # a session of tests would come to hold more files than it may
        one.close()


@pytest.fixture
def workspace(home_dir: Path) -> Iterator[Workspace]:
    """The workspace that the pages open, without records."""
    made = Workspace(home_dir / "default", create=True)
    yield made
    made.close()


@pytest.fixture
def filled_workspace(workspace: Workspace) -> Workspace:
    """A finished run of 30 tasks, 3 of them failed, and a finished run of 4 dialogues."""
    fill_tasks(workspace, 30, failed=3)
    fill_dialogues(workspace, 4)
    return workspace


@pytest.fixture
def open_page(home_dir: Path) -> Callable[..., AppTest]:
    """Open a page with a query, as `open_page("runs", run="01J…")`, and run it once."""

    def opened(name: str, **query: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=20)
        page.switch_page(f"pages/{name}.py")
        for key, value in query.items():
            page.query_params[key] = value
        return page.run()

    return opened


def damage(home_dir: Path, name: str) -> None:
    """Make a workspace whose database cannot be read."""
    (home_dir / name).mkdir()
    (home_dir / name / "workspace.db").write_bytes(b"This was a database once. " * 400)


def in_address(page: AppTest, name: str) -> str:
    """The value of a query parameter, which a page test holds as a list or as text, depending on who set it."""
    value: str | list[str] = page.query_params[name]
    return value if isinstance(value, str) else value[-1]


def fill_tasks(
    workspace: Workspace,
    inputs: int,
    *,
    failed: int = 0,
    done: int | None = None,
    name: str = "support.csv",
    state: RunState = RunState.FINISHED,
    reason: str = "",
    stopped_by: StoppedBy = "",
) -> Run:
    """Store a run of tasks whose first `failed` inputs failed and whose next `done` ones (None: all) have records."""
    run = workspace.runs.create(
        RunPlan(
            name=name,
            generator="ParaSeqTaskGenerator",
            params=TASK_PARAMS,
            endpoint=EMBEDDED,
            prompt_version="para-seq-1",
            inputs=({"id": number, "task": f"Task number {number}"} for number in range(inputs)),
            source={"name": name, "format": "CSV", "encoding": "utf-8", "lines": inputs + 2, "skipped": 2},
            skipped=(
                SourceLine(3, "blank", "Line 3 is blank."),
                SourceLine(5, "unreadable", "Line 5 has 4 columns; the header has 2.", "a,b,c,d"),
            ),
        )
    )

    def end(item: Any) -> Done | Failed:
        if item.position < failed:
            raw = '<img src="http://example.invalid/x.png"> Here you go: {"parallel'
            return Failed(item, Failure(item.id, Stage.PARSE, "The answer is not complete JSON.", raw_text=raw))
        outputs = {key: f"{key} of {item.position}" for key in ("parallel_task", "subsequent_task", "composition_task")}
        return Done(item, item.fields | outputs)

    _end_inputs(workspace, run, end, inputs if done is None else failed + done)
    workspace.runs.claim(run.id)
    workspace.runs.release(run.id, state, reason, stopped_by)
    return workspace.runs.get(run.id)


def fill_dialogues(workspace: Workspace, count: int, *, name: str = "Planning dialogues") -> Run:
    run = workspace.runs.create(
        RunPlan(
            name=name,
            generator="ConsistentChatGenerator",
            params=DIALOGUE_PARAMS,
            endpoint=EMBEDDED,
            prompt_version="consistent-chat-1",
            inputs=({"category": "Planning", "flow": "Plan", "topic": f"Topic {number}"} for number in range(count)),
            source={"name": "plan", "lines": count, "skipped": 0},
        )
    )

    def end(item: Any) -> Done:
        turns = [
            {"role": role, "value": f"{word} {part} of dialogue {item.position}"}
            for part in (1, 2)
            for role, word in (("user", "Question"), ("assistant", "Answer"))
        ]
        cell = {key: item.fields[key] for key in ("category", "flow", "topic")}
        return Done(item, {**cell, "intent": cell["category"], "conversation": turns})

    _end_inputs(workspace, run, end, count)
    workspace.runs.claim(run.id)
    workspace.runs.release(run.id, RunState.FINISHED)
    return workspace.runs.get(run.id)


def _end_inputs(workspace: Workspace, run: Run, end: Callable[[Any], Done | Failed], count: int) -> None:
    ledger = Ledger(workspace.database, run.id, run.generator)
    ledger.write(end(item) for item in ledger.pending(after=-1, count=count))
