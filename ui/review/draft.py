"""The record that is open on the Review page: what the person has seen of it, and what has been saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dataflow_core.models import Fields, Record, ReviewStatus
from dataflow_core.workspace import Workspace
from ui.review.filters import generation
from ui.review.saving import save_field, save_status

_DRAFT = "review_draft"


@dataclass
class Draft:
    """One record as it was opened. Saving may be repeated: a value goes out once."""

    record: Record
    prefix: str  # of its widgets' keys
    decided_at: int  # the revision that a decision is about
    bases: dict[str, int] = field(default_factory=dict)  # by field: the revision it was last saved as
    sent: Fields = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)

    def key(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def show(self, workspace: Workspace, name: str, value: Any) -> None:
        """Save what a field's widget holds after it has been shown; `value` is the record's own where it is untouched.

        After a restart of the server the browser sends its edits again, with the first showing: those that the
        history knows are left alone, for somebody may have changed the same field since.
        """
        if name not in self.shown:
            self.shown.add(name)
            if value != self.record.fields.get(name):
                history = workspace.records.history(self.record.id)
                if any(revision.fields.get(name) == value for revision in history):
                    self.sent[name] = value
        self.save(workspace, name, value)

    def save(self, workspace: Workspace, name: str, value: Any) -> None:
        """For a callback of the field's widget."""
        if self.sent.get(name, self.record.fields.get(name)) == value:
            return
        base = self.bases.get(name, self.record.revision)
        edited = save_field(workspace, self.record, name, value, base=base)
        if edited is None:
            return  # to be tried again
        self.sent[name] = value
        if edited.conflicts:
            return
        self.bases[name] = edited.record.revision
        if edited.record.revision == self.decided_at + 1:  # nobody else's change lies between
            self.decided_at = edited.record.revision

    def decide(self, workspace: Workspace, status: ReviewStatus) -> bool:
        return save_status(workspace, {self.record.id: self.decided_at}, status)


def open_draft(record: Record) -> Draft:
    """Return the record's draft; a new one where another record is open, or it is to be read anew."""
    prefix = f"record-{record.id}-{generation()}"
    draft: Draft | None = st.session_state.get(_DRAFT)
    if draft is None or draft.prefix != prefix:
        draft = Draft(record, prefix, record.revision)
        st.session_state[_DRAFT] = draft
    return draft
