"""The Review page's filters, all of them in the address."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dataflow_core import checks
from dataflow_core.errors import UsageError
from dataflow_core.models import SKELETON, RecordStage, ReviewStatus, Run
from dataflow_core.reviewing.staleness import MAYBE_STALE
from dataflow_core.storage.queries import ANY_PROPOSAL, DUPLICATE, Query, Sort
from dataflow_core.workspace import Workspace
from ui.names import CUSTOM, DIALOGUES, GENERATOR_NAMES, STATUS_NAMES, TASKS, generator_name
from ui.review.snapshots import asked_for, options_of
from ui.run_choice import runs_and_imports, source_label

FINDING_NAMES = checks.LABELS | {MAYBE_STALE: "Maybe stale", DUPLICATE: "Same as another record"}
_EDITS = {"Edited": True, "As generated": False}
_STAGES: dict[str, RecordStage] = {"Only questions so far": SKELETON, "With answers": ""}
_TEXT_SORTS: dict[str, dict[str, str]] = {
    "first text": {TASKS: "task", DIALOGUES: "first question", CUSTOM: "first field"},
    "second text": {TASKS: "parallel task", DIALOGUES: "category", CUSTOM: "second field"},
    "third text": {TASKS: "subsequent task", DIALOGUES: "flow", CUSTOM: "third field"},
    "fourth text": {TASKS: "composition task", DIALOGUES: "topic", CUSTOM: "fourth field"},
}
_SORTS: dict[str, str] = {
    "oldest": "In the order of the inputs",
    "newest": "Newest first",
    "recently changed": "Recently changed first",
    "longest": "Longest first",
    "shortest": "Shortest first",
    "status": "By status",
    "model": "By model",
    "intent": "By intent",
    "reviewer": "By reviewer",
    "reason": "By reason",
}
_RUN, _KIND, _STATUS, _TEXT, _SORT = "review_run", "kind", "status", "q", "sort"
_FACETS = {"model": "models", "intent": "intents", "reviewer": "reviewers", "reason": "reasons", "tag": "tags"}
_FINDING, _EDITED, _DELETED, _STAGE = "finding", "edited", "deleted", "stage"
_PROPOSALS, _IN_ADDRESS = "review_proposals", "proposals"
_WRITTEN = "review_proposals_in_address"


def show_filters(workspace: Workspace, *, is_folded: bool) -> tuple[Query, DeltaGenerator]:
    """Show the filters; return what they ask for, of one generator, and the place for the counts."""
    _read_proposals_in_address(workspace)
    with st.expander("Queue", icon=":material/filter_list:") if is_folded else st.container(gap="small"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            run = _run_filter(workspace)
            generator = run.generator if run else _kind_filter(workspace)
            names = [name for status, name in STATUS_NAMES.items() if status is not ReviewStatus.DELETED]
            chosen = st.pills("Status", names, selection_mode="multi", key=_STATUS, bind="query-params")
            text = st.text_input(
                "Search",
                type="search",
                key=_TEXT,
                bind="query-params",
                placeholder='Words, "phrase"',
                width=150,
            )
            more = _more_filters(workspace, generator)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            counts = st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content")
            sort = _sort(generator)
    query = replace(
        more,
        runs=(run.id,) if run else (),
        generators=(generator,),
        statuses=more.statuses or tuple(status for status, name in STATUS_NAMES.items() if name in chosen),
        text=text or "",
        sort=sort,
    )
    return query, counts


def clear_filters() -> None:
    """For a callback."""
    st.session_state[_RUN] = ""
    _clear_all_but_run()


def go_to_review_of(run: Run) -> NoReturn:
    """Open the Review page with all records of the run. The filters last used there would hide some of them."""
    _clear_all_but_run()
    st.switch_page("pages/review.py", query_params={"run": run.id})


def filter_by_proposals(workspace: Workspace, run_id: str = ANY_PROPOSAL) -> None:
    """Have the records listed for which proposals of the run wait, or of any. For a callback, or before `st.rerun`."""
    clear_filters()
    st.session_state[_PROPOSALS] = run_id
    _choose_kind_of_proposals(workspace, run_id)


def _clear_all_but_run() -> None:
    for key in (_STATUS, _FINDING, *_FACETS):
        st.session_state[key] = []
    st.session_state[_TEXT] = ""
    st.session_state[_EDITED] = st.session_state[_STAGE] = None
    st.session_state[_DELETED] = False
    st.session_state[_PROPOSALS] = st.session_state[_WRITTEN] = ""
    st.query_params.pop(_IN_ADDRESS, None)


def _more_filters(workspace: Workspace, generator: str) -> Query:
    is_set = any(st.session_state.get(key) for key in (_FINDING, _EDITED, _DELETED, _STAGE, _PROPOSALS, *_FACETS))
    icon = ":material/filter_alt:" if is_set else ":material/tune:"
    with st.popover("More filters", icon=icon, width="content", key="review_more"):
        findings = st.multiselect(
            "Found by the checks", list(FINDING_NAMES.values()), key=_FINDING, bind="query-params", width=340
        )
        slugs = {name: slug for slug, name in FINDING_NAMES.items()}
        options = options_of(workspace)
        chosen = {facet: _facet(key, options[facet]) for key, facet in _FACETS.items()}
        proposals = _proposals_filter(workspace)
        stage = None
        if generator == DIALOGUES:
            stage = st.segmented_control("Dialogues", list(_STAGES), key=_STAGE, bind="query-params")
        edits = st.segmented_control("Text", list(_EDITS), key=_EDITED, bind="query-params")
        deleted = st.toggle("Deleted records, and no others", key=_DELETED, bind="query-params")
    return Query(
        statuses=(ReviewStatus.DELETED,) if deleted else (),
        findings=tuple(slugs[name] for name in findings),
        models=chosen["models"],
        intents=chosen["intents"],
        reviewers=chosen["reviewers"],
        reasons=chosen["reasons"],
        tags=chosen["tags"],
        is_edited=_EDITS.get(edits or ""),
        proposals=proposals,
        stages=(_STAGES[stage],) if stage else (),
    )


def _proposals_filter(workspace: Workspace) -> str:
    asked = asked_for(workspace)
    chosen = st.session_state[_PROPOSALS]
    labels = {"": "Any record", ANY_PROPOSAL: "Waiting for you"}
    labels |= {run_id: f"“{note}” · {run_id[-4:]}" for run_id, note in asked.items()}
    if chosen not in labels:  # its proposals are all decided by now
        labels[chosen] = f"“{workspace.runs.get(chosen).name}” · {chosen[-4:]}"
    found: str = st.selectbox(
        "Proposals",
        list(labels),
        format_func=lambda which: labels[which],
        key=_PROPOSALS,
        width=340,
        help="Records for which a model has written another text that nobody has taken or refused.",
    )
    st.session_state[_WRITTEN] = found
    if found:
        st.query_params[_IN_ADDRESS] = found
    else:
        st.query_params.pop(_IN_ADDRESS, None)
    return found


def _read_proposals_in_address(workspace: Workspace) -> None:
    """The address holds a run's id, which a bound widget cannot; another address wins over what was chosen before."""
    asked = st.query_params.get(_IN_ADDRESS, "")
    if _PROPOSALS in st.session_state and asked == st.session_state.get(_WRITTEN):
        return
    if asked not in ("", ANY_PROPOSAL):
        try:
            asked = workspace.runs.get(asked).id
        except UsageError:
            asked = ""
    st.session_state[_PROPOSALS] = asked
    if asked:
        _choose_kind_of_proposals(workspace, asked)


