"""The dialog in which a person writes the record of an input that a model has failed at."""

from __future__ import annotations

import streamlit as st
from ulid import ULID

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.generators.custom import OFFSET
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.models import Failure, Fields, Record, Run
from dataflow_core.workspace import Workspace
from ui.names import CUSTOM
from ui.session import reviewer
from ui.shell import remark
from ui.text import escape_markdown, plain
from ui.typed import Kinds, kinds_of, read_typed, typed_input
from ui.values import CONVERSATION, as_text, is_conversation

_OPEN, _WRITTEN = "by-hand", "by-hand-written"
_ROLES = {"user": "User", "assistant": "Assistant"}
_TASK = "input_task_key"
_HEIGHT = 90  # pixels
_MOST_SHOWN = 400  # characters of the input's other columns


def open_by_hand(run: Run, failure: Failure) -> None:
    """Have the dialog shown from the next rerun on."""
    st.session_state[_OPEN] = (str(ULID()), run.id, failure)


def write_by_hand(workspace: Workspace, run: Run) -> None:
    """Show the dialog while it is open: a rerun of the page, as when a run ends, must not lose what was written."""
    if _OPEN not in st.session_state:
        return
    form, run_id, failure = st.session_state[_OPEN]
    if run_id != run.id:
        _close()
        return
    st.dialog(f"Write input {failure.position + 1} by hand", width="medium", dismissible=False)(_form)(
        workspace, run, form, failure
    )


def show_written() -> None:
    """After a record was written: say so, with the way to it."""
    record: Record | None = st.session_state.pop(_WRITTEN, None)
    if record is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            remark(f":material/check: Record {record.number} is written, and accepted.", "green", width="content")
            st.page_link(
                "pages/review.py",
                label="Open it in Review",
                icon=":material/rate_review:",
                query_params={"run": record.run_id or "", "record": record.id},
            )


def _form(workspace: Workspace, run: Run, form: str, failure: Failure) -> None:
    try:
        blank = workspace.blank(run, failure)
    except DataflowError as error:  # a script's own task: only the script knows its records
        st.error(escape_markdown(str(error)))
        if st.button("Close", type="tertiary"):
            _close()
            st.rerun()
        return
    typed: tuple[dict[str, str], Kinds] | None = None
    if run.generator == CUSTOM:
        typed = _typed(form, run, failure, blank)
    elif is_conversation(blank.get(CONVERSATION)):
        fields = _turns(form, blank)
    else:
        fields = _texts(form, blank, _wanted(run, failure, blank), task=run.params.get(_TASK, ""))
    with st.container(horizontal=True, gap="small"):
        is_saved = st.button("Save the record", type="primary")
        is_cancelled = st.button("Cancel", type="tertiary")
    if is_saved:
        try:
            if typed is not None:
                fields = blank | read_typed(*typed)
            _check_task(run, fields)
            record = workspace.review.write_for_failed(failure.input_id, fields, author=reviewer())
        except DataflowError as error:
            st.error(escape_markdown(str(error)))
            return
        st.session_state[_WRITTEN] = record
    if is_saved or is_cancelled:
        _close()
        st.rerun()


def _wanted(run: Run, failure: Failure, blank: Fields) -> list[str]:
    """The fields that are to be made, and first the task itself where the input has none."""
    task = run.params.get(_TASK)
    missing = [name for name in failure.fields if name == task and not as_text(blank[name]).strip()]
    return [*missing, *(name for name in blank if name not in failure.fields)]


def _check_task(run: Run, fields: Fields) -> None:
    """Raises `UsageError` where the task itself is empty; what was to be made of it is checked when it is stored."""
    task = run.params.get(_TASK)
    if task in fields and not as_text(fields[task]).strip():
        raise UsageError(f"{task} is still empty: fill it in first.")


def _texts(form: str, blank: Fields, wanted: list[str], *, task: str) -> Fields:
    """Show what the input brought, the task above all, and ask for the rest."""
    given = {name: text for name, value in blank.items() if name not in wanted and (text := as_text(value)).strip()}
    if task in given:
        plain(given.pop(task))
    if given:
        facts = " · ".join(f"{name}: {text}" for name, text in given.items())
        st.caption(escape_markdown(facts if len(facts) <= _MOST_SHOWN else f"{facts[:_MOST_SHOWN]} …"))
    return blank | {
        name: st.text_area(escape_markdown(name), as_text(blank[name]), key=f"{form}-{name}", height=_HEIGHT)
        for name in wanted
    }


def _typed(form: str, run: Run, failure: Failure, blank: Fields) -> tuple[dict[str, str], Kinds]:
    """Show what was drawn, and ask for the record's fields."""
    given = " · ".join(f"{name}: {as_text(value)}" for name, value in failure.fields.items() if name != OFFSET)
    if given:
        st.caption(escape_markdown(given if len(given) <= _MOST_SHOWN else f"{given[:_MOST_SHOWN]} …"))
    kinds = {name: kind for name, kind in kinds_of(run.params, blank).items() if name != MODEL_NAME}
    texts = {name: typed_input(name, kind, blank[name], key=f"{form}-{name}") for name, kind in kinds.items()}
    return texts, kinds


def _turns(form: str, blank: Fields) -> Fields:
    facts = [as_text(blank[name]) for name in ("intent", "flow", "topic") if blank.get(name)]
    st.caption(escape_markdown(" · ".join(facts)))
    turns = [
        turn | {"value": st.text_area(_ROLES[turn["role"]], turn["value"], key=f"{form}-{position}", height=_HEIGHT)}
        for position, turn in enumerate(blank[CONVERSATION])
    ]
    return blank | {CONVERSATION: turns}


def _close() -> None:
    st.session_state.pop(_OPEN, None)
