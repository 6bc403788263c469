"""Trying a few inputs before all of them: one run, started with a limit and then without."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Budget, Endpoint, Progress, Record, Run, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.wording import budget_in_words, money
from dataflow_core.workspace import Workspace
from ui.budget import budget_fields, estimate_in_words, estimate_of, has_price
from ui.format import count
from ui.session import pasted_key
from ui.sidebar import share_done
from ui.text import escape_markdown

_PATIENCE = timedelta(seconds=10)
_SHOWN = 10  # records, and failures
Show = Callable[[Run, Sequence[Record]], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """A run that could be started: `plan` stores it. `settings` is everything that, changed, makes it another run."""

    page: str
    endpoint: Endpoint
    settings: object
    plan: Callable[[], Run]

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self.settings).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Planned:
    """What the session remembers of a page's last trial or start."""

    digest: str
    run_id: str
    is_started: bool = False


def same_model(endpoint: Endpoint) -> Endpoint:
    """What of an endpoint makes it another run. A corrected address or key does not: the run goes on with it."""
    return Endpoint(endpoint.name, endpoint.kind, model=endpoint.model)


def try_and_start(workspace: Workspace, offer: Offer | None, *, trial: int) -> None:
    """Show the two buttons, which need an offer. `trial` is how many inputs are tried at a time."""
    planned = _planned(workspace, offer) if offer else None
    tried = workspace.runs.progress(planned.run_id) if planned and not planned.is_started else Progress()
    is_live = planned is not None and workspace.runs.get(planned.run_id).state.is_live
    is_off = offer is None or is_live
    with st.container(horizontal=True, gap="small"):
        is_tried = st.button(
            f"Try {trial} more" if tried.ended else f"Try on {trial}",
            icon=":material/science:",
            disabled=is_off or (tried.total > 0 and tried.pending == 0),
        )
        is_started = st.button("Start run", type="primary", icon=":material/play_arrow:", disabled=is_off)
        budget = _choose_budget(offer) if offer else Budget()
    if offer and planned and tried.ended and not is_live:
        _show_estimate(workspace, planned.run_id, offer.endpoint)
    if offer is None or not (is_tried or is_started):
        if planned and planned.is_started:
            st.caption("A run with exactly these settings has been started. Starting again makes a second one.")
            st.page_link("pages/runs.py", label="See the run", query_params={"run": planned.run_id})
        return
    try:
        if is_tried:
            _try(workspace, offer, trial, budget)
        run_id = _start(workspace, offer, budget) if is_started else ""
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
        return
    if run_id:
        st.switch_page("pages/runs.py", query_params={"run": run_id})
    st.rerun()


def trial_results(workspace: Workspace, page: str, offer: Offer | None, show: Show) -> None:
    """Show the page's last trial, read anew each second as long as it is going on."""
    planned = _last_planned(workspace, page)
    if planned is None or planned.is_started:
        return
    is_live = workspace.runs.get(planned.run_id).state.is_live
    st.subheader("Trial", anchor=False)
    if offer is None or offer.digest != planned.digest:
        st.caption("Something has changed since: trying or starting now makes a new run. This one stays under Runs.")
    st.fragment(_trial, run_every=1.0 if is_live else None)(workspace, planned.run_id, is_live, show)


def _trial(workspace: Workspace, run_id: str, was_live: bool, show: Show) -> None:
    run, progress = workspace.runs.get(run_id), workspace.runs.progress(run_id)
    if was_live and not run.state.is_live:
        st.rerun()
    if run.state.is_live:
        with st.container(horizontal=True, vertical_alignment="center"):
            so_far = _so_far(run, progress) if run.state is RunState.RUNNING else "Starting ..."
            st.progress(share_done(run, progress), text=so_far)
            if st.button("Stop", type="tertiary", icon=":material/pause:"):
                _ask_to_pause(workspace, run_id)
        if _is_silent(run, progress):
            name = escape_markdown(run.endpoint.name)
            st.caption(f"No answer from {name} yet. The test on the Settings page says what is wrong with an endpoint.")
    else:
        st.caption(_so_far(run, progress))
        if reason := _why_stopped(run):
            st.warning(escape_markdown(reason), icon=":material/pause_circle:")
    numbers = workspace.records.numbers(Query(runs=(run_id,)))
    if len(numbers) > _SHOWN:
        st.caption(f"The last {_SHOWN} of {len(numbers):,} records:")
    if made := workspace.records.page(numbers[-_SHOWN:]):
        show(run, made)
    for failure in workspace.runs.failures(run_id, limit=_SHOWN):
        st.error(escape_markdown(f"Input {failure.position + 1}: {failure.reason}"), icon=":material/error:")


