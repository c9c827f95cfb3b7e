"""Waiting for news on the event loop: no thread, no database connection while nothing happens."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from django.db import close_old_connections

from tracks.wakeups import hub, resolve

T = TypeVar("T")

# Reads are short; two threads keep the database busy and the memory small.
_readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="readers")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: whether it is worth returning now, and when it will change by itself.

    `body` is encoded already: thousands of these are held while their readers wait.
    """

    body: bytes
    is_news: bool
    changes_in: float | None = None  # seconds until a deadline passes


async def in_thread(function: Callable[[], T]) -> T:
    """Run a short function that uses the database in one of a few threads."""
    return await asyncio.get_running_loop().run_in_executor(_readers, _with_connection, function)


def _with_connection(function: Callable[[], T]) -> T:
    close_old_connections()
    return function()


async def read_until_news(
    key: UUID, *, read: Callable[[], Awaitable[Reading]], seconds: float
) -> bytes:
    """Return what `read` gives as soon as it is news, or after `seconds`.

    Subscribed first, then read: what happens in between is not missed. Once the process is about
    to stop, what was read last is returned: thousands of reads would take too long.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        with hub.subscribed(key) as woken:
            reading = await read()
            left = end - loop.time()
            if reading.is_news or left <= 0:
                return reading.body
            if reading.changes_in is not None:
                left = min(left, max(reading.changes_in, 0.001))
            timer = loop.call_later(left, resolve, woken)
            try:
                await woken
            finally:
                timer.cancel()
            if hub.is_closing:
                return reading.body


class Together(Generic[T]):
    """Reads rows for many waiters at once: who comes while a read is under way shares the next.

    A lone waiter is served at once; thousands whose time is up cost a few queries. Nobody is
    served by a read that had begun before they came, so nobody misses what they were woken for.
    """

    LARGEST = 200

    def __init__(self, read_many: Callable[[Collection[UUID]], Mapping[UUID, T]]) -> None:
        self._read_many = read_many
        self._wanted: dict[UUID, asyncio.Future[T | None]] = {}
        self._is_reading = False

    async def read(self, key: UUID) -> T | None:
        """Return the row with this key, or None where there is none."""
        loop = asyncio.get_running_loop()
        future = self._wanted.get(key)
        if future is None:
            future = self._wanted[key] = loop.create_future()
        if not self._is_reading:
            self._is_reading = True
            self._task = loop.create_task(self._read_all())
        # One waiter that is cancelled must not take the read away from the others.
        return await asyncio.shield(future)

    async def _read_all(self) -> None:
        try:
            while self._wanted:
                await self._read_next()
        finally:
            self._is_reading = False

    async def _read_next(self) -> None:
        batch = dict(list(self._wanted.items())[: self.LARGEST])
        for key in batch:
            del self._wanted[key]
        try:
            found = await in_thread(partial(self._read_many, batch.keys()))
        except Exception as error:
            for future in batch.values():
                future.set_exception(error)
        else:
            for key, future in batch.items():
                future.set_result(found.get(key))
