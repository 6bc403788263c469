"""Stores what a run brings as it comes, in groups, so that an answer is durable within 0.2 s of its arrival."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from dataflow_core.errors import DiskFullError
from dataflow_core.storage.ledger import Event, Ledger

T = TypeVar("T")

COMMIT_INTERVAL = 0.1  # seconds; with the commit itself an answer is durable within 0.2 s
MOST_UNWRITTEN = 500  # events


class Journal:
    """`on_full_disk` is told why nothing can be stored; it is to make some room for what must be."""

    def __init__(
        self, ledger: Ledger, on_full_disk: Callable[[str], None], written: Callable[[], None] = lambda: None
    ) -> None:
        self._ledger = ledger
        self._on_full_disk = on_full_disk
        self._written = written
        self._unwritten: list[Event] = []
        self._writing = asyncio.Lock()

    @property
    def is_behind(self) -> bool:
        """A disk that keeps everybody waiting: no more should be begun than can be stored."""
        return len(self._unwritten) > MOST_UNWRITTEN

    def add(self, event: Event) -> None:
        self._unwritten.append(event)

    async def write_regularly(self, closing: asyncio.Event) -> None:
        """Write until `closing` is set, and then once more."""
        while not closing.is_set():
            await wait_at_most(closing, COMMIT_INTERVAL)
            await self.flush()

    async def flush(self) -> None:
        # Shielded: what is being written must be taken off the list, or it would be written twice.
        await asyncio.shield(asyncio.create_task(self._flush()))

    async def store(self, write: Callable[..., T], *arguments: object) -> T:
        """Write in a thread, once more with some room made where the disk is full."""
        try:
            return await asyncio.to_thread(write, *arguments)
        except DiskFullError as error:
            self._on_full_disk(str(error))
            return await asyncio.to_thread(write, *arguments)

    async def _flush(self) -> None:
        async with self._writing:
            while events := self._unwritten[:]:
                await self.store(self._ledger.write, events)
                del self._unwritten[: len(events)]
                self._written()


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but no longer than that."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
