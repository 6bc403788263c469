from __future__ import annotations

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.models import EMBEDDED, Budget, Progress, Run, RunState
from ui.sidebar import share_done


class FakeRuns:
    """Runs that are live, all with the same progress."""

    def __init__(self, *live: Run, progress: Progress) -> None:
        self._live = list(live)
        self._progress = progress

    def live(self) -> list[Run]:
        return self._live

    def progress(self, run_id: str) -> Progress:
        return self._progress


class FakeWorkspace:
    name = "my_tasks"

    def __init__(self, runs: FakeRuns) -> None:
        self.runs = runs


def a_run(name: str = "Support tasks", *, state: RunState = RunState.RUNNING, limit: int | None = None) -> Run:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return Run(
        id=name,
        name=name,
        generator="ParaSeqTaskGenerator",
        params={},
        endpoint=EMBEDDED,
        prompt_version="1",
        state=state,
        reason="",
        stopped_by="",
        limit=limit,
        budget=Budget(),
        source={},
        created_at=now,
        started_at=now,
        finished_at=None,
    )


def sidebar_script(workspace: object) -> None:
    from ui.sidebar import run_indicator

    run_indicator(workspace)  # type: ignore[arg-type]


def shown(*live: Run, progress: Progress = Progress()) -> AppTest:  # noqa: B008  frozen
    workspace = FakeWorkspace(FakeRuns(*live, progress=progress))
    app = AppTest.from_function(sidebar_script, args=(workspace,)).run()
    assert not app.exception
    return app


def captions(app: AppTest) -> list[str]:
    return [caption.value for caption in app.sidebar.caption]


def test_without_a_live_run_only_the_workspace_is_named() -> None:
    assert captions(shown()) == [r":material/folder_open: my\_tasks"]


def test_a_live_run_shows_how_far_it_is_and_how_long_it_will_take() -> None:
    app = shown(a_run("Sort *all*"), progress=Progress(pending=40, done=55, failed=5, recent_ends_per_second=0.5))
    assert r":material/bolt: **Sort \*all\***" in captions(app)
    assert app.sidebar.get("progress")[0].proto.text == "60% · 1–2 min left · 5 failed"


def test_a_queued_run_is_starting() -> None:
    app = shown(a_run(state=RunState.QUEUED), progress=Progress(pending=9))
    assert app.sidebar.get("progress")[0].proto.text == "Starting"


def test_more_than_three_live_runs_are_counted() -> None:
    assert "and 2 more runs" in captions(shown(*(a_run(f"r{n}") for n in range(5))))


@pytest.mark.parametrize(
    ("limit", "progress", "share"),
    [
        (None, Progress(), 0.0),
        (None, Progress(pending=3, done=1), 0.25),
        (2, Progress(pending=3, done=1), 0.5),
        (2, Progress(pending=1, done=3), 1.0),
        (50, Progress(pending=3, done=1), 0.25),
        (None, Progress(pending=1, done=1, failed=1, waiting=1), 0.75),
    ],
)
def test_the_share_counts_what_has_ended_of_what_is_taken_up(
    limit: int | None, progress: Progress, share: float
) -> None:
    assert share_done(a_run(limit=limit), progress) == share
