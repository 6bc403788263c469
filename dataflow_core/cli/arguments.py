"""What the command line takes: its verbs, their options, and what these say of an endpoint and a budget."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from dataflow_core.cli.argument_types import amount, price, temperature, whole
from dataflow_core.cli.bundles import add_exports
from dataflow_core.cli.exports import add_export
from dataflow_core.errors import UsageError
from dataflow_core.models import EMBEDDED, Budget, Endpoint, Usage
from dataflow_core.planning.few_shot import FewShot
from dataflow_core.serving.keys import check_endpoint

#: What the options of the same names say of an endpoint, besides its model and its calls at a time.
_OF_ENDPOINT = (
    "base_url",
    "api_key_env",
    "timeout",
    "requests_per_minute",
    "tokens_per_minute",
    "input_price",
    "output_price",
)


def parser() -> argparse.ArgumentParser:
    """The chosen verb's name is in `verb`."""
    made = argparse.ArgumentParser(prog="dataflow_core", description="Generate, review and export LLM training data.")
    verbs = made.add_subparsers(required=True, metavar="VERB", dest="verb")
    _add_generators(verbs)
    _add_control(verbs)

    _add_flows(verbs)
    _add_import(verbs)

    runs = verbs.add_parser("runs", help="list the runs")
    _add_workspace(runs)

    export = add_export(verbs)
    _add_quiet(export)
    for verb in (export, *add_exports(verbs)):
        _add_workspace(verb)

    app = verbs.add_parser("app", help="start the browser app")
    app.add_argument("--port", type=int, default=8501)
    app.add_argument("--open-browser", action="store_true")
    return made


def endpoint_of(options: argparse.Namespace) -> Endpoint:
    if not options.model:
        if given := [name for name in _OF_ENDPOINT if getattr(options, name) is not None]:
            option = f"--{given[0].replace('_', '-')}"
            raise UsageError(
                f"{option} is about an endpoint: name its model with --model. Without it the embedded model is used."
            )
        return EMBEDDED
    settings = _settings_given(options) | {"max_workers": options.max_workers or 16}
    endpoint = Endpoint(name=options.model, **settings)
    check_endpoint(endpoint)
    return endpoint


def changed_endpoint(options: argparse.Namespace, before: Endpoint) -> Endpoint | None:
    """The run's endpoint with what the options say otherwise; None where they say nothing.

    Another model has other prices, and a key is not carried to another address.
    """
    settings = _settings_given(options)
    if not settings:
        return None
    if before.kind != "openai":
        return endpoint_of(options)
    if options.model and options.model != before.model:
        before = replace(before, input_price=None, output_price=None)
    if options.base_url is not None and options.base_url != before.base_url:
        before = replace(before, key_env="")
    # Under a name of its own: a stored endpoint's settings would be taken instead of these.
    endpoint = replace(before, name=options.model or before.model, **settings)
    check_endpoint(endpoint)
    return endpoint


def _settings_given(options: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in ("model", *_OF_ENDPOINT)}
    given["key_env"] = given.pop("api_key_env")
    return {name: value for name, value in given.items() if value is not None}


def budget_of(options: argparse.Namespace, endpoint: Endpoint, before: Budget) -> Budget | None:
    """What the options say of a budget, over what was there before; None where they say nothing."""
    if options.money_budget is not None and endpoint.cost(Usage()) is None:
        raise UsageError(
            f"A budget in money needs the prices of {endpoint.model}: give --input-price and --output-price."
        )
    if options.token_budget is None and options.money_budget is None:
        return None
    return Budget(options.token_budget or before.tokens, options.money_budget or before.money)


