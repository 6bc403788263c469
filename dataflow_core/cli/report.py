"""What the command line says of a run: how it stands, what it has used and will use, and how to go on."""

from __future__ import annotations

import shlex
from pathlib import Path

from dataflow_core.models import Budget, Progress, Run
from dataflow_core.running.estimate import estimate
from dataflow_core.wording import about, about_range, budget_in_words, money, money_range
from dataflow_core.workspace import Workspace


def status_lines(workspace: Workspace, run: Run) -> list[str]:
    progress = workspace.runs.progress(run.id)
    target = run.target(progress)
    tried = "" if target == progress.total else f" (to try: the first {target:,})"
    usage = progress.usage
    lines = [
        f"{run.id}  {run.name}",
        f"State     {run.state.value}{f': {run.reason}' if run.reason else ''}",
        f"Inputs    {progress.total:,}{tried}: {counts(progress)}",
        f"Tokens    {usage.prompt_tokens:,} in prompts, {usage.completion_tokens:,} in answers, "
        f"{progress.calls:,} calls",
    ]
    if (cost := run.cost(progress, workspace.endpoint_of(run))) is not None:
        each = f", {money(cost / progress.done)} a record" if progress.done else ""
        lines.append(f"Money     {money(cost)}{each}")
    if run.budget != Budget():
        lines.append(f"Budget    {budget_in_words(run.budget)}")
    lines.append(f"Endpoint  {run.endpoint.name}, at most {run.endpoint.max_workers} calls at a time")
    traffic = workspace.leases.traffic(run.id) if run.state.is_live else None
    if traffic is not None:
        waiting = f"; {traffic.waiting}" if traffic.waiting else ""
        lines.append(f"Calls     {traffic.in_flight} under way, {traffic.allowed} allowed at the moment{waiting}")
    return lines


def counts(progress: Progress) -> str:
    waiting = f", {progress.waiting:,} waiting for review" if progress.waiting else ""
    return f"{progress.done:,} done, {progress.failed:,} failed, {progress.pending:,} pending{waiting}"


def answers_in_words(accepted: int, waiting: int) -> str:
    """Say how many inputs go on to their second stage, and how many still wait; "" where there are none of either."""
    if not accepted and not waiting:
        return ""
    going = (
        "1 accepted skeleton gets its answers"
        if accepted == 1
        else f"{accepted:,} accepted skeletons get their answers"
    )
    return f"{going}; {waiting:,} still {'waits' if waiting == 1 else 'wait'}." if waiting else f"{going}."


def last_line(
    workspace: Workspace, run: Run, progress: Progress, unreadable: int, output: Path | None, failures: Path | None
) -> str:
    n_failures = progress.failed + unreadable
    parts = [f"{progress.done} records in {output or workspace.folder}"]
    parts.append(f"{n_failures} failures" + (f" in {failures}" if failures else ""))
    if progress.pending:
        parts.append(f"{progress.pending} not done yet")
    if progress.waiting:
        parts.append(f"{progress.waiting} waiting for review")
    if (cost := run.cost(progress, workspace.endpoint_of(run))) is not None:
        parts.append(f"{money(cost)} spent")
    return ", ".join(parts)


def how_to_go_on(workspace: Workspace, run: Run, output: Path | None) -> str:
    """The command that resumes the run, with what has to be raised first where it stands at its budget."""
    return f"To go on: {resume_command(workspace, run, output)}"


def resume_command(workspace: Workspace, run: Run, output: Path | None) -> str:
    command = ["python", "-m", "dataflow_core", "resume", run.id, "--workspace", str(workspace.folder)]
    if output is not None:
        command += ["-o", str(output)]
    if run.stopped_by == "budget":
        command += ["--token-budget", "N"] if run.budget.tokens is not None else []
        command += ["--money-budget", "MONEY"] if run.budget.money is not None else []
    return shlex.join(command)


def estimate_line(workspace: Workspace, run: Run, progress: Progress) -> str:
    """What the whole run will take, judging by what was tried; "" before anything was."""
    found = estimate(workspace.runs.usage_per_input(run.id), progress.total)
    if found is None:
        return ""
    expected = f"about {about(found.expected.total)} tokens"
    sure = f"{about_range(found.low.total, found.high.total)} tokens"
    endpoint = workspace.endpoint_of(run)
    low, cost, high = (endpoint.cost(usage) for usage in (found.low, found.expected, found.high))
    if low is not None and cost is not None and high is not None:
        expected, sure = f"{expected}, {money(cost)}", f"{sure}, {money_range(low, high)}"
    inputs = f"{found.tried:,} input{'' if found.tried == 1 else 's'} tried"
    what = "All the questions, without their answers," if run.reviews_skeletons else "The whole run"
    return f"{what} should take {expected} ({sure}, judging by {inputs})."
