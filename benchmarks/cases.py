"""The cases: what is executed, what the fastest run there could be would take, and what must be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.latency import Latency, fewest_seconds, with_barrier, without_barrier
from benchmarks.measure import HANDFUL, Measured, cpu_per_call, measure_plain_loop, measure_run
from benchmarks.workload import plan_dialogues, plan_nearly_done, plan_tasks

MOST_CPU = 0.001  # seconds a call
MOST_MEMORY = 300_000_000  # bytes
LONGEST_RESUME = 5.0
#: With this seed no long dialogue is among the last ones, whose end would hide whatever time was lost before it.
_NO_STRAGGLER = 3

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `endpoint_share` is the part of a core that the scripted endpoint took."""

    work: str
    bound: str
    target: str
    measured: str
    plain_loop: str
    is_met: bool
    endpoint_share: float


def records(count: int, workers: int, most: float, scale: float, say: Say) -> list[Row]:
    """Records of half a second each, and the same by the plain loop."""
    latency, count = Latency(0.5), _scaled(count, scale)
    bound = fewest_seconds(count, latency=latency.median, slots=workers)

    def ours(inputs: int) -> Measured:
        plan = partial(plan_tasks, count=inputs)
        return _said(measure_run(plan, calls=inputs, latency=latency, workers=workers), "run", say)

    def theirs(inputs: int) -> Measured:
        return _said(measure_plain_loop(inputs, latency=latency, workers=workers), "plain loop", say)

    run, loop = ours(count), theirs(count)
    cpu, loop_cpu = cpu_per_call(run, ours(HANDFUL)), cpu_per_call(loop, theirs(HANDFUL))
    ratio, loop_ratio = run.seconds / bound, loop.seconds / bound
    work = f"{count:,} records, 0.5 s an answer, {workers} in flight"
    share = run.report.cpu_share
    return [
        Row(
            work,
            f"{bound:.1f} s",
            f"≤ {most:.2f} ×",
            f"{ratio:.3f} × ({run.seconds:.2f} s)",
            f"{loop_ratio:.3f} × ({loop.seconds:.2f} s)",
            ratio <= most,
            share,
        ),
        Row(
            "its CPU a call: prompt, HTTP, validation, storing",
            "",
            f"≤ {MOST_CPU * 1000:.1f} ms",
            f"{cpu * 1000:.3f} ms",
            f"{loop_cpu * 1000:.3f} ms",
            cpu <= MOST_CPU,
            share,
        ),
    ]


def dialogues(scale: float, say: Say) -> list[Row]:
    """Dialogues of two calls each, against the same latencies in an ideal run with and without a barrier."""
    count, workers, most = _scaled(500, scale), 50, 1.10
    plan, latency = partial(plan_dialogues, count=count), Latency(0.5, sigma=0.8, seed=_NO_STRAGGLER)
    run = _said(measure_run(plan, calls=2 * count, latency=latency, workers=workers), "run", say)
    bound, barrier = (simulate(run.report.dialogues, workers) for simulate in (without_barrier, with_barrier))
    ratio = run.seconds / bound
    return [
        Row(
            f"{count:,} dialogues, log-normal latency (median 0.5 s, σ 0.8), {workers} in flight",
            f"{bound:.1f} s; with a barrier between the stages {barrier:.1f} s",
            f"≤ {most:.2f} ×, and less than with a barrier",
            f"{ratio:.3f} × ({run.seconds:.2f} s)",
            "",
            ratio <= most and run.seconds < barrier,
            run.report.cpu_share,
        )
    ]


def memory(scale: float, say: Say) -> list[Row]:
    count, workers = _scaled(100_000, scale), 200
    plan = partial(plan_tasks, count=count)
    run = _said(measure_run(plan, calls=count, latency=Latency(0.02), workers=workers), "run", say)
    return [
        Row(
            f"{count:,} inputs, 20 ms an answer, {workers} in flight",
            "",
            f"peak memory ≤ {MOST_MEMORY / 1e6:.0f} MB",
            f"{run.peak / 1e6:.0f} MB ({count / run.seconds:,.0f} records a second)",
            "",
            run.peak <= MOST_MEMORY,
            run.report.cpu_share,
        )
    ]


def resume(scale: float, say: Say) -> list[Row]:
    count = _scaled(100_000, scale)
    pending = max(count // 100, HANDFUL)
    plan = partial(plan_nearly_done, count=count, pending=pending)
    run = _said(measure_run(plan, calls=pending, latency=Latency(0.02), workers=200), "run", say)
    return [
        Row(
            f"resuming a run of {count:,} inputs that is 99 % done",
            "",
            f"first new call within {LONGEST_RESUME:.0f} s",
            f"{run.until_first_call:.2f} s",
            "",
            run.until_first_call <= LONGEST_RESUME,
            run.report.cpu_share,
        )
    ]


CASES: dict[str, Callable[[float, Say], list[Row]]] = {
    "records-100": partial(records, 1_000, 100, 1.05),
    "records-500": partial(records, 4_000, 500, 1.35),
    "dialogues": dialogues,
    "memory": memory,
    "resume": resume,
}


def _scaled(count: int, scale: float) -> int:
    return max(round(count * scale), 4 * HANDFUL)


def _said(measured: Measured, what: str, say: Say) -> Measured:
    report = measured.report
    canary, *others = report.first_calls
    gaps = ", ".join(f"{at - canary:.3f}" for at in others)
    say(
        f"{what}: {report.calls} calls in {measured.seconds:.2f} s, {report.most_in_flight} in flight at most, "
        f"{measured.cpu:.2f} s of CPU, {measured.peak / 1e6:.0f} MB; "
        f"first call after {measured.until_first_call:.2f} s, the next ones {gaps} s later, "
        f"all stored {measured.until_stored:.3f} s after the last answer; "
        f"the endpoint took {report.cpu_share:.1%} of a core, {report.cpu / report.calls * 1000:.3f} ms a call"
    )
    return measured
