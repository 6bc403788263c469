"""Having records written again by a model: asking for it, and taking or refusing what it proposes.

What a model writes is a proposal until a person accepts it. Only a single one may be taken over at once, and only where
nobody has edited the record. A proposal for a record that was changed since is shown, and cannot be accepted. Where all
of a run's are taken together, those for records that people have edited are left for a person to look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from dataflow_core.errors import UsageError
from dataflow_core.generators.rewrite import RewriteGenerator, Scope, check_scope
from dataflow_core.models import (
    Action,
    ActionState,
    Endpoint,
    Fields,
    Proposal,
    ProposalState,
    Record,
    Run,
    RunKind,
    RunState,
)
from dataflow_core.reviewing import accepting
from dataflow_core.reviewing.bulk import BulkActions
from dataflow_core.reviewing.carrying_out import EXTEND
from dataflow_core.storage import proposals, records, writing
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.rewrite_inputs import inputs_for, number_of, records_of
from dataflow_core.storage.rows import run_of
from dataflow_core.storage.runs import RunStore
from dataflow_core.storage.schema import runs

WHOLE = Scope()
#: So many of a selection are a run's inputs from the beginning.
FIRST = 500
_SELECTION = "selection"
_LOOK = 1.0  # seconds between two looks at a run that is being fed
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
        nobody has edited it. Raises `UsageError` where there is nothing to be written again.
        """
        if takes_over and len(set(which)) != 1:
            raise UsageError("Only a single record may be taken over at once: look at the others as proposals.")
        note = storable(note).strip()
        planned = self._inputs(list(dict.fromkeys(which)), note, scope)
        if len(planned) == 1:
            one = planned[0]
            check_scope(one["generator"], one["fields"], one["params"], scope)
        params = {"note": note, "scope": scope.as_fields(), "author": author, "takes_over": takes_over}
        source: Fields = {"name": "review", "lines": len(planned), "skipped": 0}
        return self._create(planned, params, endpoint, source, record=self._number_of(planned))

    def plan_selection(self, numbers: Sequence[int], note: str, *, endpoint: Endpoint, author: str) -> Run:
        """Store a run that has all these records written again as the note says, to be tried on a few of them first.

        Only the first ones are its inputs at once, however many there are: `workspace.carry_out` of what `rest_of`
        returns adds the others. Raises `UsageError` where none of the first ones can be written again.
        """
        chosen = list(dict.fromkeys(numbers))
        note = storable(note).strip()
        planned = self._inputs(chosen[:FIRST], note, WHOLE)
        _check_any(planned)
        params = {"note": note, "scope": WHOLE.as_fields(), "author": author, "takes_over": False}
        run = self._create(planned, params, endpoint, {"name": _SELECTION, "lines": len(chosen), "skipped": 0})
        if rest := chosen[FIRST:]:
            self._bulk.extend_rewriting(run.id, rest, author=author)
        return run

    def rest_of(self, run_id: str) -> Action | None:
        """What is to add those of the selection that are no inputs of the run yet; None where all are."""
        return next((one for one in self._bulk.extending() if one.params["run"] == run_id), None)

    def feed(self) -> Callable[[Action], None]:
        """What to be told of actions as they go on: a run that has outrun its planning is taken up again."""
        looked_at = 0.0

        def told(action: Action) -> None:
            nonlocal looked_at
            is_over = action.state is not ActionState.RUNNING
            if action.kind == EXTEND and (is_over or time.monotonic() - looked_at >= _LOOK):
                looked_at = time.monotonic()
                if self.has_outrun(self._runs.get(action.params["run"])):
                    self._runs.enqueue(action.params["run"], limit=None)

        return told

    def has_outrun(self, run: Run) -> bool:
        """Whether the run has come to its end, but not of all that was selected: the rest was planned too late."""
        is_at_end = run.state is RunState.FINISHED or (run.state is RunState.PAUSED and run.stopped_by == "limit")
        return is_at_end and run.limit is None and self._runs.progress(run.id).pending > 0

    def selection_of(self, run_id: str) -> list[int]:
        """The numbers of all the records that the run is about, those included that are no inputs yet."""
        rest = self.rest_of(run_id)
        with self._database.read() as connection:
            planned = records_of(connection, run_id)
        added = set(planned)
        return planned + [
            number for number in (self._bulk.selection(rest.number) if rest else ()) if number not in added
        ]

    def selections(self, *, limit: int = 8) -> list[Run]:
        """The runs over selections of records, newest first."""
        is_one = (runs.c.kind == RunKind.REWRITE) & (runs.c.source["name"].as_string() == _SELECTION)
        query = select(runs).where(is_one).order_by(runs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [run_of(row) for row in connection.execute(query).mappings()]

    def give_up(self, run_id: str, *, author: str) -> None:
        """Have nothing more written for the run, and refuse what it has proposed so far."""
        if rest := self.rest_of(run_id):
            self._bulk.stop(rest.number)
        self._runs.ask(run_id, "cancel")
        with self._database.read() as connection:
            is_any_open = bool(proposals.open_records(connection, run_id))
        if is_any_open:
            self._bulk.execute(self.refuse_all(run_id, author=author).number)

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
        """Plan to accept the run's open proposals; `workspace.carry_out` does it.

        Left aside are outdated ones and those for records that a person has edited: nobody has looked at what would
        become of these. Raises `UsageError` where none is open.
        """
        return self._bulk.accept_proposals(run_id, author=author, note=self._note(run_id))

    def refuse_all(self, run_id: str, *, author: str) -> Action:
        """Plan to refuse the run's open proposals, outdated ones among them; `workspace.carry_out` does it."""
        return self._bulk.refuse_proposals(run_id, author=author, note=self._note(run_id))

    def _note(self, run_id: str) -> str:
        return str(self._runs.get(run_id).params.get("note", ""))

    def _inputs(self, which: Sequence[str | int], note: str, scope: Scope) -> list[Fields]:
        planned: list[Fields] = []
        for start in range(0, len(which), _CHUNK):
            with self._database.read() as connection:
                planned += inputs_for(connection, which[start : start + _CHUNK], note, scope.as_fields())
        return planned

    def _number_of(self, planned: list[Fields]) -> int | None:
        if len(planned) != 1:
            return None
        with self._database.read() as connection:
            return number_of(connection, planned[0]["record"])

    def _create(
        self, planned: list[Fields], params: Fields, endpoint: Endpoint, source: Fields, *, record: int | None = None
    ) -> Run:
        return self._runs.create(
            RunPlan(
                name=params["note"][:80] or "Written again",
                generator=RewriteGenerator.name,
                params=params,
                endpoint=endpoint,
                prompt_version=RewriteGenerator(recipe=endpoint.recipe).prompt_version,
                inputs=planned,
                source=source,
                kind=RunKind.REWRITE,
                record=record,
            )
        )


def _check_any(planned: Sequence[Fields]) -> None:
    """Raise `UsageError` where none of the inputs can be written again, with what keeps the first one from it."""
    first: UsageError | None = None
    for one in planned:
        try:
            check_scope(one["generator"], one["fields"], one["params"], Scope.of(one["scope"]))
        except UsageError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def _get(connection: Connection, number: int) -> Proposal:
    proposal = proposals.find(connection, number)
    if proposal is None:
        raise UsageError(f"There is no proposal {number}.")
    return proposal
