"""The command line's verb for files that hold records already: import them for review, or have them answered anew."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from dataflow_core.cli.arguments import budget_of, endpoint_of
from dataflow_core.errors import UsageError
from dataflow_core.importers.base import Checked, ImportMapping, ReadSoFar, Recognised
from dataflow_core.importers.making import DIALOGUES, OWN, PARTS, TASKS, check_mapping
from dataflow_core.models import Budget, Run
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

KINDS = {"tasks": TASKS, "dialogues": DIALOGUES, "records": OWN}
_SHOWN = 10
OK, SOME_LEFT_OUT = 0, 3


def import_file(workspace: Workspace, options: argparse.Namespace) -> tuple[int, Run | None]:
    """Returns the exit status, 3 where lines cannot be used, and the run that is to be executed if one was asked for.

    Raises `UsageError` where the file cannot be imported as it is wanted.
    """
    path = Path(options.file)
    if not path.is_file():
        raise UsageError(f"{path} is no file, so it cannot be imported.")
    found = workspace.imports.recognise(path, path.name)
    mapping = mapping_of(options, found)
    if options.reanswer and mapping.kind != DIALOGUES:
        raise UsageError("Only dialogues can be answered anew. Say which column holds them: --as dialogues --map …")
    _say(options, f"{path.name}: {found.title if mapping == found.mapping else 'columns as they were given'}.")
    if options.check or options.problems:
        status = _check(workspace, path, mapping, options)
        if options.check:
            return status, None
    run = workspace.imports.store(
        path, path.name, mapping, skip_bad=options.skip_bad, progress=None if options.quiet else _show
    )
    left_out = int(run.source["unreadable"])
    count = workspace.records.count(Query(runs=(run.id,)))
    print(f"{_records(count)} in {workspace.folder}, in the import {run.id}, to be reviewed.")
    for note in run.source["notes"]:
        print(note)
    if left_out:
        print(f"{_lines(left_out)} cannot be used and {'was' if left_out == 1 else 'were'} left out.")
    status = SOME_LEFT_OUT if left_out else OK
    return status, _answers(workspace, run, options) if options.reanswer else None


def mapping_of(options: argparse.Namespace, found: Recognised) -> ImportMapping:
    """What the options say of the columns, over what was recognised. Raises `UsageError`."""
    mapping = found.mapping
    given = dict(map(_part, options.map))
    if options.kind and KINDS[options.kind] != mapping.kind:
        kind = KINDS[options.kind]
        same = {name: name for name in PARTS[kind] if name in found.columns} if kind == TASKS else {}
        mapping = replace(mapping, kind=kind, columns=same)
    if given:
        replaced = {} if "conversation" in given or "user" in given else mapping.columns
        mapping = replace(mapping, columns={**replaced, **given})
    check_mapping(mapping)
    for column in mapping.columns.values():
        if column not in found.columns:
            names = ", ".join(found.columns)
            raise UsageError(f"There is no column {column!r} in the first entries. The columns are: {names}.")
    return mapping


def _part(text: str) -> tuple[str, str]:
    part, sign, column = text.partition("=")
    if not sign or not part or not column:
        raise UsageError(f"“{text}” is not PART=COLUMN, as in --map user=question.")
    return part, column


def _check(workspace: Workspace, path: Path, mapping: ImportMapping, options: argparse.Namespace) -> int:
    checked = workspace.imports.check(path, path.name, mapping, None if options.quiet else _show)
    can = "could be imported" if options.check else "can be imported"
    print(f"{_records(checked.records)} {can}; {_lines(checked.problems)} cannot be used.")
    for note in checked.notes:
        print(note)
    if options.problems:
        out = Path(options.problems)
        count = workspace.imports.write_problems(path, path.name, mapping, out)
        print(f"{_lines(count)} with the reasons in {out}.")
    else:
        _tell(checked)
    return SOME_LEFT_OUT if checked.problems else OK


def _tell(checked: Checked) -> None:
    for problem in checked.first_problems[:_SHOWN]:
        print(problem.reason)
    if (more := checked.problems - _SHOWN) > 0:
        print(f"… and {more:,} more. --problems FILE writes them all.")


def _answers(workspace: Workspace, imported: Run, options: argparse.Namespace) -> Run:
    endpoint = endpoint_of(options)
    budget = budget_of(options, endpoint, Budget())
    records = workspace.records.stream(Query(runs=(imported.id,)))
    run = workspace.plan_answers(
        (record.fields for record in records),
        endpoint=endpoint,
        temperature=0.9 if options.temperature is None else options.temperature,
        seed=options.seed,
        name=f"{imported.name}, answered anew",
        source={"name": imported.name, "of run": imported.id},
    )
    workspace.enqueue(run, limit=options.limit, budget=budget)
    return run


def _show(so_far: ReadSoFar) -> None:
    if sys.stderr.isatty():
        print(f"\r{so_far.share:4.0%}  {so_far.records:,} records", end="", file=sys.stderr, flush=True)


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.quiet:
        print(text, file=sys.stderr)


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"
