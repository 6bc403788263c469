"""Opens a folder as a workspace and wires its parts: the one door for the app and the command line."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dataflow_core import background
from dataflow_core.errors import DataflowError, DiskFullError, WorkspaceError
from dataflow_core.exporting.bundles import Bundles
from dataflow_core.exporting.engine import Exports
from dataflow_core.generators import build_generator
from dataflow_core.generators.base import Generator, TwoStages
from dataflow_core.generators.of_scripts import is_of_script
from dataflow_core.importers.imports import Imports
from dataflow_core.models import (
    Action,
    Budget,
    Endpoint,
    Failure,
    Fields,
    Input,
    Progress,
    Run,
    RunKind,
    RunState,
    Stage,
)
from dataflow_core.planning.intents import builtin_intents
from dataflow_core.planning.plans import Planner
from dataflow_core.reviewing import rechecking
from dataflow_core.reviewing.accepting import RewriteLedger
from dataflow_core.reviewing.bulk import BulkActions
from dataflow_core.reviewing.carrying_out import is_of_texts
from dataflow_core.reviewing.review import Review
from dataflow_core.reviewing.rewriting import Rewriting
from dataflow_core.running.runner import Outcome, Runner
from dataflow_core.serving import open_serving
from dataflow_core.serving.base import Serving
from dataflow_core.serving.dialect import Dialect
from dataflow_core.serving.keys import PASTED_KEY_ENV, base_url_of
from dataflow_core.storage.database import Database
from dataflow_core.storage.dialects import DialectStore
from dataflow_core.storage.endpoints import EndpointStore
from dataflow_core.storage.intents import IntentStore
from dataflow_core.storage.leases import LeaseStore
from dataflow_core.storage.ledger import Ledger
from dataflow_core.storage.preferences import PreferenceStore
from dataflow_core.storage.prompts import PromptStore
from dataflow_core.storage.proposals import ProposalStore
from dataflow_core.storage.provenance import ProvenanceReader
from dataflow_core.storage.recipes import RecipeStore
from dataflow_core.storage.records import RecordStore
from dataflow_core.storage.requests import RequestStore
from dataflow_core.storage.runs import RunStore
from dataflow_core.storage.workers import WorkerStore

DATABASE = "workspace.db"
#: An action on so many records takes a moment only; one that changes their texts, on so many.
AT_ONCE, TEXTS_AT_ONCE = 2_000, 100
#: A file kept while a run is executed and given up when the disk is full, so that the run can still store its last
#: answers and why it paused. Several times what SQLite's log takes before it is carried over into the database.
RESERVE_BYTES = 16 * 1024 * 1024
#: Mixed into the mark of a pasted key, so that nothing can be found out about the key from it.
_SALT = secrets.token_bytes(16)


class Workspace(Planner):
    """A folder with one database. `create` makes it where it is missing; otherwise that is a `WorkspaceError`."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder.resolve()
        self.name = self.folder.name
        if not (self.folder / DATABASE).exists():
            if not create:
                raise WorkspaceError(f"{folder} is not a workspace: it has no {DATABASE}.")
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WorkspaceError(f"The folder {folder} cannot be made: {error.strerror}.") from error
        self.database = Database(f"sqlite:///{self.folder / DATABASE}")
        self.runs = RunStore(self.database)
        self.records = RecordStore(self.database)
        self.review = Review(self.database)
        self.bulk = BulkActions(self.database)
        self.rewriting = Rewriting(self.database, self.runs, self.bulk)
        self.proposals = ProposalStore(self.database)
        self.requests = RequestStore(self.database)
        self.workers = WorkerStore(self.database)
        self.preferences = PreferenceStore(self.database)
        self.provenance = ProvenanceReader(self.database)
        self.leases = LeaseStore(self.database)
        self.dialects = DialectStore(self.database)
        self.endpoints = EndpointStore(self.database)
        self.intents = IntentStore(self.database, builtin_intents())
        self.recipes = RecipeStore(self.database)
        self.prompts = PromptStore(self.database)
        self.imports = Imports(self.database, self.runs, self.recheck)
        self.exports = Exports(self.records, self.name, self.folder)
        self.bundles = Bundles(self.records, self.exports, self.folder, self.name)

    def enqueue(self, run: Run, *, limit: int | None = None, budget: Budget | None = None) -> None:
        """Say that the run is about to be taken up. Raises `RunIsLiveError`."""
        self.runs.enqueue(run.id, limit=limit, endpoint=self.endpoint_of(run), budget=budget)

    def retry(
        self,
        run_id: str,
        *,
        stage: Stage | None = None,
        input_ids: Sequence[str] | None = None,
        endpoint: Endpoint | None = None,
    ) -> int:
        """Make failed inputs pending again and return how many; `start` takes them up.

        With `endpoint` the run goes on with that one from now on, whatever its model. Raises `RunIsLiveError`, and
        `UsageError` for a run whose generator only a script has, or whose prompt is not for models of that size.
        """
        run = self.runs.get(run_id)
        _check_can_execute(run)
        if endpoint is None:
            return self.runs.retry_failed(run_id, stage=stage, input_ids=input_ids)
        generator = build_generator(run.generator, run.params, recipe=endpoint.recipe)
        count = self.runs.retry_failed(run_id, stage=stage, input_ids=input_ids)
        self.runs.change_endpoint(run.id, endpoint, prompt_version=generator.prompt_version)
        return count

    def answer_accepted(self, run_id: str) -> int:
        """Have the accepted skeletons of a run that reviews them answered, and return how many; `start` does it.

        Raises `RunIsLiveError`.
        """
        return self.runs.answer_accepted(self.runs.get(run_id).id)

    def blank(self, run: Run, failure: Failure) -> Fields:
        """The record of a failed input for a person to write: with empty texts where nothing was answered."""
        if is_of_script(run.generator, run.params):
            return dict.fromkeys(run.params.get("outputs", ()), "")
        item = Input(failure.input_id, failure.position, failure.fields, failure.attempts - 1)
        ledger = self.ledger_of(run)
        generator = build_generator(run.generator, run.params, recipe=run.endpoint.recipe)
        if isinstance(generator, TwoStages) and (skeleton := ledger.skeletons([item]).get(item.id)):
            return generator.unanswered(skeleton.fields)
        logged = ledger.logged([item]).get(item.id, {})
        return generator.blank(item, {step: completion for step, (_, completion) in logged.items()})

    def endpoint_of(self, run: Run) -> Endpoint:
        """Where the run would go on: at its endpoint's present address, which may have been corrected.

        Its model changes only as long as nothing was answered: with another model it would be another run.
        """
        present = next((one for one in self.endpoints.all() if one.name == run.endpoint.name), run.endpoint)
        is_same = (present.kind, present.model) == (run.endpoint.kind, run.endpoint.model)
        if not is_same and present.kind == run.endpoint.kind:
            is_same = not self.runs.has_answers(run.id)
        return present if is_same else run.endpoint

    def start(
        self,
        run_id: str,
        *,
        limit: int | None = None,
        budget: Budget | None = None,
        key: Callable[[Endpoint], str | None] = lambda _: None,
    ) -> None:
        """Start or resume the run in a process of its own, which outlives this one.

        `limit` takes up only the first so many inputs (*Try on N*); starting again without it does the rest.
        `budget` None leaves the one that the run has. `key` is asked for a key for the endpoint that will be called;
        it reaches the process through its environment only. Raises `RunIsLiveError`, and `UsageError` for a run whose
        generator only a script has.

        A rewriting run is taken up by the workspace's worker, which is started where it is not there. A pasted key has
        a worker of its own, for the key's address only: the environment of one that runs cannot be added to.
        """
        run = self.runs.get(run_id)
        endpoint = self.endpoint_of(run)
        _check_can_execute(run)
        pasted = key(endpoint)
        environ = {name: value for name, value in os.environ.items() if name != PASTED_KEY_ENV}
        if pasted is not None:
            environ[PASTED_KEY_ENV] = pasted
        if run.kind is RunKind.REWRITE:
            name = _worker_name(endpoint, pasted)
            self.workers.assign(run.id, name)
            self.runs.enqueue(run.id, limit=limit, endpoint=endpoint, budget=budget)
            if self.workers.must_start(name):
                self._start_process("worker", "--name", name, log="worker", environ=environ)
            return
        self.keep_reserve(run.id)
        self.runs.enqueue(run.id, limit=limit, endpoint=endpoint, budget=budget)
        self._start_process("run", run.id, log=run.id, environ=environ)

    def carry_out(self, action: Action) -> Action:
        """Do a planned action on many records: at once where these are few, else in a process of its own.

        Returns it as it stands; `bulk.get` tells how it goes on.
        """
        if action.total - action.done <= (TEXTS_AT_ONCE if is_of_texts(action) else AT_ONCE):
            return self.execute_action(action.number)
        self.bulk.hand_over(action.number)
        self._start_process("action", str(action.number), log=str(action.number))
        return self.bulk.get(action.number)

    def execute_action(self, number: int) -> Action:
        """Do what is left of the action in this process. Raises `UsageError` where it cannot go on."""
        return self.bulk.execute(number, progress=self.rewriting.feed())

    def recheck(self) -> None:
        """Where records were last looked at by older checks, look at them anew, in a process of its own."""
        if rechecking.is_due(self.database):
            self._start_process("recheck", "all", log="all")

    def _start_process(self, *what: str, log: str, environ: Mapping[str, str] | None = None) -> None:
        arguments = [*what, "--workspace", str(self.folder), "--quiet"]
        background.start(arguments, log=self.folder / "logs" / f"{log}.log", environ=environ)

    async def execute(
        self,
        run_id: str,
        *,
        key: str | None = None,
        progress: Callable[[Progress], None] | None = None,
        serving: Serving | None = None,
        generator: Generator | None = None,
        reserve: str = "",
    ) -> Outcome:
        """Execute the run in this process and event loop. Raises `RunIsLiveError` while another process does.

        `progress` is called about twice a second, from a thread. `serving` is called in place of the endpoint's own,
        and `generator` is used in place of the one that the run's params describe. `reserve` names what is kept for a
        full disk by several runs together; without it the run has its own.
        """
        self.keep_reserve(reserve or run_id)
        run = self.runs.claim(run_id)
        try:
            made = generator or build_generator(run.generator, run.params, recipe=run.endpoint.recipe)
            opened = serving or self.open_serving(run.endpoint, key)
            runner = self._runner(run, made, opened, progress, reserve or run.id)
        except DataflowError as error:
            self.runs.release(run.id, RunState.PAUSED, str(error), "problem")
            raise
        else:
            return await runner.execute()
        finally:
            if not reserve:
                self.free_reserve(run.id)

    def ledger_of(self, run: Run) -> Ledger:
        if run.kind is RunKind.REWRITE:
            return RewriteLedger(self.database, run)
        return Ledger(self.database, run.id, run.generator)

    def _runner(
        self,
        run: Run,
        generator: Generator,
        serving: Serving,
        progress: Callable[[Progress], None] | None,
        reserve: str,
    ) -> Runner:
        return Runner(
            run,
            runs=self.runs,
            leases=self.leases,
            ledger=self.ledger_of(run),
            generator=generator,
            serving=serving,
            progress=(lambda: progress(self.runs.progress(run.id))) if progress else lambda: None,
            free_reserve=lambda: self.free_reserve(reserve),
        )

    def open_serving(self, endpoint: Endpoint, key: str | None = None) -> Serving:
        """The endpoint, asked as it has turned out to want to be asked; what is learnt now is kept, too."""
        base_url, model = base_url_of(endpoint), endpoint.model
        stored = self.dialects.get(base_url, model)
        return open_serving(
            endpoint,
            key,
            known=Dialect.of(stored) if stored else None,
            learnt=lambda dialect: self.dialects.save(base_url, model, dialect.as_fields()),
        )

    def keep_reserve(self, run_id: str) -> None:
        """Set some room aside for what the run must still store when the disk is full. Raises `DiskFullError`."""
        reserve = self._reserve(run_id)
        if not reserve.exists():
            try:
                reserve.write_bytes(bytes(RESERVE_BYTES))
            except OSError as error:
                reserve.unlink(missing_ok=True)
                raise DiskFullError(f"The disk that holds {self.folder} is full. Free some space first.") from error

    def free_reserve(self, run_id: str) -> None:
        self._reserve(run_id).unlink(missing_ok=True)

    def _reserve(self, run_id: str) -> Path:
        return self.folder / f"reserve-{run_id}"

    def is_there(self) -> bool:
        """False once the folder was deleted."""
        return (self.folder / DATABASE).exists()

    def close(self) -> None:
        self.database.close()


def _check_can_execute(run: Run) -> None:
    """Raise `UsageError` where no process of ours can make the run's generator."""
    build_generator(run.generator, run.params, recipe=run.endpoint.recipe)


def _worker_name(endpoint: Endpoint, key: str | None) -> str:
    """The worker that can call the endpoint: the common one, or the one that was handed this key."""
    if key is None:
        return ""
    return f"{base_url_of(endpoint)} {hashlib.sha256(_SALT + key.encode()).hexdigest()[:12]}"
