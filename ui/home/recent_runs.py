"""The table of recent runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dataflow_core.models import Progress, Run
from ui.format import ago
from ui.names import STATE_COLORS, STATE_NAMES, generator_name
from ui.sidebar import share_done

_OPEN = "home-open-run"


def recent_runs(runs: Sequence[tuple[Run, Progress]]) -> None:
    st.dataframe(
        {
            "Run": [run.name for run, _ in runs],
            "Makes": [generator_name(run.generator) for run, _ in runs],
            "Model": [run.endpoint.model for run, _ in runs],
            "State": [[STATE_NAMES[run.state]] for run, _ in runs],
            "Progress": [100 * share_done(run, progress) for run, progress in runs],
            "Records": [progress.done for _, progress in runs],
            "Failed": [progress.failed for _, progress in runs],
            "Planned": [ago(run.created_at) for run, _ in runs],
            "": [":material/arrow_forward: Open"] * len(runs),
        },
        hide_index=True,
        height="content",
        row_height=40,
        alt="Recent runs",
        column_config={
            "State": st.column_config.MultiselectColumn(
                options=list(STATE_NAMES.values()), color=[STATE_COLORS[state] for state in STATE_NAMES], width=100
            ),
            "Progress": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d %%"),
            "Records": st.column_config.NumberColumn(format="localized", width=80),
            "Failed": st.column_config.NumberColumn(format="localized", width=70),
            "Planned": st.column_config.TextColumn(width=110),
            "": st.column_config.ButtonColumn("", type="tertiary", key=_OPEN, width=90),
        },
    )
    click = st.session_state.get(_OPEN)
    if click and click["row"] < len(runs):
        st.switch_page("pages/runs.py", query_params={"run": runs[click["row"]][0].id})
