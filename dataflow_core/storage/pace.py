"""How quickly a person reviews, from what they have decided one by one."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, func, select

from dataflow_core.storage.schema import actions

#: Decisions that the median is taken of.
RECENT = 20
#: Somebody who did nothing for so many seconds was away.
AWAY = 300.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`seconds` is the median between two decisions, None while there are too few; `today` since midnight, here."""

    seconds: float | None
    today: int


def pace_of(connection: Connection, author: str) -> Pace:
    own = (actions.c.author == author) & (actions.c.kind == "decide") & actions.c.record.is_not(None)
    standing = own & actions.c.undone_by.is_(None)
    newest = select(actions.c.at).where(standing).order_by(actions.c.number.desc()).limit(RECENT + 1)
    times = list(connection.scalars(newest))
    gaps = [later - earlier for later, earlier in pairwise(times) if later - earlier < AWAY]
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    today = select(func.count(actions.c.record.distinct())).where(standing, actions.c.at >= midnight)
    return Pace(statistics.median(gaps) if len(gaps) > 2 else None, connection.scalar(today) or 0)
