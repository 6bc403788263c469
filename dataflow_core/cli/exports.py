"""The command line's verb for exports."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dataflow_core.cli.bundles import add_along, write_bundle
from dataflow_core.errors import UsageError
from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporting.names import label
from dataflow_core.exporting.plan import (
    Compression,
    ExportPlan,
    Preflight,
    Splits,
    Stage,
    TokenLimit,
    Told,
    WrittenExport,
)
from dataflow_core.generators import GENERATORS
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

DEFAULT_FORMAT = "dataflow"
#: Exit status of `--check` where a record would be left out, or a file refused.
SOME_LEFT_OUT = 3
_COMPRESSIONS: dict[str, Compression] = {".gz": "gz", ".zst": "zst"}
_BY_SUFFIX = {exporter.suffix: exporter.name for exporter in EXPORTERS.values() if exporter.suffix != ".jsonl"}
_WHAT = {"checking": "Looked at", "splitting": "Splitting", "writing": "Written"}


def add_export(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    export = verbs.add_parser(
        "export",
        help="write reviewed records to files that a trainer loads",
        description="Write records to a file; those of several generators or splits to files beside it. What the "
        "target would drop or refuse is left out, and stands with the reasons in …_left_out.jsonl.",
    )
    export.add_argument("--run", metavar="ID", help="only this run's")
    export.add_argument("--status", choices=[*(status.value for status in ReviewStatus), "all"], default="accepted")
    export.add_argument(
        "--format", choices=list(EXPORTERS), help=f"(default: by the output's suffix, else {DEFAULT_FORMAT})"
    )
    export.add_argument("-o", "--output", metavar="FILE", help="needed but for --check; FILE.gz and FILE.zst compress")
    how = export.add_mutually_exclusive_group()
    how.add_argument("--gzip", dest="compression", action="store_const", const="gz", help="compress the files")
    how.add_argument("--zstd", dest="compression", action="store_const", const="zst", help="the same with Zstandard")
    export.add_argument("--check", action="store_true", help="write nothing, and say what would be left out and why")
    export.add_argument(
        "--problems", metavar="FILE", help="with --check: write every record that it tells of, with the reasons"
    )
    export.add_argument(
        "--include-problems", action="store_true", help="write also what the target would drop or refuse"
    )
    export.add_argument("--no-provenance", action="store_true", help="parquet and csv: only the records' own fields")
    export.add_argument("--no-bom", action="store_true", help="csv: without the mark by which Excel knows UTF-8")
    _add_splits(export)
    _add_fields(export)
    add_along(export)
    return export


def _add_splits(export: argparse.ArgumentParser) -> None:
    splits = export.add_argument_group("splits (records that are alike, or of the same input, stay together)")
    splits.add_argument(
        "--split", type=_shares, metavar="90/5/5", help="shares of train, validation and test (default: one file)"
    )
    splits.add_argument("--seed", type=int, default=0, metavar="N", help="another seed parts the records otherwise")
    splits.add_argument(
        "--stratify",
        choices=["intent", "run"],
        default="",
        help="keep the shares within each intent, or each run: no small one is left to chance",
    )
    splits.add_argument(
        "--similarity",
        type=float,
        default=0.8,
        metavar="0.8",
        help="the share of their words' pieces from which records are alike and stay together: a large group of them, "
        "or of dialogues on one topic, can make a split miss its share",
    )


def _add_fields(export: argparse.ArgumentParser) -> None:
    fields = export.add_argument_group("which fields of records that are no dialogues are what")
    for name in ("instruction", "input", "output", "system"):
        fields.add_argument(f"--{name}-field", metavar="FIELD", default="")
    tokens = export.add_argument_group("tokens")
    tokens.add_argument(
        "--token-limit",
        type=int,
        default=0,
        metavar="N",
        help="say which examples have more, which a trainer cuts off; they are exported all the same",
    )
    tokens.add_argument(
        "--tokenizer",
        default=TokenLimit().tokenizer,
        metavar="NAME|FILE",
        help=f"an encoding or model that tiktoken knows, or a tokenizer.json (default: {TokenLimit().tokenizer})",
    )


def plan_of(workspace: Workspace, options: argparse.Namespace) -> ExportPlan:
    """Raises `UsageError` where options do not go together."""
    statuses = () if options.status == "all" else (ReviewStatus(options.status),)
    runs = (workspace.runs.get(options.run).id,) if options.run else ()
    if options.token_limit < 0:
        raise UsageError("--token-limit is a number of tokens, at least 1.")
    if options.split is None and options.stratify:
        raise UsageError("--stratify is about splits: say their shares with --split 90/5/5.")
    train, validation, test = options.split or (1.0, 0.0, 0.0)
    choice = FieldChoice(options.instruction_field, options.input_field, options.output_field, options.system_field)
    chosen = dict.fromkeys(GENERATORS, choice) if choice != FieldChoice() else {}
    return ExportPlan(
        query=Query(runs=runs, statuses=statuses),
        format=_format(options),
        compression=_compression(options),
        fields=chosen,
        splits=Splits(train, validation, test, options.seed, options.stratify, options.similarity),
        limit=TokenLimit(options.token_limit, options.tokenizer),
        leave_out=() if options.include_problems else ExportPlan().leave_out,
        provenance=not options.no_provenance,
        has_mark=not options.no_bom,
    )


def export(workspace: Workspace, options: argparse.Namespace) -> int:
    """Returns the exit status: with --check 3 where a record is left out or a file refused."""
    if not options.output and not options.check:
        raise UsageError("Say where to with -o FILE, or only look with --check.")
    if options.problems and not options.check:
        raise UsageError("--problems goes with --check. An export lists what is left out in …_left_out.jsonl.")
    plan = plan_of(workspace, options)
    progress = None if options.quiet or not sys.stderr.isatty() else _show
    if options.check:
        return _check(workspace, plan, options, progress)
    if options.bundle or options.zip:
        made = write_bundle(workspace, plan, options, progress)
        say_written(made)
        print(f"All of it is in {made.bundle or made.folder}.")
        return 0
    say_written(workspace.exports.write_file(plan, Path(options.output), progress))
    return 0


def say_written(made: WrittenExport) -> None:
    for file in made.files:
        if file.kind == "data":
            print(f"{file.records} records in {file.path}")
        elif file.kind == "left out":
            print(f"{_left_out(file.records)}, with the reasons, in {file.path}")
    for path in made.removed:
        print(f"Removed {path}: it was of an earlier export to the same place.")
    if made.preflight:
        _say_reasons(made.preflight)


def _check(workspace: Workspace, plan: ExportPlan, options: argparse.Namespace, progress: Told | None) -> int:
    if options.problems:
        found = workspace.exports.write_problems(plan, Path(options.problems), progress)
    else:
        found = workspace.exports.preflight(plan, progress)
    _say_found(found, plan)
    if options.problems:
        count = sum(found.by_rule.values())
        print(f"{'1 line' if count == 1 else f'{count:,} lines'} with the reasons in {options.problems}.")
    return SOME_LEFT_OUT if found.left_out or found.refusals or not found.total else 0


def _say_found(found: Preflight, plan: ExportPlan) -> None:
    for generator, splits in found.used.items():
        parts = ", ".join(f"{count:,} {split}" for split, count in splits.items() if split)
        print(f"{sum(splits.values()):,} {label(generator)} as {plan.format}{f': {parts}' if parts else ''}")
    if not found.found:
        print("No record matches.")
    if found.tokens:
        print("Tokens of an example: {:,} to {:,}, half of them at most {:,}".format(*_by_size(found.tokens)))
    if found.left_out:
        print(f"{_left_out(found.left_out)}.")
    _say_reasons(found)


def _say_reasons(found: Preflight) -> None:
    if found.by_rule:
        print("\n  records  rule")
    for rule, count in found.by_rule.items():
        first = next((one for one in found.concerns if one.rule == rule), None)
        example = f"{first.severity.value}: record {first.number}: {first.message}" if first else ""
        print(f"  {count:>7,}  {rule:<16} {example}".rstrip())
    for sentence in (*found.refusals, *found.notes):
        print(sentence)


def _left_out(count: int) -> str:
    return f"{count:,} {'record is' if count == 1 else 'records are'} left out"


def _by_size(tokens: tuple[int, int, int]) -> tuple[int, int, int]:
    least, median, most = tokens
    return least, most, median


def _format(options: argparse.Namespace) -> str:
    suffix = Path(_bare(options.output or "")).suffix
    of_suffix = _BY_SUFFIX.get(suffix)
    if options.format and of_suffix and EXPORTERS[options.format].suffix != suffix:
        raise UsageError(f"A file of the format {options.format} is not called {suffix}. Choose another name.")
    return options.format or of_suffix or DEFAULT_FORMAT


def _compression(options: argparse.Namespace) -> Compression:
    by_name = _COMPRESSIONS.get(Path(options.output or "").suffix, "")
    if options.compression and by_name and by_name != options.compression:
        raise UsageError(f"{options.output} is called as if it were compressed otherwise. Choose another name.")
    return options.compression or by_name


def _bare(output: str) -> str:
    return str(Path(output).with_suffix("")) if Path(output).suffix in _COMPRESSIONS else output


def _shares(text: str) -> tuple[float, float, float]:
    try:
        parts = [float(part) for part in text.replace(":", "/").split("/")]
    except ValueError:
        parts = []
    if not 2 <= len(parts) <= 3 or min(parts) < 0 or not 0 < sum(parts) < float("inf"):
        raise argparse.ArgumentTypeError(f"“{text}” is no shares of train, validation and test, as 90/5/5 is")
    train, validation, *test = parts
    return train, validation, (test or [0.0])[0]


def _show(stage: Stage) -> None:
    ending = "\n" if stage.done >= stage.total else ""
    print(f"\r{_WHAT[stage.what]} {stage.done:,} of {stage.total:,} records", end=ending, file=sys.stderr, flush=True)
