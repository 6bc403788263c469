"""Two prompts over the same inputs: both runs planned, and what came of them set side by side, input by input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from ulid import ULID

from dataflow_core import checks
from dataflow_core.errors import UsageError
from dataflow_core.generators import GENERATORS, build_generator
from dataflow_core.generators.prompt_check import check_prompt
from dataflow_core.models import Endpoint, Fields, Finding, InputState, PromptTexts, Record, ReviewStatus, Run
from dataflow_core.storage.comparisons import InputEnd, Taken, inputs_of, made_of, taken_by
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.workspace import Workspace

#: How many inputs two prompts are compared on, unless told otherwise; and what such a run's source is called.
INPUTS, SOURCE = 10, "comparison"


@dataclass(frozen=True, slots=True)
class Output:
    """What a model made of an input, as it was before anybody changed it. `record` is as it is now."""

    record: Record
    fields: Fields
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """An input that both runs have, with what became of it in each: an output, or why there is none."""

    position: int
    fields: Fields
    a: Output | None
    b: Output | None
    why_not_a: str = ""
    why_not_b: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """What a run made of the inputs that both have, and what that took."""

    run: Run
    taken: Taken
    made: int
    failed: int
    findings: Mapping[str, int]  # by check, as `checks.LABELS` names them: the outputs it was found in
    accepted: int
    rejected: int

    @property
    def acceptance(self) -> float | None:
        """The share of the reviewed records that was accepted; None before one was."""
        decided = self.accepted + self.rejected
        return self.accepted / decided if decided else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`alone` counts the inputs that only one of the runs has."""

    a: Side
    b: Side
    pairs: tuple[Pair, ...]
    alone: int


def compare(workspace: Workspace, run_a: str, run_b: str) -> Comparison:
    """Set what two runs made of the same inputs side by side.

    Inputs are the same where they have equal fields at equal positions. Raises `UsageError` for runs of different
    generators, or without an input in common.
    """
    runs = workspace.runs.get(run_a), workspace.runs.get(run_b)
    if runs[0].generator != runs[1].generator:
        raise UsageError(f"A run of {runs[0].generator} and one of {runs[1].generator} make nothing that is alike.")
    with workspace.database.read() as connection:
        of_a, of_b = (inputs_of(connection, run.id) for run in runs)
        other = {one.position: one for one in of_b}
        both = [one for one in of_a if one.position in other and other[one.position].fields == one.fields]
        if not both:
            raise UsageError("The two runs have no input in common. Compare runs that were made from the same inputs.")
        a = _read(connection, runs[0], both)
        b = _read(connection, runs[1], [other[one.position] for one in both])
    pairs = tuple(
        Pair(one.position, one.fields, a.made.get(one.position), b.made.get(one.position), why_not_a, why_not_b)
        for one, why_not_a, why_not_b in zip(both, a.why_not(), b.why_not(), strict=True)
    )
    return Comparison(a.side(), b.side(), pairs, len(of_a) + len(of_b) - 2 * len(both))


def plan_comparison(
    workspace: Workspace,
    prompts: tuple[PromptTexts, PromptTexts],
    inputs: Sequence[Fields],
    *,
    endpoint: Endpoint,
    params: Fields | None = None,
) -> tuple[Run, Run]:
    """Store a run for each of the two prompts, over the same inputs; `workspace.start` begins each.

    `params` are the generator's own, or those of an earlier run that the inputs are of; its prompt and examples are
    left aside. Raises `UsageError` for prompts that are the same, of different generators, or cannot be used, and
    without inputs.
    """
    first, second = prompts
    if first == second:
        raise UsageError(f"Both are “{first.label}”. Choose two prompts, or two versions of one.")
    if first.generator != second.generator:
        raise UsageError(
            f"“{first.label}” and “{second.label}” are for different generators, and make different records."
        )
    for prompt in prompts:
        check_prompt(prompt)
    if not inputs:
        raise UsageError("There is nothing to compare the prompts on: give at least one input.")
    common = str(ULID())
    left_aside = ("prompt", "few_shot", "review_skeletons")
    settings = {name: value for name, value in (params or {}).items() if name not in left_aside}
    plans = [_plan(one, inputs, endpoint, settings, common, side) for one, side in zip(prompts, "ab", strict=True)]
    return workspace.runs.create(plans[0]), workspace.runs.create(plans[1])


def comparisons(workspace: Workspace) -> dict[str, tuple[Run, Run]]:
    """The runs of each comparison that was planned, by its id, newest first."""
    sides: dict[str, dict[str, Run]] = {}
    for run in workspace.runs.all():
        if run.source.get("name") == SOURCE and run.source.get("comparison"):
            sides.setdefault(str(run.source["comparison"]), {})[str(run.source.get("side"))] = run
    return {name: (some["a"], some["b"]) for name, some in sides.items() if {"a", "b"} <= some.keys()}


def first_inputs(workspace: Workspace, run: Run, *, most: int = INPUTS) -> list[Fields]:
    """What the first of the run's inputs are made of."""
    with workspace.database.read() as connection:
        return [one.fields for one in inputs_of(connection, run.id, most=most)]


def _plan(
    prompt: PromptTexts, inputs: Sequence[Fields], endpoint: Endpoint, settings: Fields, common: str, side: str
) -> RunPlan:
    named = settings | {"prompt": prompt.as_fields()}
    generator = build_generator(prompt.generator, named, recipe=endpoint.recipe)
    own = getattr(generator, "params", {})
    return RunPlan(
        name=f"{prompt.label} on {len(inputs)} {GENERATORS[prompt.generator].label}",
        generator=prompt.generator,
        params=settings | own,
        endpoint=endpoint,
        prompt_version=generator.prompt_version,
        inputs=list(inputs),
        source={"name": SOURCE, "lines": len(inputs), "skipped": 0, "comparison": common, "side": side},
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of one of the runs; `made` is by the input's position."""

    run: Run
    ends: Sequence[InputEnd]
    taken: Taken
    made: Mapping[int, Output]

    def why_not(self) -> Iterator[str]:
        for end in self.ends:
            if end.position in self.made:
                yield ""
            elif end.state is InputState.FAILED:
                yield end.reason
            elif end.state is InputState.PENDING:
                yield "Not made yet."
            else:
                yield "A person has written it, or deleted what was made."

    def side(self) -> Side:
        outputs = self.made.values()
        found = Counter(check for output in outputs for check in {one.check for one in output.findings})
        stands = Counter(output.record.status for output in outputs)
        return Side(
            run=self.run,
            taken=self.taken,
            made=len(outputs),
            failed=sum(end.state is InputState.FAILED for end in self.ends),
            findings={check: found[check] for check in checks.LABELS if check in found},
            accepted=stands[ReviewStatus.ACCEPTED],
            rejected=stands[ReviewStatus.REJECTED],
        )


def _read(connection: Connection, run: Run, ends: Sequence[InputEnd]) -> _Read:
    ids = [end.id for end in ends]
    made = made_of(connection, run.id, ids)
    outputs: dict[int, Output] = {}
    for end in ends:
        if end.id in made:
            record, fields = made[end.id]
            findings = checks.check_record(run.generator, fields, run.params)
            outputs[end.position] = Output(record, fields, findings)
    return _Read(run, ends, taken_by(connection, ids), outputs)
