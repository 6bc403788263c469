"""The verbs that make records: planned, executed, and written to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from dataflow_core.cli.arguments import budget_of, endpoint_of, few_shot_of
from dataflow_core.cli.custom import plan_custom
from dataflow_core.cli.executing import (
    check_output,
    execute,
    execute_and_write,
    report,
    workspace_of,
)
from dataflow_core.cli.flows import plan_again, read_again, run_file, save
from dataflow_core.cli.imports import import_file
from dataflow_core.errors import UsageError
from dataflow_core.flows.pipeline_files import read_pipeline
from dataflow_core.models import Budget
from dataflow_core.readers import guess_task_column, read_table, select_inputs


def paraseq(options: argparse.Namespace) -> int:
    check_output(options)
    source = Path(options.input)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}.") from error
    table = read_table(data, source.name)
    task_key = options.input_task_key or guess_task_column(table)
    endpoint = endpoint_of(options)
    budget, few_shot = budget_of(options, endpoint, Budget()), few_shot_of(options)
    workspace = workspace_of(options, create=True)
    run = workspace.plan_tasks(
        table,
        select_inputs(table, task_key),
        endpoint=endpoint,
        input_task_key=task_key,
        output_parallel_task_key=options.output_parallel_task_key,
        output_subsequent_task_key=options.output_subsequent_task_key,
        output_composition_task_key=options.output_composition_task_key,
        temperature=options.temperature,
        seed=options.seed,
        prompt=workspace.prompts.get(options.prompt) if options.prompt else None,
        few_shot=few_shot,
    )
    workspace.enqueue(run, limit=options.limit, budget=budget)
    return execute_and_write(workspace, run, options)


def chat(options: argparse.Namespace) -> int:
    check_output(options)
    endpoint = endpoint_of(options)
    budget, few_shot = budget_of(options, endpoint, Budget()), few_shot_of(options)
    workspace = workspace_of(options, create=True)
    known = {intent.name.casefold(): intent for intent in workspace.intents.all()}
    if unknown := [name for name in options.intent if name.casefold() not in known]:
        names = "\n  ".join(intent.name for intent in known.values())
        raise UsageError(f"There is no intent {unknown[0]!r}. The intents are:\n  {names}")
    chosen = [known[name.casefold()] for name in options.intent] or list(known.values())
    run = workspace.plan_dialogues(
        chosen,
        endpoint=endpoint,
        num_dialogs_per_intent=options.num_dialogs_per_intent,
        num_turns_per_dialog=options.num_turns_per_dialog,
        temperature=0.9 if options.temperature is None else options.temperature,
        language=options.language,
        seed=options.seed,
        review_skeletons=options.review_skeletons,
        prompt=workspace.prompts.get(options.prompt) if options.prompt else None,
        few_shot=few_shot,
    )
    workspace.enqueue(run, limit=options.limit, budget=budget)
    return execute_and_write(workspace, run, options)


def custom(options: argparse.Namespace) -> int:
    check_output(options)
    endpoint = endpoint_of(options)
    budget = budget_of(options, endpoint, Budget())
    workspace = workspace_of(options, create=True)
    run = plan_custom(workspace, options, endpoint)
    workspace.enqueue(run, limit=options.limit, budget=budget)
    return execute_and_write(workspace, run, options)


def save_run(options: argparse.Namespace) -> int:
    check_output(options)
    return save(workspace_of(options), options)


def again(options: argparse.Namespace) -> int:
    check_output(options)
    saved = read_again(options)
    workspace = workspace_of(options, create=True)
    return execute_and_write(workspace, plan_again(workspace, saved, options), options)


def pipeline(options: argparse.Namespace) -> int:
    pipeline = read_pipeline(options.file)
    options.workspace = options.workspace or pipeline.workspace
    workspace = workspace_of(options, create=True)
    return run_file(pipeline, workspace, lambda _, run: execute(workspace, run, quiet=options.quiet))


def import_dataset(options: argparse.Namespace) -> int:
    workspace = workspace_of(options, create=True)
    status, run = import_file(workspace, options)
    return status if run is None else report(workspace, run, execute(workspace, run, quiet=options.quiet))