def _choose_kind_of_proposals(workspace: Workspace, which: str) -> None:
    """A rewriting run has its own kind of records: with another one chosen, none of them would be listed."""
    found = workspace.records.count_by_generator(Query(proposals=which))
    chosen = st.session_state.get(_KIND) or st.query_params.get(_KIND) or generator_name(TASKS)
    if found and not any(generator_name(generator) == chosen for generator in found):
        st.session_state[_KIND] = generator_name(max(found, key=found.__getitem__))


def _facet(key: str, known: list[str]) -> tuple[str, ...]:
    missing = [value for value in st.query_params.get_all(key) if value not in known]
    return tuple(st.multiselect(key.capitalize(), [*known, *missing], key=key, bind="query-params", width=340))


def _sort(generator: str) -> Sort:
    labels = dict(_SORTS)
    for name, by_kind in _TEXT_SORTS.items():
        labels[name] = f"By {by_kind.get(generator, by_kind[CUSTOM])}"
    sort: Sort = st.selectbox(
        "Sort",
        list(get_args(Sort)),
        format_func=lambda name: labels[name],
        key=_SORT,
        bind="query-params",
        label_visibility="collapsed",
        width=215,
    )
    return sort


def _run_filter(workspace: Workspace) -> Run | None:
    """The address holds the run's id, which a bound widget cannot: it would put its label there."""
    runs = runs_and_imports(workspace)
    if _RUN not in st.session_state:
        st.session_state[_RUN] = _run_in_address(workspace)
    if st.session_state[_RUN] not in runs:
        st.session_state[_RUN] = ""
    chosen: str = st.selectbox(
        "Run",
        ["", *runs],
        format_func=lambda run_id: source_label(runs[run_id]) if run_id else "All runs",
        key=_RUN,
        width=150,
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
        first = next((generator for generator in GENERATOR_NAMES if counts.get(generator)), TASKS)
        if first != TASKS:
            st.session_state[_KIND] = generator_name(first)
    chosen = st.segmented_control(
        "Kind",
        list(GENERATOR_NAMES.values()),
        default=generator_name(TASKS),
        required=True,
        key=_KIND,
        bind="query-params",
    )
    return next(generator for generator, name in GENERATOR_NAMES.items() if name == chosen)
