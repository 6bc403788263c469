"""Import: bring a dataset that exists, see what it holds, and take its records in for review."""

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.importing.checked import ask_to_skip, checked, list_problems, show_counts
from ui.importing.mapping import choose_mapping, lacking
from ui.importing.past import past_imports
from ui.importing.recognising import recognised_as, show_recognised, taken_as
from ui.importing.sample import show_sample
from ui.importing.source import Source, choose_source, chosen_source, forget_source, show_source
from ui.importing.storing import being_stored, choose_next, forget_storing, start_storing, stop_storing
from ui.jobs import show_progress
from ui.review.filters import go_to_review_of
from ui.session import current_workspace
from ui.shell import page_header, require_shell
from ui.text import escape_markdown


def take_in(workspace: Workspace, source: Source) -> None:
    """What the file is, on the left; what would come of it, with the button, on the right; the records below both."""
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        show_source(source)
        try:
            recognised = recognised_as(workspace, source)
            show_recognised(source, recognised)
            mapping = choose_mapping(source, recognised)
            missing = lacking(mapping)
            taken = None if missing else taken_as(workspace, recognised, mapping)
        except DataflowError as error:
            st.error(escape_markdown(str(error)), icon=":material/error:")
            return
    with right.container(border=True, gap="small", key="import-card"):
        if missing:
            st.caption(escape_markdown(missing))
            return
        look = checked(workspace, source, mapping)
        skips, answers_by, found = False, None, look.result
        if found:
            show_counts(found)
            skips = bool(found.problems) and ask_to_skip(source, mapping, found)
            answers_by = choose_next(workspace, mapping)
        elif look.problem:
            st.error(escape_markdown(look.problem), icon=":material/error:")
        else:
            show_progress(look, key="import-looking")
        if storing := being_stored():
            show_progress(storing, key="import-progress")
            st.button("Stop", icon=":material/stop:", on_click=stop_storing)
        else:
            records = found.records if found else 0
            # No callback: what it would be handed is of the run before, and the choice may have changed since.
            if st.button(
                f"Import {count(records, 'record')}" if records else "Import",
                type="primary",
                icon=":material/move_to_inbox:",
                disabled=not records or bool(found and found.problems and not skips),
                key="import-go",
                width="stretch",
            ):
                start_storing(workspace, source, mapping, skips, answers_by)
                st.rerun()
        if found and found.problems and not skips:
            st.caption("Nothing is imported yet: skip what cannot be used, or mend the file and choose it again.")
    if found and found.problems:
        list_problems(workspace, source, mapping, found)
    if taken:
        show_sample(taken)


require_shell("import")
workspace = current_workspace()
page_header("Import")
st.caption("Bring a dataset that exists already: read it, correct it, decide on each record, and export it again.")
if (storing := being_stored()) is not None and storing.is_done:
    forget_storing()
    if storing.result:
        forget_source()
        if storing.result.answers:
            st.switch_page("pages/runs.py", query_params={"run": storing.result.answers.id})
        go_to_review_of(storing.result.run)
    if storing.problem:
        st.error(escape_markdown(storing.problem), icon=":material/error:")
source = chosen_source(workspace)
if source is None:
    choose_source(workspace)
    past_imports(workspace)
else:
    take_in(workspace, source)
