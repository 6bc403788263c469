"""The endpoints that a workspace knows. The embedded model is always one of them."""

from __future__ import annotations

import time
from dataclasses import asdict

from sqlalchemy import delete, insert, select

from dataflow_core.errors import UsageError
from dataflow_core.models import EMBEDDED, Endpoint
from dataflow_core.storage.database import Database
from dataflow_core.storage.schema import endpoints, preferences

_DEFAULT = "default endpoint"


class EndpointStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Endpoint]:
        """In the order in which they were added; the embedded model last."""
        with self._database.read() as connection:
            rows = connection.execute(select(endpoints).order_by(endpoints.c.created_at)).mappings().all()
        names = Endpoint.__dataclass_fields__
        return [*(Endpoint(**{name: row[name] for name in names}) for row in rows), EMBEDDED]

    def get(self, name: str) -> Endpoint:
        for endpoint in self.all():
            if endpoint.name == name:
                return endpoint
        raise UsageError(f"There is no endpoint {name!r} in this workspace. Add it on the Settings page.")

    def save(self, endpoint: Endpoint) -> None:
        """Add the endpoint or replace the one of its name. The first one added becomes the default."""
        if not endpoint.name.strip():
            raise UsageError("The endpoint needs a name.")
        if endpoint.name == EMBEDDED.name:
            raise UsageError(f"{EMBEDDED.name!r} is built in. Choose another name.")
        is_first = len(self.all()) == 1
        with self._database.write() as connection:
            before = connection.scalar(select(endpoints.c.created_at).where(endpoints.c.name == endpoint.name))
            connection.execute(delete(endpoints).where(endpoints.c.name == endpoint.name))
            connection.execute(insert(endpoints).values(**asdict(endpoint), created_at=before or time.time()))
        if is_first:
            self.make_default(endpoint.name)

    def delete(self, name: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(endpoints).where(endpoints.c.name == name))

    def default(self) -> Endpoint:
        """The endpoint chosen as default, else the first one added, else the embedded model."""
        with self._database.read() as connection:
            name = connection.scalar(select(preferences.c.value).where(preferences.c.name == _DEFAULT))
        known = self.all()
        return next((endpoint for endpoint in known if endpoint.name == name), known[0])

    def make_default(self, name: str) -> None:
        self.get(name)
        with self._database.write() as connection:
            connection.execute(delete(preferences).where(preferences.c.name == _DEFAULT))
            connection.execute(insert(preferences).values(name=_DEFAULT, value=name))

    def copy_from(self, other: EndpointStore) -> None:
        for endpoint in other.all():
            if endpoint != EMBEDDED:
                self.save(endpoint)
        self.make_default(other.default().name)
