"""Many records at once: the editable table, its pages, and what is done to several of them."""

from __future__ import annotations

import streamlit as st

from dataflow_core.workspace import Workspace
from ui.review.actions import show_actions
from ui.review.bulk_bar import show_bulk_bar
from ui.review.paging import show_pages
from ui.review.repair_line import show_repairs
from ui.review.saving import saved_caption
from ui.review.snapshots import Snapshot, generation, take_new_snapshot
from ui.review.table import open_sheet, show_sheet


def show_table(workspace: Workspace, snapshot: Snapshot) -> None:
    table = st.container(gap="small")
    page, size = show_pages(snapshot)
    numbers = snapshot.page(page, size)
    sheet = open_sheet(workspace, numbers, generation=generation(), generator=snapshot.query.generators[0])
    with table:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            with st.container(width="content"):
                show_bulk_bar(workspace, sheet, snapshot)
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
                st.caption(saved_caption(), width="content")
                st.button(
                    "Refresh",
                    icon=":material/refresh:",
                    type="tertiary",
                    on_click=take_new_snapshot,
                    help="Lists the records anew: those that no longer match the filters go, new ones come.",
                )
        show_what_goes_on(workspace)
        show_sheet(workspace, sheet)


def show_what_goes_on(workspace: Workspace) -> None:
    """What is being done to many records, or was done last; also where no record is listed any more."""
    show_actions(workspace)
    show_repairs(workspace)
