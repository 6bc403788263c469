"""The Review page's filters, all of them in the address, and the list of records that they found."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from typing import NoReturn, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dataflow_core.errors import UsageError
from dataflow_core.models import Run
from dataflow_core.storage.queries import Query, Sort
from dataflow_core.workspace import Workspace
from ui.names import DIALOGUES, GENERATOR_NAMES, STATUS_NAMES, TASKS, generator_name, run_label

PAGE_SIZES = [25, 50, 100, 200]
_SNAPSHOT, _GENERATION, _TURNED = "review_snapshot", "review_generation", "review_pages_turned"
_RUN, _KIND, _STATUS, _TEXT, _SORT, _SIZE, _PAGE = "review_run", "kind", "status", "q", "sort", "size", "page"


@dataclass(frozen=True)
class Snapshot:
    """The records found for a query at one moment, by number: pages cut from it do not shift while one works."""

    folder: str
    query: Query
    numbers: array[int]
    of_any_status: int  # how many there were then if the query left out its statuses

    def pages(self, size: int) -> int:
        return max(1, math.ceil(len(self.numbers) / size))

    def page(self, number: int, size: int) -> array[int]:
        return self.numbers[(number - 1) * size : number * size]


def show_filters(workspace: Workspace, *, is_folded: bool) -> tuple[Query, DeltaGenerator]:
    """Show the filters; return what they ask for, of one generator, and the place for the counts."""
    with st.expander("Filters", icon=":material/filter_list:") if is_folded else st.container():
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            run = _run_filter(workspace)
            generator = run.generator if run else _kind_filter(workspace)
            names = list(STATUS_NAMES.values())
            chosen = st.pills("Status", names, selection_mode="multi", key=_STATUS, bind="query-params")
            text = st.text_input(
                "Search", type="search", key=_TEXT, bind="query-params", placeholder="Text in any field", width=200
            )
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            counts = st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content")
            sort: Sort = st.selectbox(
                "Sort",
                list(get_args(Sort)),
                format_func=lambda name: f"{name.capitalize()} first",
                key=_SORT,
                bind="query-params",
                label_visibility="collapsed",
                width=215,
            )
    query = Query(
        runs=(run.id,) if run else (),
        generators=(generator,),
        statuses=tuple(status for status, name in STATUS_NAMES.items() if name in chosen),
        text=text or "",
        sort=sort,
    )
    return query, counts


def snapshot_of(workspace: Workspace, query: Query) -> Snapshot:
    """Return the records of the query as they were when it was first asked for, or since `take_new_snapshot`."""
    snapshot: Snapshot | None = st.session_state.get(_SNAPSHOT)
    if snapshot is None or (snapshot.folder, snapshot.query) != (str(workspace.folder), query):
        snapshot = Snapshot(
            str(workspace.folder), query, workspace.records.numbers(query), _of_any_status(workspace, query)
        )
        if _SNAPSHOT in st.session_state:
            _go_to_page(1)  # another question starts at its first page; a reloaded page stays
        st.session_state[_SNAPSHOT] = snapshot
    return snapshot


def take_new_snapshot() -> None:
    """Have the list made anew, and the table with it. For a callback, or before `st.rerun`."""
    st.session_state.pop(_SNAPSHOT, None)
    read_anew()


def read_anew() -> None:
    """Have the table show its records as they are now."""
    st.session_state[_GENERATION] = generation() + 1


def generation() -> int:
    """Counts the times that the table has been read anew."""
    count: int = st.session_state.get(_GENERATION, 0)
    return count


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


def go_to_page_of(snapshot: Snapshot, number: int) -> None:
    """Have the table open at the page which holds the record of this number. For a callback."""
    if number in snapshot.numbers:
        size = st.session_state.get(_SIZE, PAGE_SIZES[0])
        _go_to_page(snapshot.numbers.index(number) // size + 1)


def clear_filters() -> None:
    """For a callback."""
    st.session_state[_RUN] = ""
    _clear_all_but_run()


def go_to_review_of(run: Run) -> NoReturn:
    """Open the Review page with all records of the run. The filters last used there would hide some of them."""
    _clear_all_but_run()
    st.switch_page("pages/review.py", query_params={"run": run.id})


def _clear_all_but_run() -> None:
    st.session_state[_STATUS] = []
    st.session_state[_TEXT] = ""


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


def show_new_records(workspace: Workspace, snapshot: Snapshot) -> None:
    """While a run is going on, say how many records it has added to what the filters find; a button shows them."""
    is_live = any(not snapshot.query.runs or run.id in snapshot.query.runs for run in workspace.runs.live())
    st.fragment(_new_records, run_every=2.0 if is_live else None)(workspace, snapshot, is_live)


def _new_records(workspace: Workspace, snapshot: Snapshot, is_live: bool) -> None:
    added = _of_any_status(workspace, snapshot.query) - snapshot.of_any_status
    if added > 0 and st.button(f"Show {added:,} new", icon=":material/fiber_new:", key="review_show_new"):
        take_new_snapshot()
        st.rerun()
    if is_live and not workspace.runs.live():
        st.rerun()


def _of_any_status(workspace: Workspace, query: Query) -> int:
    return workspace.records.count(replace(query, statuses=()))


def _run_filter(workspace: Workspace) -> Run | None:
    """The address holds the run's id, which a bound widget cannot: it would put its label there."""
    runs = {run.id: run for run in workspace.runs.all()}
    if _RUN not in st.session_state:
        st.session_state[_RUN] = _run_in_address(workspace)
    if st.session_state[_RUN] not in runs:
        st.session_state[_RUN] = ""
    chosen: str = st.selectbox(
        "Run",
        ["", *runs],
        format_func=lambda run_id: run_label(runs[run_id]) if run_id else "All runs",
        key=_RUN,
        width=165,
    )
    if chosen:
        st.query_params["run"] = chosen
    else:
        st.query_params.pop("run", None)
    return runs.get(chosen)


def _run_in_address(workspace: Workspace) -> str:
    try:
        return workspace.runs.get(st.query_params["run"]).id if "run" in st.query_params else ""
    except UsageError:
        return ""


def _kind_filter(workspace: Workspace) -> str:
    if _KIND not in st.session_state and _KIND not in st.query_params:
        counts = workspace.records.count_by_generator(Query())
        if counts.get(DIALOGUES) and not counts.get(TASKS):
            st.query_params[_KIND] = generator_name(DIALOGUES)
    chosen = st.segmented_control(
        "Kind",
        list(GENERATOR_NAMES.values()),
        default=generator_name(TASKS),
        required=True,
        key=_KIND,
        bind="query-params",
    )
    return next(generator for generator, name in GENERATOR_NAMES.items() if name == chosen)
