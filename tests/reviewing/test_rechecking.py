"""Records that were last looked at by older checks, or by none, are looked at anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from dataflow_core.models import Fields
from dataflow_core.reviewing.rechecking import is_due, recheck
from dataflow_core.reviewing.staleness import MAYBE_STALE
from dataflow_core.storage import schema
from dataflow_core.storage.queries import DUPLICATE, Query
from dataflow_core.workspace import Workspace

FIELDS: Fields = {
    "atom_task": "Book a table.",
    "parallel_task": "Book a table.",
    "subsequent_task": "Tell the guests.",
    "composition_task": "Book a table and tell the guests.",
}


@pytest.fixture
def unchecked(workspace: Workspace) -> Workspace:
    """Three records, one of them edited, as a workspace of an earlier version holds them."""
    for _ in range(3):
        record = workspace.review.add(FIELDS, generator="ParaSeqTaskGenerator", author="Ada")
    changes = {"atom_task": "Book a room."}
    workspace.review.edit(record.id, changes, base_revision=1, author="Ada")
    with workspace.database.write() as connection:
        connection.execute(update(schema.records).values(checked=0, fingerprint=None))
        for table in (schema.findings, schema.sort_keys):
            connection.execute(delete(table))
    return workspace


def test_old_records_get_their_findings_fingerprints_and_sort_keys(unchecked: Workspace) -> None:
    assert is_due(unchecked.database)
    assert recheck(unchecked.database) == 3
    assert not is_due(unchecked.database)
    counts = unchecked.records.count_by_finding(Query())
    assert (counts["parallel-repeats-task"], counts[MAYBE_STALE], counts[DUPLICATE]) == (2, 1, 3)
    by_text = unchecked.records.page(unchecked.records.numbers(Query(sort="first text")))
    assert [record.fields["atom_task"] for record in by_text] == ["Book a room.", "Book a table.", "Book a table."]
    assert recheck(unchecked.database) == 0


def test_the_command_line_looks_at_them_too(unchecked: Workspace) -> None:
    command = [sys.executable, "-m", "dataflow_core", "recheck", "--workspace", str(unchecked.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert said.stdout == "3 records were looked at.\n"
