"""Having selected records written again by a model: how such a run stands, and what a person does with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Action, Progress, ProposalState, Record, Run, RunState, Stage
from dataflow_core.storage.proposals import Undecided
from dataflow_core.workspace import Workspace
from ui.names import generator_name
from ui.review.filters import clear_filters
from ui.review.saving import notice
from ui.session import pasted_key, reviewer

#: So many are written first, for a person to see whether the instruction does what it should.
TRIAL = 5
_LONGEST = 60  # characters of an instruction
_DISMISSED, _SETTLED = "review_repair_dismissed", "review_repair_settled"


@dataclass(frozen=True)
class Standing:
    """How a run over selected records stands. `rest` are those that are no inputs of it yet."""

    run: Run
    progress: Progress
    rest: Action | None

    @property
    def total(self) -> int:
        return self.progress.total + (self.rest.total - self.rest.done if self.rest else 0)

    @property
    def is_trial(self) -> bool:
        """Whether only the first few of more are wanted so far."""
        return self.run.limit is not None and self.total > self.run.limit and self.run.state is not RunState.CANCELLED

    @property
    def whole(self) -> Progress:
        """Its progress, with those that are no inputs yet among the pending ones."""
        return replace(self.progress, pending=self.total - self.progress.ended)

    @property
    def is_live(self) -> bool:
        return self.run.state.is_live or (self._is_extending and self.run.stopped_by in ("", "limit"))

    @property
    def is_unfinished(self) -> bool:
        """Whether it stands still with something of what is wanted left to do."""
        if self.is_live or self.run.state is RunState.CANCELLED:
            return False
        if self.is_trial:
            return self.progress.ended < self.run.target(self.progress)
        return self.progress.pending > 0 or self.rest is not None

    @property
    def _is_extending(self) -> bool:
        return self.run.limit is None and self.rest is not None and not self.rest.is_interrupted


def standings(workspace: Workspace) -> list[Standing]:
    """Of the latest runs over selections, oldest first."""
    runs = [run for run in workspace.rewriting.selections(limit=5) if run.id not in _dismissed()]
    rest = {str(one.params["run"]): one for one in workspace.bulk.extending()} if runs else {}
    return [Standing(run, workspace.runs.progress(run.id), rest.get(run.id)) for run in reversed(runs)]


def standing_of(workspace: Workspace, run_id: str) -> Standing:
    run = workspace.runs.get(run_id)
    return Standing(run, workspace.runs.progress(run.id), workspace.rewriting.rest_of(run.id))


def is_any_live(workspace: Workspace) -> bool:
    return any(one.is_live for one in standings(workspace))


def waiting(workspace: Workspace, run: Run) -> Undecided:
    tally = workspace.proposals.tally(run.id)
    if not tally[ProposalState.OPEN]:
        return Undecided(0, 0, 0)
    version = (workspace.records.version(), tuple(tally.values()))
    return _waiting(str(workspace.folder), run.id, version, workspace)


@st.cache_data(max_entries=64, show_spinner=False)
def _waiting(folder: str, run_id: str, version: object, _workspace: Workspace) -> Undecided:
    return _workspace.proposals.undecided(run_id)


def failed(workspace: Workspace, standing: Standing) -> int:
    """How many were tried and have failed."""
    if not standing.progress.failed:
        return 0
    progress = standing.progress
    version = (progress.pending, progress.done, progress.failed)
    return _failed(str(workspace.folder), standing.run.id, version, workspace)


@st.cache_data(max_entries=64, show_spinner=False)
def _failed(folder: str, run_id: str, version: object, _workspace: Workspace) -> int:
    by_stage = _workspace.runs.failures_by_stage(run_id)
    return sum(number for stage, number in by_stage.items() if stage not in (Stage.CANCELLED, Stage.BUDGET))


def is_being_settled(workspace: Workspace, run: Run) -> bool:
    """Whether all that it proposes is being used or refused just now."""
    return any(one.params.get("run") == run.id and not one.is_interrupted for one in workspace.bulk.running())


def titled(run: Run) -> str:
    """The instruction as it is quoted, to be escaped; "" where there was none."""
    note = " ".join(str(run.params.get("note", "")).split())
    return f"“{note if len(note) <= _LONGEST else note[:_LONGEST] + '…'}”" if note else ""


# ---- Acting. Each returns why it could not be done, in a sentence, or "".


def write_all(workspace: Workspace, run_id: str) -> str:
    """Have the rest of what was selected written, too; also where that has been interrupted."""

    def act() -> None:
        rest = workspace.rewriting.rest_of(run_id)
        if rest is not None:
            workspace.carry_out(rest)
        if not workspace.runs.get(run_id).state.is_live:
            workspace.start(run_id, key=pasted_key)

    return _attempt(act)


def go_on(workspace: Workspace, standing: Standing) -> str:
    if not standing.is_trial:
        return write_all(workspace, standing.run.id)
    return _attempt(lambda: workspace.start(standing.run.id, limit=standing.run.limit, key=pasted_key))


def stop(workspace: Workspace, standing: Standing) -> str:
    return _attempt(lambda: workspace.runs.ask(standing.run.id, "pause"))


def leave_it(workspace: Workspace, standing: Standing) -> str:
    """Have nothing more written; what is proposed waits on."""

    def act() -> None:
        if standing.rest is not None:
            workspace.bulk.stop(standing.rest.number)
        workspace.runs.ask(standing.run.id, "cancel")

    return _attempt(act)


def give_up(workspace: Workspace, run_id: str) -> str:
    return _attempt(lambda: workspace.rewriting.give_up(run_id, author=reviewer()))


def retry(workspace: Workspace, run: Run) -> str:
    def act() -> None:
        workspace.retry(run.id)
        workspace.start(run.id, limit=run.limit, key=pasted_key)

    return _attempt(act)


def settle(workspace: Workspace, number: int, *, is_used: bool) -> str:
    decide = workspace.rewriting.accept if is_used else workspace.rewriting.refuse
    st.session_state[_SETTLED] = True
    return _attempt(lambda: decide(number, author=reviewer()))


def was_any_settled() -> bool:
    """Whether one was used or not since this was asked last."""
    return bool(st.session_state.pop(_SETTLED, False))


def look_through(workspace: Workspace, run: Run) -> None:
    """Have the records shown one by one for which the run proposes something. For a callback."""
    record = _first_record(workspace, run)
    clear_filters()
    if record is not None:
        st.session_state["kind"] = generator_name(record.generator)
    st.query_params["proposals"] = run.id
    st.query_params["view"] = "focus"


def dismiss(run: Run) -> None:
    """Show the run no more in this session."""
    _dismissed().add(run.id)


def told(problem: str) -> None:
    """Have the page say what could not be done."""
    if problem:
        notice(problem)


def _first_record(workspace: Workspace, run: Run) -> Record | None:
    found = workspace.proposals.page(workspace.proposals.numbers(run.id, only_open=True)[:1])
    return workspace.records.page([found[0].record])[0] if found else None


def _dismissed() -> set[str]:
    dismissed: set[str] = st.session_state.setdefault(_DISMISSED, set())
    return dismissed


def _attempt(act: Callable[[], object]) -> str:
    try:
        act()
    except DataflowError as error:
        return str(error)
    return ""
