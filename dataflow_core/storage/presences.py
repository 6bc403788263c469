"""Which records people have open at the moment."""

from __future__ import annotations

import time

from sqlalchemy import delete, insert, select

from dataflow_core.storage.database import Database
from dataflow_core.storage.schema import presences

#: A record that nothing was heard about for so many seconds is taken for left.
LEFT_AFTER = 300.0


class PresenceStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, record: int, *, session: str, reviewer: str) -> None:
        """Note which record a browser session has open, by number; it has no other one open then."""
        with self._database.write() as connection:
            connection.execute(delete(presences).where(presences.c.session == session))
            values = {"session": session, "record": record, "reviewer": reviewer, "seen_at": time.time()}
            connection.execute(insert(presences).values(values))

    def leave(self, session: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(presences).where(presences.c.session == session))

    def others(self, session: str) -> dict[int, str]:
        """The records that other sessions have open, by number, with the reviewers' names."""
        here = (presences.c.session != session) & (presences.c.seen_at > time.time() - LEFT_AFTER)
        with self._database.read() as connection:
            rows = connection.execute(select(presences.c.record, presences.c.reviewer).where(here))
            return {row[0]: row[1] for row in rows}
