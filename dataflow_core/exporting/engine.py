"""Exports of a workspace: what a target would make of its records, some rows to look at, and the files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from dataflow_core.errors import UsageError
from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.base import Content, FieldChoice, Severity, UnfitError
from dataflow_core.exporters.json_lines import line_of
from dataflow_core.exporting.along import Along
from dataflow_core.exporting.plan import Concern, Export, ExportFile, ExportPlan, Preflight, Stage, Told
from dataflow_core.models import SKELETON, Fields
from dataflow_core.storage.records import RecordStore
from dataflow_core.storage.runs import RunStore


class Exports:
    """`name` is the workspace's."""

    def __init__(self, records: RecordStore, runs: RunStore, name: str) -> None:
        self._records = records
        self._runs = runs
        self._name = name

    def preflight(self, plan: ExportPlan, progress: Told | None = None) -> Preflight:
        """Look at every record that the plan's query finds, without writing anything.

        Raises `UsageError` for a plan that cannot be carried out.
        """
        used: dict[str, dict[str, int]] = {}
        concerns: list[Concern] = []
        total, found, left_out = self._records.count(plan.query), 0, 0
        for content, row, own in self._judged(plan):
            found += 1
            concerns += own
            if row is None:
                left_out += 1
            else:
                splits = used.setdefault(content.generator, {"": 0})
                splits[""] += 1
            if progress and found % 1000 == 0:
                progress(Stage("checking", found, total))
        by_rule: dict[str, int] = {}
        for concern in concerns:
            by_rule[concern.rule] = by_rule.get(concern.rule, 0) + 1
        return Preflight(found, used, tuple(concerns), by_rule, left_out=left_out)

    def preview(self, plan: ExportPlan, number: int = 3) -> dict[str, list[Fields]]:
        """The first rows of each generator's file, as objects."""
        rows: dict[str, list[Fields]] = {}
        for generator in self._records.count_by_generator(plan.query):
            only = replace(plan, query=replace(plan.query, generators=(generator,)))
            rows[generator] = [row for _, row, _ in islice(self._written(only), number) if row is not None]
        return rows

    def write(
        self,
        plan: ExportPlan,
        folder: Path,
        name: str = "",
        progress: Told | None = None,
        along: Along | None = None,
    ) -> Export:
        """Write the export as a new folder `name` within `folder`, which is made where it is not there.

        Its files are NAME_tasks_train.jsonl and the like. `name` is the workspace's with the time where none is given.
        Raises `UsageError` where no record can be exported, and where there is something of that name already.
        """
        name = name or f"{self._name}-{datetime.now():%Y-%m-%d-%H%M%S}"
        target = folder / name
        if target.exists():
            raise UsageError(f"{target} is there already. Choose another name.")
        partial = folder / f".{name}.{os.getpid()}.partial"
        partial.mkdir(parents=True)
        preflight = self.preflight(plan, progress)
        files: dict[str, tuple[TextIO, Path]] = {}
        counts: dict[str, int] = {}
        with ExitStack() as stack:
            for content, row, _ in self._written(plan):
                if content.generator not in files:
                    path = partial / f"{name}_{content.generator}.jsonl"
                    files[content.generator] = (stack.enter_context(path.open("w", encoding="utf-8")), path)
                    counts[content.generator] = 0
                files[content.generator][0].write(line_of(row or {}) + "\n")
                counts[content.generator] += 1
                if along:
                    along.took(content.generator, "", [content])
        written = [ExportFile(path, "data", kind, "", counts[kind]) for kind, (_, path) in files.items()]
        further: Sequence[ExportFile] = along.files(partial, name, plan, preflight, written) if along else ()
        partial.rename(target)
        moved = tuple(replace(file, path=target / file.path.name) for file in [*written, *further])
        return Export(name, target, moved, plan, preflight.left_out, preflight=preflight)

    def _written(self, plan: ExportPlan) -> Iterator[tuple[Content, Fields | None, list[Concern]]]:
        return (judged for judged in self._judged(plan) if judged[1] is not None)

    def _judged(self, plan: ExportPlan) -> Iterator[tuple[Content, Fields | None, list[Concern]]]:
        exporter = exporter_named(plan.format)
        params = {run.id: run.params for run in self._runs.all()}
        for record in self._records.stream(plan.query):
            content = Content(
                record.number,
                record.id,
                record.generator,
                record.fields,
                params.get(record.run_id or "", {}),
                revision=record.revision,
                run=record.run_id or "",
            )
            row: Fields | None = None
            problems: list[tuple[str, Severity, str]] = []
            if record.stage == SKELETON:
                problems.append(("unanswered", Severity.DROPPED, "Its questions have no answers yet."))
            else:
                try:
                    row = exporter.row(content, plan.fields.get(record.generator, FieldChoice()))
                except UnfitError as error:
                    problems.append(("unfit", Severity.REFUSED, str(error)))
            if row is not None:
                problems += [(one.rule, one.severity, one.message) for one in exporter.problems(row)]
                if any(severity in plan.leave_out for _, severity, _ in problems):
                    row = None
            yield (
                content,
                row,
                [Concern(record.number, record.id, record.generator, *problem) for problem in problems],
            )
