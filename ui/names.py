"""What things of the library are called on screen, and the colour they have there."""

from __future__ import annotations

from dataflow_core.models import ReviewStatus, Run, RunState, Stage
from ui.shell import Color

TASKS, DIALOGUES, CUSTOM = "ParaSeqTaskGenerator", "ConsistentChatGenerator", "GeneratorTask"
GENERATOR_NAMES = {TASKS: "Tasks", DIALOGUES: "Dialogues", CUSTOM: "Custom"}

STATUS_NAMES = {status: status.value.capitalize() for status in ReviewStatus}
STATUS_COLORS: dict[ReviewStatus, Color] = {
    ReviewStatus.UNREVIEWED: "gray",
    ReviewStatus.ACCEPTED: "green",
    ReviewStatus.REJECTED: "red",
    ReviewStatus.FLAGGED: "orange",
    ReviewStatus.DELETED: "gray",
}

STATE_NAMES = {state: state.value.capitalize() for state in RunState} | {RunState.QUEUED: "Starting"}
STATE_COLORS: dict[RunState, Color] = {
    RunState.QUEUED: "blue",
    RunState.RUNNING: "blue",
    RunState.PAUSED: "orange",
    RunState.CANCELLED: "gray",
    RunState.FINISHED: "green",
    RunState.INTERRUPTED: "red",
}

STAGE_NAMES = {
    Stage.INPUT: "Unusable input",
    Stage.SERVING: "No answer",
    Stage.PARSE: "Unusable answer",
    Stage.TRUNCATED: "Cut off",
    Stage.REFUSED: "Refused",
    Stage.CODE: "Own code",
    Stage.BUDGET: "Over budget",
    Stage.CANCELLED: "Cancelled",
}


def generator_name(generator: str) -> str:
    return GENERATOR_NAMES.get(generator, generator)


def run_label(run: Run) -> str:
    """The run's name with the end of its id, for two runs may have one name. Not escaped."""
    return f"{run.name} · {run.id[-4:]}"
