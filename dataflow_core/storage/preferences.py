"""What people have set for a workspace or left unsaved in it, and which runs their scripts have planned there."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import delete, insert, select

from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.schema import preferences

#: The reasons for a rejection that a new workspace begins with. People make the list their own.
REASONS = ("Off topic", "Wrong or made up", "Not a task", "Repeats another", "Too vague", "Badly written")
_REASONS = "reasons"
_SCRIPT = "run of script "
_DRAFTS = "drafts: "
MOST_REASONS = 9  # one for each digit


class PreferenceStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def reasons(self) -> tuple[str, ...]:
        """The reasons for a rejection, in the order of their digits."""
        stored = self._get(_REASONS)
        return tuple(stored) if stored is not None else REASONS

    def set_reasons(self, reasons: list[str]) -> None:
        """Keep these, without empty and repeated ones, up to `MOST_REASONS`."""
        kept = list(dict.fromkeys(" ".join(storable(reason).split())[:80] for reason in reasons if reason.strip()))
        self._set(_REASONS, kept[:MOST_REASONS])

    def run_of_script(self, plan: str) -> str | None:
        """The run that a script with this plan, told by its fingerprint, has planned here last."""
        stored = self._get(_SCRIPT + plan)
        return None if stored is None else str(stored)

    def keep_run_of_script(self, plan: str, run_id: str) -> None:
        self._set(_SCRIPT + plan, run_id)

    def drafts(self, what: str, person: str) -> dict[str, Any]:
        """What this person has begun to write and not saved, by what it is about; last changed last."""
        return dict(self._get(f"{_DRAFTS}{what} of {person}") or {})

    def keep_draft(self, what: str, person: str, about: str, draft: Any) -> None:
        """Keep it in place of the one before; None drops that."""
        name = f"{_DRAFTS}{what} of {person}"
        with self._database.write() as connection:
            own = preferences.c.name == name
            kept = dict(connection.scalar(select(preferences.c.value).where(own)) or {})
            kept.pop(about, None)
            if draft is not None:
                kept[about] = json.loads(storable(json.dumps(draft, ensure_ascii=False)))
            connection.execute(delete(preferences).where(own))
            connection.execute(insert(preferences).values(name=name, value=kept))

    def _get(self, name: str) -> Any:
        with self._database.read() as connection:
            return connection.scalar(select(preferences.c.value).where(preferences.c.name == name))

    def _set(self, name: str, value: Any) -> None:
        with self._database.write() as connection:
            connection.execute(delete(preferences).where(preferences.c.name == name))
            connection.execute(insert(preferences).values(name=name, value=value))
