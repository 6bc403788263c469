"""Review: read, edit and decide the records, in a table or one by one."""

import streamlit as st

from ui.review.add import add_record
from ui.review.bar import show_bulk_buttons, show_counts, show_header, show_nothing_found
from ui.review.filters import generation, read_anew, show_filters, show_pages, snapshot_of
from ui.review.record import record_in_address, show_record
from ui.review.saving import show_problems
from ui.review.table import open_sheet, save_edits, show_sheet
from ui.session import current_workspace
from ui.shell import require_shell

require_shell("review")
workspace = current_workspace()
save_edits(workspace)  # before anything else: what comes next may show another page of the table

adds = show_header(workspace)
query, counts = show_filters(workspace, is_folded=bool(record_in_address()))
snapshot = snapshot_of(workspace, query)
if show_problems(workspace):
    read_anew()
    st.rerun()
with counts:
    show_counts(workspace, query, snapshot)

record = workspace.records.get(record_in_address()) if record_in_address() else None
if record is not None:
    show_record(workspace, snapshot, record)
elif snapshot.numbers:
    table = st.container(gap="small")
    page, size = show_pages(snapshot)
    sheet = open_sheet(workspace, snapshot.page(page, size), generation=generation(), generator=query.generators[0])
    with table:
        show_bulk_buttons(workspace, sheet)
        show_sheet(workspace, sheet)
else:
    show_nothing_found(workspace, query)
if adds:
    add_record(workspace, query)
