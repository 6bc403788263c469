"""The table of all runs, one of which is chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, ReviewStatus, Run, RunKind
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.names import STATE_COLORS, STATE_NAMES, generator_name
from ui.sidebar import share_done
from ui.text import escape_markdown

_PARAM = "run"
_LISTED = 200
#: Pixels, which all grow alike where there is room: the first three fit on a phone.
_NAME, _STATE, _PROGRESS, _COUNT, _KIND, _CREATED = 128, 88, 110, 70, 80, 110
_ROW, _HEADER, _MOST_ROWS = 38, 34, 6  # pixels, pixels, rows shown without scrolling


def listed_runs(workspace: Workspace) -> list[Run]:
    """The newest runs, newest first, and the one in the address if it is older."""
    runs = workspace.runs.with_records(limit=_LISTED)
    if wanted := st.query_params.get(_PARAM):
        with suppress(UsageError):
            run = workspace.runs.get(wanted)
            if all(run.id != listed.id for listed in runs):
                runs.append(run)
    return runs


def chosen_run(runs: Sequence[Run]) -> Run:
    """The run in the address, by its id or the end of it, else the newest one."""
    wanted = st.query_params.get(_PARAM, "").upper()
    return next((run for run in runs if wanted and run.id.endswith(wanted)), runs[0])


def say_if_unknown(chosen: Run) -> None:
    """Say so where the address names a run that is not in this workspace, and another one is shown."""
    wanted = st.query_params.get(_PARAM, "")
    if wanted and not chosen.id.endswith(wanted.upper()):
        sentence = f"There is no run {wanted[:40]} in this workspace. This is the newest one."
        st.warning(escape_markdown(sentence), icon=":material/search_off:")


def choose_run(run_id: str) -> None:
    st.query_params[_PARAM] = run_id


def show_runs(workspace: Workspace, runs: Sequence[Run], chosen: Run) -> None:
    """Show the runs; a click on one puts it into the address. The live ones' figures are read anew by themselves."""
    is_live = any(run.state.is_live for run in runs)
    rows = {run.id: _row(workspace, run) for run in runs}
    st.fragment(_table, run_every=2.0 if is_live else None)(workspace, rows, list(rows).index(chosen.id))
    if len(runs) >= _LISTED:
        st.caption(f"The newest {_LISTED} runs are listed.")


def _table(workspace: Workspace, rows: dict[str, Fields], position: int) -> None:
    live = workspace.runs.live()
    if any(run.id not in rows for run in live):
        st.rerun()
    drawn = list(rows)
    for run in live:
        rows[run.id] = _row(workspace, run)
    key = "runs-" + hashlib.sha256(" ".join(drawn).encode()).hexdigest()[:12]
    state = st.dataframe(
        pd.DataFrame(list(rows.values())),
        key=key,
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [position]}},
        hide_index=True,
        row_height=_ROW,
        height=_HEADER + _ROW * min(len(rows), _MOST_ROWS),
        column_config=_column_config(),
        alt="Runs, newest first",
    )
    picked = state["selection"]["rows"]
    if picked and picked[0] != position:
        choose_run(drawn[picked[0]])
        st.rerun()


def _row(workspace: Workspace, run: Run) -> Fields:
    if run.kind is RunKind.IMPORT:
        return _row_of_import(workspace, run)
    progress = workspace.runs.progress(run.id)
    return {
        "name": run.name,  # with state and progress, what a phone has room for
        "state": [STATE_NAMES[run.state]],
        "progress": 100 * share_done(run, progress),
        "done": progress.done,
        "failed": progress.failed,
        "kind": generator_name(run.generator),
        "created": run.created_at,
    }


def _row_of_import(workspace: Workspace, run: Run) -> Fields:
    """All in it has come at once; what of the file could not be used is no failure that could be retried."""
    return {
        "name": run.name,
        "state": [STATE_NAMES[run.state]],
        "progress": 100.0,
        "done": workspace.records.count(Query(runs=(run.id,), statuses=tuple(ReviewStatus))),
        "failed": 0,
        "kind": f"{generator_name(run.generator)}, imported",
        "created": run.created_at,
    }


def _column_config() -> dict[str, Any]:
    return {
        "name": st.column_config.TextColumn("Run", width=_NAME),
        "state": st.column_config.MultiselectColumn(
            "State",
            options=list(STATE_NAMES.values()),
            color=[STATE_COLORS[state] for state in STATE_NAMES],
            width=_STATE,
        ),
        "progress": st.column_config.ProgressColumn(
            "Progress", min_value=0, max_value=100, format="%d %%", width=_PROGRESS
        ),
        "done": st.column_config.NumberColumn("Records", format="localized", width=_COUNT),
        "failed": st.column_config.NumberColumn("Failed", format="localized", width=_COUNT),
        "kind": st.column_config.TextColumn("Kind", width=_KIND),
        "created": st.column_config.DatetimeColumn("Created", format="distance", width=_CREATED),
    }
