"""Export: take the judged records away as files for training."""

import streamlit as st

from dataflow_core.storage.queries import Query
from ui.export.choice import choose_records, count_by_generator, why_nothing_matches
from ui.export.files import show_files, show_preview, write_files
from ui.format import count
from ui.session import current_workspace
from ui.shell import empty_state, page_header, require_shell

require_shell("export")
workspace = current_workspace()
actions = page_header("Export")
query = choose_records(workspace)
by_generator = count_by_generator(workspace, query)

if by_generator:
    total = sum(by_generator.values())
    with actions:
        st.button(
            f"Export {count(total, 'record')}",
            type="primary",
            icon=":material/ios_share:",
            on_click=write_files,
            args=(workspace, query),
        )
    show_files(query)
    for generator, number in by_generator.items():
        show_preview(workspace, query, generator, number)
else:
    with empty_state("Nothing to export", why_nothing_matches(workspace, query), icon=":material/ios_share:"):
        if not workspace.records.count(Query()):
            if st.button("Make tasks", type="primary"):
                st.switch_page("pages/tasks.py")
        elif st.button("Go to Review", type="primary"):
            st.switch_page("pages/review.py")
