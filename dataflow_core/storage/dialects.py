"""How endpoints turned out to want to be asked, so that the next run need not find out again."""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, delete, insert, select

from dataflow_core.models import Fields
from dataflow_core.storage.database import Database
from dataflow_core.storage.schema import dialects


class DialectStore:
    """Dialects as fields, by the address and the model that they were learnt from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, base_url: str, model: str) -> Fields | None:
        with self._database.read() as connection:
            found: Fields | None = connection.scalar(select(dialects.c.dialect).where(_is(base_url, model)))
        return found

    def save(self, base_url: str, model: str, fields: Fields) -> None:
        with self._database.write() as connection:
            connection.execute(delete(dialects).where(_is(base_url, model)))
            connection.execute(
                insert(dialects).values(base_url=base_url, model=model, dialect=fields, learned_at=time.time())
            )

    def forget(self, base_url: str, model: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(dialects).where(_is(base_url, model)))


def _is(base_url: str, model: str) -> ColumnElement[bool]:
    return (dialects.c.base_url == base_url) & (dialects.c.model == model)
