"""Review: read, edit and decide the records of a queue, one by one with the keyboard or many in a table."""

import streamlit as st

from ui.review.add import add_record
from ui.review.bar import ask_name, show_counts, show_header, show_nothing_found
from ui.review.content import save_content
from ui.review.filters import show_filters
from ui.review.focus import first_to_review, open_record, record_in_address, show_focus
from ui.review.indexing import show_indexing
from ui.review.paging import listed
from ui.review.saving import show_problems
from ui.review.snapshots import read_anew
from ui.review.table import save_edits
from ui.review.table_view import show_table, show_what_goes_on
from ui.session import current_workspace
from ui.shell import require_shell

require_shell("review")
workspace = current_workspace()
# Before anything else: what comes next may show other records.
save_edits(workspace)
save_content(workspace)

wish = show_header(workspace)
query, counts = show_filters(workspace, is_folded=bool(record_in_address()) or wish == "focus")
snapshot = listed(workspace, query)
if wish == "focus" and (first := first_to_review(workspace, snapshot)):
    open_record(first)
    st.rerun()
ask_name()
if workspace.records.get(record_in_address()) is not None:
    show_focus(workspace, snapshot)
else:
    if show_problems(workspace):
        read_anew()
        st.rerun()
    with counts:
        show_counts(workspace, snapshot)
    show_indexing(workspace)
    if snapshot.numbers:
        show_table(workspace, snapshot)
    else:
        show_what_goes_on(workspace)
        show_nothing_found(workspace, query)
if wish == "add":
    add_record(workspace, query)
