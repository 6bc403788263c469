"""Having records written again by a model: asking for it, and taking or refusing what it proposes.

What a model writes is a proposal until a person accepts it. Only a single one may be taken over at once, and only where
nobody has ever edited the record. A proposal for a record that was changed since is shown, and cannot be accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from dataflow_core import accepting
from dataflow_core.bulk import BulkActions
from dataflow_core.errors import UsageError
from dataflow_core.generators.rewrite import RewriteGenerator, Scope, check_scope
from dataflow_core.models import Action, Endpoint, Fields, Proposal, ProposalState, Record, Run, RunKind
from dataflow_core.storage import proposals, records, writing
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.runs import RunPlan, RunStore
from dataflow_core.storage.schema import inputs, runs
from dataflow_core.storage.schema import records as records_table

WHOLE = Scope()
_CHUNK = 500


class Rewriting:
    def __init__(self, database: Database, runs_: RunStore, bulk: BulkActions) -> None:
        self._database = database
        self._runs = runs_
        self._bulk = bulk

    def plan(
        self,
        which: Sequence[str] | Sequence[int],
        note: str,
        *,
        endpoint: Endpoint,
        author: str,
        scope: Scope = WHOLE,
        takes_over: bool = False,
    ) -> Run:
        """Store a run that has records, by id or number, written again as the note says; `workspace.start` begins it.

        Its inputs are the records as they are now. `takes_over` has the one record changed as soon as it is written, if
        nobody has ever edited it. Raises `UsageError` where there is nothing to be written again.
        """
        if takes_over and len(set(which)) != 1:
            raise UsageError("Only a single record may be taken over at once: look at the others as proposals.")
        note = storable(note).strip()
        planned = self._inputs(list(dict.fromkeys(which)), note, scope)
        if len(planned) == 1:
            one = planned[0]
            check_scope(one["generator"], one["fields"], one["params"], scope)
        return self._runs.create(
            RunPlan(
                name=note[:80] or "Written again",
                generator=RewriteGenerator.name,
                params={"note": note, "scope": scope.as_fields(), "author": author, "takes_over": takes_over},
                endpoint=endpoint,
                prompt_version=RewriteGenerator(recipe=endpoint.recipe).prompt_version,
                inputs=planned,
                source={"name": "review", "lines": len(planned), "skipped": 0},
                kind=RunKind.REWRITE,
            )
        )

    def accept(self, number: int, *, author: str) -> Record:
        """Make the proposal its record's text. Raises `UsageError` where it is outdated or decided already."""
        with self._database.write() as connection:
            proposal = _get(connection, number)
            params: Fields = {"proposal": number}
            action = writing.begin_action(connection, "accept-proposal", author, record=proposal.record, params=params)
            accepting.accept(connection, proposal, author=author, action=action)
            (record,) = records.page(connection, [proposal.record])
            return record

    def refuse(self, number: int, *, author: str) -> None:
        """Raises `UsageError` where it was decided already."""
        with self._database.write() as connection:
            proposal = _get(connection, number)
            if proposal.state in (ProposalState.ACCEPTED, ProposalState.REFUSED):
                raise UsageError(f"This proposal was {proposal.state.value} already.")
            params: Fields = {"proposal": number}
            action = writing.begin_action(connection, "refuse-proposal", author, record=proposal.record, params=params)
            proposals.settle(connection, number, ProposalState.REFUSED, action=action)

    def accept_all(self, run_id: str, *, author: str) -> Action:
        """Plan to accept the run's open proposals, outdated ones aside; `workspace.carry_out` does it.

        Raises `UsageError` where none is open.
        """
        return self._bulk.accept_proposals(run_id, author=author)

    def refuse_all(self, run_id: str, *, author: str) -> Action:
        """Plan to refuse the run's open proposals, outdated ones among them; `workspace.carry_out` does it."""
        return self._bulk.refuse_proposals(run_id, author=author)

    def _inputs(self, which: Sequence[str | int], note: str, scope: Scope) -> list[Fields]:
        planned: list[Fields] = []
        for start in range(0, len(which), _CHUNK):
            with self._database.read() as connection:
                some = _records(connection, which[start : start + _CHUNK])
                params, sources = _params_of(connection, some), _sources_of(connection, some)
            planned += [
                {
                    "record": record.id,
                    "revision": record.revision,
                    "generator": record.generator,
                    "params": params.get(record.run_id or "", {}),
                    "fields": record.fields,
                    "source": sources.get(record.input_id or "", {}),
                    "note": note,
                    "scope": scope.as_fields(),
                }
                for record in some
            ]
        return planned


def _get(connection: Connection, number: int) -> Proposal:
    proposal = proposals.find(connection, number)
    if proposal is None:
        raise UsageError(f"There is no proposal {number}.")
    return proposal


def _records(connection: Connection, which: Sequence[str | int]) -> list[Record]:
    """In this order. Raises `UsageError` for one that is not there."""
    ids = [one for one in which if isinstance(one, str)]
    by_id = select(records_table.c.id, records_table.c.number).where(records_table.c.id.in_(ids))
    numbers: dict[str | int, int] = {row[0]: row[1] for row in connection.execute(by_id)} if ids else {}
    found = records.page(connection, [numbers.get(one, one if isinstance(one, int) else -1) for one in which])
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
