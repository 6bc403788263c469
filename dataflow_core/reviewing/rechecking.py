"""Looking anew at records whose findings are of older checks: after an update of the program, or of the workspace.

Imported records, which are stored before they are indexed for search or looked at, get both here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from dataflow_core import checks
from dataflow_core.models import Record
from dataflow_core.reviewing.review import judged_each
from dataflow_core.storage import digests, fulltext
from dataflow_core.storage.alone import alone
from dataflow_core.storage.database import Database
from dataflow_core.storage.planning import unindexed
from dataflow_core.storage.records import page
from dataflow_core.storage.schema import records

#: So many records a transaction, for as long as that takes everybody else waits.
CHUNK = 400
GAP = 0.01  # seconds left to the others in between


def is_due(database: Database) -> bool:
    """Whether any record has not been looked at by the present checks."""
    with database.read() as connection:
        outdated = select(records.c.number).where(records.c.checked < checks.VERSION).limit(1)
        return connection.scalar(outdated) is not None


def left(database: Database) -> int:
    """How many records are still to be looked at, or to be indexed for search."""
    with database.read() as connection:
        outdated = select(func.count()).select_from(records).where(records.c.checked < checks.VERSION)
        return connection.scalar(outdated) or 0


def index_new(connection: Connection, found: Sequence[Record]) -> None:
    """Index for search what of these is not yet."""
    new = digests.unindexed_among(connection, [record.number for record in found])
    fulltext.add(connection, [(one.number, fulltext.text_of(one.fields)) for one in found if one.number in new])


def recheck(database: Database) -> int:
    """Look at all of them; returns how many there were. May be stopped and begun again at any time.

    Where another process does so already it is left to that one, which takes also what has come since it began.
    """
    done = 0
    while True:
        with alone(database, "recheck") as is_alone:
            now = _recheck(database) if is_alone else 0
        done += now
        # Who was sent away just before the end of the block has left its records to this one.
        if not now or not is_due(database):
            return done


def _recheck(database: Database) -> int:
    database.tidy()  # what an import has left
    done = last = 0
    while True:
        with database.write() as connection:
            is_outdated = unindexed(records.c.checked) < checks.VERSION  # which may be all: they come in their order
            outdated = select(records.c.number).where(records.c.number > last, is_outdated)
            found = page(connection, list(connection.scalars(outdated.order_by(records.c.number).limit(CHUNK))))
            if not found:
                return done
            index_new(connection, found)
            digests.replace_digests(connection, judged_each(connection, found))
        done, last = done + len(found), found[-1].number
        time.sleep(GAP)
