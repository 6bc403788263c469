"""The records that are open on the Review page: what the person has seen of each, and what has been saved.

The browser names a *document*: a record and the revision of it that was loaded. Its edits may come late, twice, or
after a restart of the server, so what they are about is told by the document alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, Record, ReviewStatus, RevisionKind
from dataflow_core.workspace import Workspace
from ui.names import CUSTOM
from ui.review.saving import save_field, save_status
from ui.review.snapshots import generation
from ui.session import reviewer
from ui.text import escape_markdown
from ui.typed import Kinds, from_typed, kinds_of
from ui.values import as_editable, from_text

_DRAFTS = "review_drafts"
_MOST = 8  # kept: edits of a record that was left may still be on their way


@dataclass
class Draft:
    """One record as it was opened. Saving may be repeated: a value goes out once."""

    record: Record
    loaded: Fields  # at the revision that the document names
    document: str
    generation: int
    decided_at: int  # the revision that a decision is about
    bases: dict[str, int] = field(default_factory=dict)  # by field: the revision it was last saved as
    sent: Fields = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # by field: why what was typed is not saved
    kinds: Kinds | None = None
    shown: set[int] = field(default_factory=set)  # revisions with no change in between that the person has not made

    def __post_init__(self) -> None:
        self.shown.add(self.decided_at)

    @property
    def stamp(self) -> str:
        """What is on screen."""
        return f"{self.record.id}:{self.decided_at}"

    def save(self, workspace: Workspace, name: str, value: Any) -> bool:
        """False where it could not be written, and is to be tried again."""
        if self.sent.get(name, self.loaded.get(name)) == value:
            return True
        base = self.bases.get(name, _loaded_revision(self.document))
        edited = save_field(workspace, self.record, name, value, base=base)
        if edited is None:
            return False
        self.sent[name] = value
        if edited.conflicts:
            return True  # it is kept until the person chooses
        self.bases[name] = edited.record.revision
        if edited.record.revision == self.decided_at + 1:  # nobody else's change lies between
            self.decided_at = edited.record.revision
            self.shown.add(self.decided_at)
        return True

    def save_texts(self, workspace: Workspace, texts: Mapping[str, str]) -> bool:
        known = [(name, text) for name, text in texts.items() if name in self.loaded]
        if self.record.generator == CUSTOM:
            saved = [self._save_typed(workspace, name, text) for name, text in known]
        else:
            saved = [self.save(workspace, name, from_text(text, self.loaded[name])) for name, text in known]
        return all(saved)

    def kinds_in(self, workspace: Workspace) -> Kinds:
        """What each field of a record of one's own holds."""
        if self.kinds is None:
            self.kinds = kinds_of(workspace.records.params_of(self.record), self.loaded)
        return self.kinds

    def _save_typed(self, workspace: Workspace, name: str, text: str) -> bool:
        """What is not of the field's type waits in the editor, and the person is told."""
        self.problems.pop(name, None)
        try:
            value = from_typed(text, self.kinds_in(workspace)[name], before=self.loaded[name])
        except UsageError as error:
            self.problems[name] = f"Not saved: this {error}."
            return True
        return self.save(workspace, name, value)

    def text(self, name: str) -> str:
        """The field as the person has it."""
        return as_editable(self.sent.get(name, self.loaded.get(name)))

    def decide(self, workspace: Workspace, stamp: str, status: ReviewStatus, reason: str = "") -> bool:
        """Decide what the stamp says was on screen. False where nothing was decided; the person is told why."""
        record_id, seen = stamp.partition(":")[0], _loaded_revision(stamp)
        if record_id != self.record.id:
            return False
        if self.problems and status is ReviewStatus.ACCEPTED:
            names = ", ".join(f"“{name}”" for name in self.problems)
            st.toast(escape_markdown(f"Not accepted: what stands in {names} is not saved."), icon=":material/error:")
            return False
        revision = self.decided_at if seen in self.shown else seen
        left_alone = save_status(workspace, {self.record.id: revision}, status, reason=reason)
        return left_alone is not None and not left_alone


def open_draft(record: Record) -> Draft:
    """Return the record's draft; a new one where it is to be read anew."""
    for draft in reversed(_drafts().values()):
        if draft.record.id == record.id and draft.generation == generation():
            return draft
    return _keep(Draft(record, record.fields, f"{record.id}:{record.revision}", generation(), record.revision))


def draft_of(workspace: Workspace, document: str) -> Draft | None:
    """The draft that a document of the browser's names; None where there is no such record."""
    if (draft := _drafts().get(document)) is not None:
        return draft
    record = workspace.records.get(document.partition(":")[0])
    if record is None:
        return None
    revisions = {revision.number: revision for revision in workspace.records.history(record.id)}
    loaded = revisions.get(_loaded_revision(document))
    if loaded is None:
        return None
    draft = Draft(record, loaded.fields, document, generation(), record.revision)
    own = reviewer()
    for number, revision in sorted(revisions.items()):  # what this person has saved of it, and is not known here
        if number <= loaded.number or revision.author != own:
            continue
        if revision.kind is not RevisionKind.EDITED or revision.reason:
            break  # undone or replaced, and on screen as another document since: what this one says is not typed anew
        before = revisions[number - 1].fields
        changed = {name: value for name, value in revision.fields.items() if value != before.get(name)}
        draft.bases |= dict.fromkeys(changed, number)
        draft.sent |= changed
    return _keep(draft)


def _keep(draft: Draft) -> Draft:
    drafts = _drafts()
    drafts.pop(draft.document, None)
    drafts[draft.document] = draft
    while len(drafts) > _MOST:
        drafts.pop(next(iter(drafts)))
    return draft


def _drafts() -> dict[str, Draft]:
    drafts: dict[str, Draft] = st.session_state.setdefault(_DRAFTS, {})
    return drafts


def _loaded_revision(document: str) -> int:
    number = document.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
