"""What many tests set up: a run over a few tasks or dialogues, executed against a script in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from dataflow_core.generators import build_generator
from dataflow_core.models import Budget, Endpoint, Fields, Flow, Input, Intent, Prompt, Run
from dataflow_core.readers import read_table, select_inputs
from dataflow_core.running.asking import Asker
from dataflow_core.running.gate import Gate
from dataflow_core.running.runner import Outcome, Runner
from dataflow_core.serving.base import Serving
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.workspace import Workspace
from tests.virtual_time import now, run_virtually

ENDPOINT = Endpoint(name="scripted", base_url="http://127.0.0.1:9/v1", model="scripted", max_workers=4)
INTENTS = (
    Intent(
        "Cooking", "wants to cook", (Flow("From idea to plate", ("asks for an idea", "asks how")),), ("soup", "bread")
    ),
    Intent(
        "Travel", "wants to travel", (Flow("From wish to ticket", ("names a place", "asks when")),), ("Lima", "Oslo")
    ),
)


def relations(task: str) -> str:
    return json.dumps(
        {
            "parallel_task": f"Beside: {task}",
            "subsequent_task": f"After: {task}",
            "composition_task": f"All: {task}",
        },
        ensure_ascii=False,
    )


def task_of(prompt: Prompt) -> str:
    """The atomic task that a ParaSeq prompt asks about."""
    return next(m.content for m in reversed(prompt.messages) if m.content.startswith("Atomic task:\n")).split("\n", 1)[
        1
    ]


def answer_relations(prompt: Prompt) -> str:
    return relations(task_of(prompt))


def plan_tasks(workspace: Workspace, tasks: Sequence[str], *, endpoint: Endpoint = ENDPOINT) -> Run:
    data = "\n".join(json.dumps({"atom_task": task, "line": number}) for number, task in enumerate(tasks)).encode()
    table = read_table(data, "tasks.jsonl")
    selection = select_inputs(table, "atom_task")
    return workspace.plan_tasks(table, selection, endpoint=endpoint, input_task_key="atom_task")


def execute(
    workspace: Workspace,
    run: Run,
    serving: Serving | Callable[[Prompt], Any],
    *,
    limit: int | None = None,
    budget: Budget | None = None,
    clock: Clock | None = None,
) -> Outcome:
    """Execute the run in this process, in virtual time unless there is another `clock`.

    A serving's `max_workers` is the run's from then on.
    """
    serving = ScriptedServing(serving, max_workers=run.endpoint.max_workers) if callable(serving) else serving
    workspace.keep_reserve(run.id)
    workspace.runs.set_workers(run.id, serving.max_workers)
    workspace.runs.enqueue(run.id, limit=limit, budget=budget)
    if clock is None:
        return run_virtually(_execute(workspace, run, serving, now, asyncio.sleep))
    return asyncio.run(_execute(workspace, run, serving, clock, clock.sleep))


async def _execute(
    workspace: Workspace,
    run: Run,
    serving: Serving,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> Outcome:
    claimed = workspace.runs.claim(run.id)
    runner = Runner(
        claimed,
        runs=workspace.runs,
        leases=workspace.leases,
        ledger=workspace.ledger_of(run),
        generator=build_generator(run.generator, run.params, recipe=run.endpoint.recipe),
        serving=serving,
        free_reserve=lambda: workspace.free_reserve(run.id),
        sleep=sleep,
        clock=clock,
    )
    return await runner.execute()


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waits.append(seconds)
        await asyncio.sleep(0)


def generate(generator: Any, fields: Fields, replies: Sequence[str]) -> Fields:
    """One input through a generator whose answers come in this order, each tried once."""

    async def run() -> Fields:
        item = Input("input", 0, fields)
        asker = Asker(item, ScriptedServing(list(replies)), Gate(ENDPOINT), lambda _: None, {})
        made: Fields = await generator.generate(item, asker)
        return made

    return asyncio.run(run())
