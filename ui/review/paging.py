"""The pages of the Review table: which one is shown, and which record is open beside it, both in the address."""

from __future__ import annotations

import streamlit as st

from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.review.snapshots import Snapshot, snapshot_of, take_new_snapshot

PAGE_SIZES = [25, 50, 100, 200]
_SIZE, _PAGE, _TURNED = "size", "page", "review_pages_turned"


def listed(workspace: Workspace, query: Query) -> Snapshot:
    """The snapshot of the query; another question starts at its first page, a reloaded page stays."""
    before = st.session_state.get("review_snapshot")
    snapshot = snapshot_of(workspace, query)
    if before is not None and snapshot is not before:
        _go_to_page(1)
    return snapshot


def show_pages(snapshot: Snapshot) -> tuple[int, int]:
    """Show which page of how many, and return its number and size."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        size: int = st.selectbox(
            "Records a page",
            PAGE_SIZES,
            key=_SIZE,
            bind="query-params",
            format_func=lambda number: f"{number} a page",
            label_visibility="collapsed",
            width=140,
        )
        pages = snapshot.pages(size)
        first = min(_page_in_address(), pages)
        page = st.pagination(pages, default=first, key=f"review_page_{st.session_state.get(_TURNED, 0)}")
    _write_page(page)
    return page, size


def go_to_page_of(snapshot: Snapshot, place: int | None) -> None:
    """Have the table open at the page which holds what stands at that place of the list. For a callback."""
    if place is not None:
        size = st.session_state.get(_SIZE, PAGE_SIZES[0])
        _go_to_page(place // size + 1)


def show_new_records(workspace: Workspace, snapshot: Snapshot) -> None:
    """While a run is going on, say how many records it has added to what the filters find; a button shows them."""
    is_live = any(not snapshot.query.runs or run.id in snapshot.query.runs for run in workspace.runs.live())
    st.fragment(_new_records, run_every=2.0 if is_live else None)(workspace, snapshot, is_live)


def _new_records(workspace: Workspace, snapshot: Snapshot, is_live: bool) -> None:
    added = workspace.records.count_after(snapshot.newest, snapshot.query)
    if added > 0 and st.button(f"Show {added:,} new", icon=":material/fiber_new:", key="review_show_new"):
        take_new_snapshot()
        st.rerun()
    if is_live and not workspace.runs.live():
        st.rerun()


def _go_to_page(page: int) -> None:
    _write_page(page)
    st.session_state[_TURNED] = st.session_state.get(_TURNED, 0) + 1  # another widget, which begins at this page


def _write_page(page: int) -> None:
    if page > 1:
        st.query_params[_PAGE] = str(page)
    else:
        st.query_params.pop(_PAGE, None)


def _page_in_address() -> int:
    text = st.query_params.get(_PAGE, "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1
