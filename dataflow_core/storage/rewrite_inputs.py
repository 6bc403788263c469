"""What rewriting runs are made from: records as they are when they are planned for, a part of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, Record
from dataflow_core.storage.new_runs import insert_inputs
from dataflow_core.storage.records import page
from dataflow_core.storage.schema import inputs, records, runs


def inputs_for(connection: Connection, which: Sequence[str | int], note: str, scope: Fields) -> list[Fields]:
    """The inputs that have these records, by id or number, written again, in this order.

    Raises `UsageError` for one that is not there.
    """
    return _inputs(connection, _records(connection, which), note, scope)


def number_of(connection: Connection, record_id: str) -> int | None:
    return connection.scalar(select(records.c.number).where(records.c.id == record_id))


def extend(connection: Connection, run_id: str, numbers: Sequence[int]) -> int:
    """Have the run write these records again, too, after those that it has; returns how many are still there."""
    params, planned = connection.execute(
        select(runs.c.params, func.coalesce(func.max(inputs.c.position) + 1, 0))
        .join(inputs, inputs.c.run_id == runs.c.id)
        .where(runs.c.id == run_id)
    ).one()
    made = _inputs(connection, page(connection, numbers), params["note"], params["scope"])
    return insert_inputs(connection, run_id, made, first=planned)


def records_of(connection: Connection, run_id: str) -> list[int]:
    """The numbers of the records that the run is about so far, in order."""
    record = inputs.c.fields["record"].as_string()
    query = select(records.c.number).join(inputs, records.c.id == record).where(inputs.c.run_id == run_id)
    return list(connection.scalars(query.order_by(inputs.c.position)))


def _inputs(connection: Connection, some: Sequence[Record], note: str, scope: Fields) -> list[Fields]:
    params, sources = _params_of(connection, some), _sources_of(connection, some)
    return [
        {
            "record": record.id,
            "revision": record.revision,
            "generator": record.generator,
            "params": params.get(record.run_id or "", {}),
            "fields": record.fields,
            "source": sources.get(record.input_id or "", {}),
            "note": note,
            "scope": scope,
        }
        for record in some
    ]


def _records(connection: Connection, which: Sequence[str | int]) -> list[Record]:
    ids = [one for one in which if isinstance(one, str)]
    by_id = select(records.c.id, records.c.number).where(records.c.id.in_(ids))
    numbers: dict[str | int, int] = {row[0]: row[1] for row in connection.execute(by_id)} if ids else {}
    found = page(connection, [numbers.get(one, one if isinstance(one, int) else -1) for one in which])
    if len(found) < len(which):
        raise UsageError("A record that was chosen is no longer in the workspace.")
    return found


def _params_of(connection: Connection, some: Sequence[Record]) -> dict[str, Fields]:
    """The params of the runs that made the records, by run id."""
    ids = {record.run_id for record in some}
    found: Any = connection.execute(select(runs.c.id, runs.c.params).where(runs.c.id.in_(ids)))
    return {row[0]: row[1] for row in found}


def _sources_of(connection: Connection, some: Sequence[Record]) -> dict[str, Fields]:
    """What is in the records' inputs and not in the records themselves, by input id."""
    by_input = {record.input_id: record for record in some if record.input_id is not None}
    found = connection.execute(select(inputs.c.id, inputs.c.fields).where(inputs.c.id.in_(list(by_input))))
    return {
        row[0]: {name: value for name, value in row[1].items() if name not in by_input[row[0]].fields} for row in found
    }
