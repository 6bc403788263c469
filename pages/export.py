"""Export: take the judged records away as files for training."""

import streamlit as st

from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.storage.queries import Query
from ui.export.checking import headline, looked_at, show_findings
from ui.export.choice import choose_records, count_by_generator, why_nothing_matches
from ui.export.formats import choose_fields, choose_format
from ui.export.options import choose_options
from ui.export.past import past_exports
from ui.export.preview import previewed, show_preview
from ui.export.splits import choose_splits
from ui.export.stored import show_opened
from ui.export.writing import being_written, is_opened_from_list, show_problem, start_writing, stop_writing
from ui.format import count
from ui.jobs import show_progress
from ui.session import current_workspace
from ui.shell import empty_state, page_header, require_shell
from ui.text import escape_markdown

require_shell("export")
workspace = current_workspace()
page_header("Export")
writing = being_written()
show_problem()
if not is_opened_from_list():
    show_opened(workspace)
query = choose_records(workspace)
by_generator = count_by_generator(workspace, query)

if by_generator:
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        format_name = choose_format()
        fields = choose_fields(workspace, query, list(by_generator), format_name)
        splits = choose_splits()
        options = choose_options(format_name)
    plan = ExportPlan(
        query,
        format_name,
        options.compression,
        fields,
        splits,
        options.limit,
        options.leave_out,
        has_mark=options.has_mark,
    )
    look = looked_at(workspace, plan)
    with right.container(border=True, gap="small", key="export-preflight"):
        # The button comes before what is found, which changes as soon as a field is left for the button.
        st.markdown(headline(look.result))
        if writing:
            show_progress(writing, key="export-progress")
            st.button("Stop", icon=":material/stop:", on_click=stop_writing)
        else:
            number = look.result.total if look.result else 0
            # No callback: what it would be handed is of the run before, and the choice may have changed since.
            if st.button(
                f"Export {count(number, 'record')}" if number else "Export",
                type="primary",
                icon=":material/ios_share:",
                disabled=not number,
                key="export-go",
                width="stretch",
            ):
                start_writing(workspace, plan, options.about)
                st.rerun()
        if look.result:
            show_findings(workspace, plan, look.result)
        elif look.problem:
            st.error(escape_markdown(look.problem), icon=":material/error:")
        else:
            show_progress(look, key="export-looking")
    if rows := previewed(workspace, plan).result:
        show_preview(plan, {kind: rows[kind] for kind in by_generator if rows.get(kind)})
else:
    with empty_state("Nothing to export", why_nothing_matches(workspace, query), icon=":material/ios_share:"):
        if not workspace.records.count(Query()):
            if st.button("Make tasks", type="primary"):
                st.switch_page("pages/tasks.py")
            if st.button("Import a dataset"):
                st.switch_page("pages/import.py")
        elif st.button("Go to Review", type="primary"):
            st.switch_page("pages/review.py")
past_exports(workspace)
