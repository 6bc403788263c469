"""A `GeneratorTask` as the generator of a run: one row is one record is one input, in the order of the offsets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar, NoReturn

from dataflow_core.errors import ConfigurationError, OwnCodeError
from dataflow_core.generators.base import Ask
from dataflow_core.generators.of_scripts import CUSTOM
from dataflow_core.models import Completion, Fields, Input
from dataflow_core.running.asking import Asker
from dataflow_core.running.gate import Stopping
from dataflow_core.scripting import task_rows
from dataflow_core.scripting.generator_task import GeneratorTask
from dataflow_core.scripting.task_feed import Batch, Feed, Line, Stopped
from dataflow_core.scripting.typing import Row
from dataflow_core.storage.offsets import OFFSET, ROW, OffsetStore

#: Offsets that are declared at a time while nobody knows how many rows there will be.
PAGE = 100
#: Yields without a row, one after another, after which `process` is taken to give none any more.
MOST_EMPTY = 1_000


class TaskGenerator:
    """Serves rows in order from one live `process(offset)`.

    `wanted` is how many rows there are to be, None for as many as the task gives. `end` is the offset from which on
    it gives none, once that is known: the inputs there stay pending until they are withdrawn.
    """

    name: ClassVar[str] = CUSTOM
    label: ClassVar[str] = "records"
    in_order = True

    def __init__(self, task: GeneratorTask, line: Line, offsets: OffsetStore, *, wanted: int | None) -> None:
        self._task = task
        self._line = line
        self._offsets = offsets
        self._wanted = wanted
        self._outputs = task.outputs
        self.output_keys = tuple(task.column_names)
        self.end: int | None = None
        self.problem: BaseException | None = None  # that stopped the run
        self._is_stopped = False  # the run makes no further call: nothing more is begun
        self._is_last = False  # what is in hand is the last that the task gives
        self._turn = asyncio.Lock()
        self._feed: Feed | None = None
        self._next = 0  # the offset of the next row of the live process
        self._rows: dict[int, tuple[Row, str]] = {}  # given already, each with the model that answered
        self._failed_in_a_row = 0

    @property
    def prompt_version(self) -> str:
        return type(self._task).__name__

    async def generate(self, item: Input, ask: Ask) -> Fields:
        async with self._turn:
            try:
                fields = await self._take(item, ask)
            except OwnCodeError:
                self._failed_in_a_row += 1
                if self._wanted is None and self._failed_in_a_row >= PAGE:
                    self._finish(item.position + 1)
                raise
            self._failed_in_a_row = 0
            return fields

    def blank(self, item: Input, answered: Mapping[str, Completion]) -> Fields:
        return dict.fromkeys(self.output_keys, "")

    def close(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    async def _take(self, item: Input, ask: Ask) -> Fields:
        offset = int(item.fields[OFFSET])
        if ROW in item.fields and not item.attempt:
            row, model = item.fields[ROW], ""
        else:
            if offset not in self._rows:
                await self._advance(item, offset, ask)
            row, model = self._rows.pop(offset)
        in_vain = self._line.in_vain
        fields = task_rows.as_fields(row, self._outputs, model_name=self._task.llm.model_name)
        if in_vain is not None and task_rows.is_empty(fields):
            raise in_vain  # what there is to tell is why nothing was answered
        if isinstance(ask, Asker):
            ask.model = ask.model or model or str(fields.get(task_rows.MODEL_NAME) or "")
        return fields

    async def _advance(self, item: Input, offset: int, ask: Ask) -> None:
        """Have the row of this offset, and those that come with it. Raises `Stopping` past the end."""
        if self._is_stopped:
            raise Stopping
        if self.end is not None or self._is_last:
            self._end_at(item)
        if self._feed is None or self._next != offset:
            self.close()
            self._feed, self._next = Feed(self._task, offset), offset
        self._line.open(ask)
        try:
            rows, self._is_last = await self._rows_of(self._feed)
        except BaseException as error:  # noqa: BLE001  it is raised as what the runner is to be told
            self.close()
            self._explain(error, offset)
        finally:
            self._line.close()
        if not rows:
            self._end_at(item)
        self._next = offset + len(rows)
        await asyncio.to_thread(self._keep, offset, rows)

    async def _rows_of(self, feed: Feed) -> tuple[list[Row], bool]:
        """The next rows, [] at the end, and whether they are the last."""
        for _ in range(MOST_EMPTY):
            batch: Batch | None = await feed.batch()
            if batch is None:
                return [], True
            rows, is_last = batch if isinstance(batch, tuple) else (batch, False)
            if rows or is_last:
                return rows, is_last
        raise OwnCodeError(f"process() has yielded {MOST_EMPTY:,} empty lists one after another. Use `return` to end.")

    def _keep(self, offset: int, rows: list[Row]) -> None:
        """The rows by offset; those that wait for their turn are stored, lest their calls be made again."""
        stop = offset + len(rows)
        if self._wanted is None:
            declared = self._offsets.declared()
            if stop >= declared:
                self._offsets.declare(stop if self._is_last else max(stop, declared) + PAGE)
        else:
            stop = min(stop, max(self._wanted, offset + 1))
        self._rows = {number: (rows[number - offset], self._line.model) for number in range(offset, stop)}
        kept: dict[int, Fields] = {}
        for number in range(offset + 1, stop):
            try:
                kept[number] = task_rows.as_fields(
                    rows[number - offset], self._outputs, model_name=self._task.llm.model_name
                )
            except OwnCodeError:
                continue  # it fails when it is its turn
            if self._line.in_vain and task_rows.is_empty(kept[number]):
                del kept[number]
        if kept:
            self._offsets.keep(kept)

    def _explain(self, error: BaseException, offset: int) -> NoReturn:
        """Raise what the runner is to be told."""
        trouble = self._line.trouble
        self._is_stopped = not isinstance(error, OwnCodeError) or trouble is not None
        if isinstance(error, Stopped) or trouble is not None:
            if isinstance(trouble, ConfigurationError):
                self.problem = trouble
            raise trouble or Stopping() from None
        if not isinstance(error, OwnCodeError):
            raise error
        if self._wanted is None:
            self._finish(offset + 1)
        in_vain = f" A call had failed before: {self._line.in_vain}" if self._line.in_vain else ""
        raise OwnCodeError(f"{error}{in_vain}", raw_text=error.raw_text or "\n\n".join(self._line.said)) from None

    def _end_at(self, item: Input) -> NoReturn:
        """Raise what becomes of an offset that the task gives no row for."""
        if item.attempt:  # tried again; what ends here may go on at another offset
            self.close()
            self._is_last = False
        else:
            self._finish(max(item.position, 1))
        if item.attempt or item.position == 0:
            raise OwnCodeError("process() has ended without giving this row.")
        raise Stopping

    def _finish(self, end: int) -> None:
        if self.end is None:
            self.end = end
        self.close()