def _ask_to_pause(workspace: Workspace, run_id: str) -> None:
    try:
        workspace.runs.ask(run_id, "pause")
    except DataflowError as error:
        st.error(escape_markdown(str(error)))


def _is_silent(run: Run, progress: Progress) -> bool:
    """A run repeats calls that bring no answer for a minute before it pauses."""
    if run.endpoint.kind == "embedded" or progress.calls or run.started_at is None:
        return False
    return run.started_at < datetime.now(UTC) - _PATIENCE


def _why_stopped(run: Run) -> str:
    """Empty where the trial has simply come to its end."""
    if run.state is RunState.INTERRUPTED:
        return "The trial's process has ended unexpectedly. Nothing was lost: try again."
    has_ended = run.state is RunState.FINISHED or run.stopped_by == "limit"
    return "" if has_ended else run.reason


def _so_far(run: Run, progress: Progress) -> str:
    """With Markdown's characters escaped."""
    parts = [count(progress.done, "record")]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    parts.append(count(progress.calls, "call"))
    usage = progress.usage
    parts.append(f"{usage.prompt_tokens:,} tokens sent, {usage.completion_tokens:,} received")
    if (cost := run.cost(progress)) is not None:
        parts.append(escape_markdown(money(cost)))
    return " · ".join(parts)


def _choose_budget(offer: Offer) -> Budget:
    key = f"{offer.page}-budget"
    chosen = Budget(st.session_state.get(f"{key}-tokens"), st.session_state.get(f"{key}-money"))
    limit = budget_in_words(chosen if has_price(offer.endpoint) else Budget(chosen.tokens))
    label = escape_markdown(limit) or "Budget"
    with st.popover(label, type="tertiary", icon=":material/savings:", help="Its budget", key=key):
        st.caption("The most that the run may use in all, its trials included. There it stops, and can go on later.")
        return budget_fields(offer.endpoint, Budget(), key)


def _show_estimate(workspace: Workspace, run_id: str, endpoint: Endpoint) -> None:
    run, progress = workspace.runs.get(run_id), workspace.runs.progress(run_id)
    found = estimate_of(workspace, run, progress)
    if found is not None and progress.total > progress.ended:
        expected, how_sure = estimate_in_words(found, endpoint)
        st.markdown(f"**{escape_markdown(expected)}**")
        alone = " These are the questions alone, without answers." if run.reviews_skeletons else ""
        st.caption(escape_markdown(f"{how_sure}{alone}"))


def _try(workspace: Workspace, offer: Offer, trial: int, budget: Budget) -> None:
    run = _run(workspace, offer)
    _remember(workspace, offer, run)
    limit = workspace.runs.progress(run.id).ended + trial
    workspace.start(run.id, limit=limit, budget=budget, key=pasted_key)


def _start(workspace: Workspace, offer: Offer, budget: Budget) -> str:
    """Start the run, unless its trial has already taken up everything, and return its id."""
    run = _run(workspace, offer)
    _remember(workspace, offer, run)
    if workspace.runs.progress(run.id).pending:
        workspace.start(run.id, budget=budget, key=pasted_key)
    _remember(workspace, offer, run, is_started=True)
    return run.id


def _run(workspace: Workspace, offer: Offer) -> Run:
    """The run that was tried, if nothing has been changed since; else a new one."""
    planned = _planned(workspace, offer)
    if planned and not planned.is_started:
        run = workspace.runs.get(planned.run_id)
        if run.state is not RunState.CANCELLED:
            return run
    with st.spinner("Storing the plan ..."):
        return offer.plan()


def _planned(workspace: Workspace, offer: Offer) -> Planned | None:
    planned = _last_planned(workspace, offer.page)
    return planned if planned and planned.digest == offer.digest else None


def _last_planned(workspace: Workspace, page: str) -> Planned | None:
    """A trial that was started for all of its inputs on the Runs page counts as started here too."""
    planned: Planned | None = st.session_state.get(_key(workspace, page))
    if planned is None or planned.is_started:
        return planned
    run = workspace.runs.get(planned.run_id)
    has_begun = run.state.is_live or run.started_at is not None
    return replace(planned, is_started=run.limit is None and has_begun)


def _remember(workspace: Workspace, offer: Offer, run: Run, *, is_started: bool = False) -> None:
    st.session_state[_key(workspace, offer.page)] = Planned(offer.digest, run.id, is_started)


def _key(workspace: Workspace, page: str) -> str:
    return f"{page}-planned-in-{workspace.folder}"
