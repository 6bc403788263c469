"""What a person would do next, told from how the workspace stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dataflow_core.models import Progress, ReviewStatus, Run, RunState
from ui.format import count


@dataclass(frozen=True, slots=True)
class Step:
    """A sentence, and the page where it is acted upon: "runs", "review" or "export"."""

    sentence: str
    action: str
    page: str
    icon: str
    run_id: str = ""


#: Of runs that review their questions: how those were judged that have no answers yet, by the run's id.
Waiting = Mapping[str, Mapping[ReviewStatus, int]]


def next_steps(
    runs: Sequence[tuple[Run, Progress]], records: Mapping[ReviewStatus, int], waiting: Waiting = MappingProxyType({})
) -> list[Step]:
    """The most urgent first; empty where there is nothing to be done but to make more."""
    return [
        *_stopped(runs),
        *_live(runs),
        *_paused(runs),
        *_waiting(runs, waiting),
        *_records(records),
        *_failed(runs),
        *_tried(runs),
    ]


def _stopped(runs: Sequence[tuple[Run, Progress]]) -> Iterator[Step]:
    for run, progress in runs:
        if run.state is RunState.INTERRUPTED:
            sentence = f"“{run.name}” was interrupted after {_of(progress)}. Nothing was lost."
            yield Step(sentence, "Resume it", "runs", ":material/power_off:", run.id)


def _live(runs: Sequence[tuple[Run, Progress]]) -> Iterator[Step]:
    for run, progress in runs:
        if run.state.is_live:
            yield Step(f"“{run.name}” is running: {_of(progress)}.", "Follow it", "runs", ":material/bolt:", run.id)


def _paused(runs: Sequence[tuple[Run, Progress]]) -> Iterator[Step]:
    for run, progress in runs:
        if run.state is RunState.PAUSED and progress.pending and not _is_trial(run):
            if run.stopped_by == "budget":
                sentence = f"“{run.name}” has used its budget up after {_of(progress)}."
                yield Step(sentence, "Raise its budget", "runs", ":material/savings:", run.id)
                continue
            reason = f" {run.reason}" if run.stopped_by != "person" else ""
            sentence = f"“{run.name}” is paused after {_of(progress)}.{reason}"
            yield Step(sentence, "See the run", "runs", ":material/pause_circle:", run.id)


def _waiting(runs: Sequence[tuple[Run, Progress]], waiting: Waiting) -> Iterator[Step]:
    for run, _ in runs:
        judged = {} if run.state.is_live else waiting.get(run.id, {})
        if accepted := judged.get(ReviewStatus.ACCEPTED, 0):
            sentence = f"{count(accepted, 'dialogue')} of “{run.name}” can get answers: the questions are accepted."
            yield Step(sentence, "See the run", "runs", ":material/forum:", run.id)
        if unseen := judged.get(ReviewStatus.UNREVIEWED, 0):
            verb = "waits" if unseen == 1 else "wait"
            sentence = f"{count(unseen, 'dialogue')} of “{run.name}” {verb} for a review of the questions."
            yield Step(sentence, "Review", "review", ":material/forum:", run.id)


def _tried(runs: Sequence[tuple[Run, Progress]]) -> Iterator[Step]:
    for run, progress in runs:
        if run.state is RunState.PAUSED and progress.pending and _is_trial(run):
            sentence = f"“{run.name}” was tried on {_of(progress)}. The others wait to be started."
            yield Step(sentence, "See the run", "runs", ":material/science:", run.id)


def _is_trial(run: Run) -> bool:
    return run.stopped_by == "limit"


def _records(records: Mapping[ReviewStatus, int]) -> Iterator[Step]:
    if waiting := records.get(ReviewStatus.UNREVIEWED, 0):
        verb = "waits" if waiting == 1 else "wait"
        yield Step(f"{count(waiting, 'record')} {verb} for review.", "Review", "review", ":material/rate_review:")
    if flagged := records.get(ReviewStatus.FLAGGED, 0):
        verb = "was flagged and wants" if flagged == 1 else "were flagged and want"
        yield Step(f"{count(flagged, 'record')} {verb} a second look.", "Review", "review", ":material/flag:")
    if accepted := records.get(ReviewStatus.ACCEPTED, 0):
        verb = "is" if accepted == 1 else "are"
        sentence = f"{count(accepted, 'accepted record')} {verb} ready to export."
        yield Step(sentence, "Export", "export", ":material/ios_share:")


def _failed(runs: Sequence[tuple[Run, Progress]]) -> Iterator[Step]:
    for run, progress in runs:
        if run.state is RunState.FINISHED and progress.failed:
            sentence = f"{count(progress.failed, 'input')} of “{run.name}” failed and can be retried."
            yield Step(sentence, "See why", "runs", ":material/error:", run.id)


def _of(progress: Progress) -> str:
    return f"{progress.ended:,} of {count(progress.total, 'input')}"