def _add_generators(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    paraseq = verbs.add_parser("paraseq", help="write the parallel, subsequent and composition tasks of atomic tasks")
    paraseq.add_argument("input", metavar="INPUT", help="CSV, TSV, JSONL, JSON, Parquet, Excel, or a task a line")
    paraseq.add_argument("--input-task-key", metavar="COLUMN", help="the column of the tasks (default: guessed)")
    for relation in ("parallel", "subsequent", "composition"):
        paraseq.add_argument(f"--output-{relation}-task-key", metavar="NAME", default=f"{relation}_task")

    chat = verbs.add_parser("chat", help="write dialogues")
    chat.add_argument("--intent", action="append", default=[], help="may be repeated (default: all)")
    chat.add_argument("--num-dialogs-per-intent", type=int, default=20, metavar="N")
    chat.add_argument("--num-turns-per-dialog", type=int, default=6, metavar="N", help="messages by both sides; even")
    chat.add_argument("--language", default="English")
    chat.add_argument(
        "--review-skeletons",
        action="store_true",
        help="write the questions only; resume has those answered that were accepted in a review",
    )

    custom = verbs.add_parser("custom", help="write records of your own by a recipe")
    custom.add_argument(
        "recipe", metavar="RECIPE", help="a YAML or JSON file, or the name of a saved or built-in recipe"
    )
    custom.add_argument("--count", type=whole, metavar="N", help="how many records (with --input: at most)")
    custom.add_argument(
        "--input", metavar="FILE", default="", help="a table: one record a line, whose columns may be named in braces"
    )

    for verb in (paraseq, chat, custom):
        verb.add_argument("-o", "--output", metavar="OUT.jsonl", required=True)
        verb.add_argument("--temperature", type=temperature, help="sampling temperature (chat: 0.9)")
        verb.add_argument("--seed", type=int, default=0)
        _add_prompting(verb, has_prompt=verb is not custom)
        _add_execution(verb)
        _add_workspace(verb)


def _add_prompting(verb: argparse.ArgumentParser, *, has_prompt: bool) -> None:
    what = verb.add_argument_group("what the model is told")
    if has_prompt:
        what.add_argument(
            "--prompt", metavar="NAME[/VERSION]", help="one saved in the workspace (default: the built-in one)"
        )
    what.add_argument("--few-shot", type=whole, metavar="N", help="show up to N accepted records like each input")
    what.add_argument("--few-shot-tokens", type=whole, metavar="T", help="of T tokens together (default: 1500)")


def few_shot_of(options: argparse.Namespace) -> FewShot | None:
    """What the options say of records to be shown as examples; None where they want none."""
    if options.few_shot is None:
        if options.few_shot_tokens is not None:
            raise UsageError("--few-shot-tokens limits examples: say how many are to be shown with --few-shot.")
        return None
    return FewShot(options.few_shot, options.few_shot_tokens or FewShot().max_tokens)


def _add_control(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verbs that are about one run."""
    run = verbs.add_parser("run", help="execute a run that is planned already")
    _add_quiet(run)
    resume = verbs.add_parser(
        "resume",
        help="go on with a run that was paused, cancelled or interrupted",
        description="Go on with a run. Options of the endpoint change those of the run from now on; "
        "with another --model the failed inputs are tried again, too.",
    )
    resume.add_argument("--retry-failed", action="store_true", help="try the failed inputs again, too")
    resume.add_argument("-o", "--output", metavar="OUT.jsonl", help="then write the run's records, and its failures")
    _add_execution(resume)
    pause = verbs.add_parser("pause", help="have a run stand still; resume goes on with it")
    cancel = verbs.add_parser("cancel", help="end a run; its pending inputs become failures")
    workers = verbs.add_parser("workers", help="change how many calls a run makes at a time, also while it goes on")
    status = verbs.add_parser("status", help="tell how a run stands, what it has used and what it waits for")
    again = verbs.add_parser("recheck", help="run the automatic checks on records that older ones have looked at")
    again.add_argument("what", choices=["all"], nargs="?")
    _add_quiet(again)
    _add_workspace(again)
    action = verbs.add_parser("action", help="go on with what was begun on many records at once")
    action.add_argument("number", metavar="NUMBER", type=whole)
    _add_quiet(action)
    _add_workspace(action)
    worker = verbs.add_parser(
        "worker", help="execute what is asked for in Review as it comes, until nobody asks any more"
    )
    worker.add_argument("--idle", type=amount, metavar="SECONDS", default=60.0, help="until it ends (default: 60)")
    worker.add_argument("--name", default="", help="which key it has been handed, as the app that starts it says")
    _add_quiet(worker)
    _add_workspace(worker)
    for verb in (run, resume, pause, cancel, workers, status):
        verb.add_argument("id", metavar="ID", help="the run's id, or the end of it")
        _add_workspace(verb)
    workers.add_argument("workers", metavar="N", type=whole, help="the most calls at a time")


def _add_flows(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What files say of runs."""
    save = verbs.add_parser("save", help="write a run's settings and inputs to one file, to be run again")
    save.add_argument("id", metavar="ID", help="the run's id, or the end of it")
    save.add_argument("-o", "--output", metavar="RUN.yaml", required=True)
    _add_workspace(save)
    again = verbs.add_parser(
        "again",
        help="run a saved run again, with the same inputs and prompts",
        description="Run a saved run again. It calls the file's own endpoint; options of the endpoint change that.",
    )
    again.add_argument("input", metavar="RUN.yaml")
    again.add_argument("-o", "--output", metavar="OUT.jsonl", required=True)
    again.add_argument(
        "--other-prompts", action="store_true", help="also where this version's prompts are not those of the file"
    )
    _add_execution(again)
    _add_workspace(again)
    pipeline = verbs.add_parser("pipeline", help="run the steps of a file, each on what the one before has made")
    what = pipeline.add_subparsers(required=True, metavar="WHAT", dest="what")
    run = what.add_parser(
        "run",
        help="begin, or go on where it stands",
        description="Run a pipeline, or go on with it where it stands. The exit status is 4 where it waits for a "
        "review: then review, and give the same command again.",
    )
    run.add_argument("file", metavar="PIPELINE.yaml")
    _add_quiet(run)
    _add_workspace(run)


def _add_import(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Files that hold records already."""
    verb = verbs.add_parser(
        "import",
        help="bring the records of a file in for review",
        description="Import JSON Lines, JSON, Parquet or CSV, as it is or packed as .gz or .zst. What it holds is told "
        "by its content. All of it is imported or nothing, unless lines that cannot be used are to be left out.",
    )
    verb.add_argument("file", metavar="FILE")
    verb.add_argument(
        "--as", dest="kind", choices=["tasks", "dialogues", "records"], help="what they are (default: recognised)"
    )
    verb.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="PART=COLUMN",
        help="which column is what; may be repeated. Parts of tasks: atom_task, parallel_task, subsequent_task, "
        "composition_task; of dialogues: conversation, or user, assistant, input, history; system, category",
    )
    verb.add_argument("--skip-bad", action="store_true", help="leave out lines that cannot be used")
    verb.add_argument("--check", action="store_true", help="read the whole file, tell what is wrong, and store nothing")
    verb.add_argument("--problems", metavar="OUT.jsonl", help="write the lines that cannot be used, with the reasons")
    verb.add_argument(
        "--reanswer", action="store_true", help="then have a model answer the dialogues anew, keeping the user's turns"
    )
    verb.add_argument("--temperature", type=temperature, help="sampling temperature of the answers (default: 0.9)")
    verb.add_argument("--seed", type=int, default=0)
    _add_execution(verb)
    _add_workspace(verb)


def _add_execution(verb: argparse.ArgumentParser) -> None:
    endpoint = verb.add_argument_group("the endpoint (default: the embedded model; to resume: the run's own)")
    endpoint.add_argument("--model", help="a model of an OpenAI-compatible endpoint")
    endpoint.add_argument("--base-url", metavar="URL", help="its address (default: the openai package's own)")
    endpoint.add_argument("--api-key-env", metavar="NAME", help="the environment variable that holds the key")
    endpoint.add_argument("--max-workers", type=whole, metavar="N", help="the most calls at a time (default: 16)")
    endpoint.add_argument(
        "--timeout", type=amount, metavar="SECONDS", help="the most that a call may take (default: 120)"
    )
    endpoint.add_argument("--requests-per-minute", type=whole, metavar="N", help="(default: no limit)")
    endpoint.add_argument("--tokens-per-minute", type=whole, metavar="N", help="(default: no limit)")
    endpoint.add_argument("--input-price", type=price, metavar="MONEY", help="of a million tokens of prompts")
    endpoint.add_argument("--output-price", type=price, metavar="MONEY", help="of a million tokens of answers")
    most = verb.add_argument_group("how much")
    most.add_argument("--limit", type=whole, metavar="N", help="only the first N inputs, to try it out")
    most.add_argument("--token-budget", type=whole, metavar="N", help="stop before the run has used more, in all")
    most.add_argument("--money-budget", type=amount, metavar="MONEY", help="the same in money; needs the prices")
    _add_quiet(verb)


def _add_quiet(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--quiet", action="store_true", help="show no progress")


def _add_workspace(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--workspace", metavar="DIR", help="(default: the one the app opened last)")
