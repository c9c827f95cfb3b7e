"""The net under the wake-ups: a look at the database for what changed and woke nobody.

Another process may commit without Redis between us (the embedded worker), or a wake-up may get
lost. SQLite tells by `PRAGMA data_version` that another connection has committed; PostgreSQL is
asked four times a second. Two queries for all waiters, however many.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection

from tracks.clock import database_now
from tracks.models import Track
from tracks.waiting import in_thread
from tracks.wakeups import Hub

log = structlog.get_logger(__name__)

SQLITE_INTERVAL, POSTGRESQL_INTERVAL = 0.025, 0.25  # seconds
# However much changes, looking takes at most a tenth of the time; nobody is told later than this.
SHARE, LONGEST_INTERVAL = 0.1, 1.0
# A transaction that took its time before it committed, and so is found by a later look, not lost.
OVERLAP = timedelta(seconds=10)

Change = tuple[UUID, str]
Source = Callable[[datetime], Iterable[Change]]


def changed_tracks(since: datetime) -> list[Change]:
    """Return the tracks that changed since then, each with its version."""
    rows = Track.objects.filter(updated_at__gte=since).values_list("pk", "seq")
    return [(pk, str(seq)) for pk, seq in rows]


class Watcher:
    """Wakes the waiters of a process for every change that they have not been told of."""

    def __init__(self, hub: Hub, sources: list[Source]) -> None:
        self._hub = hub
        self._sources = sources
        self._seen: set[Change] = set()
        self._is_failing = False

    async def run(self) -> None:
        """Look until cancelled."""
        is_sqlite = connection.vendor == "sqlite"
        has_news = _sqlite_has_news() if is_sqlite else lambda: True
        interval = SQLITE_INTERVAL if is_sqlite else POSTGRESQL_INTERVAL
        loop = asyncio.get_running_loop()
        took = 0.0
        while True:
            await asyncio.sleep(max(interval, min(took / SHARE, LONGEST_INTERVAL)))
            started = loop.time()
            await self._look(has_news)
            took = loop.time() - started

    async def _look(self, has_news: Callable[[], bool]) -> None:
        try:
            # What was news to a look that failed is told by no second call.
            if self._hub.has_waiters and (has_news() or self._is_failing):
                self._wake(await in_thread(self._read))
        except Exception:
            if not self._is_failing:
                log.exception("watcher.failed")
            self._is_failing = True
        else:
            self._is_failing = False

    def _read(self) -> set[Change]:
        since = database_now() - OVERLAP
        return {change for source in self._sources for change in source(since)}

    def _wake(self, changes: set[Change]) -> None:
        self._hub.wake(key for key, _ in changes - self._seen)
        self._seen = changes


def _sqlite_has_news() -> Callable[[], bool]:
    database = sqlite3.connect(connection.settings_dict["NAME"], check_same_thread=False)
    last = -1

    def has_news() -> bool:
        nonlocal last
        version = database.execute("PRAGMA data_version").fetchone()[0]
        changed, last = version != last, version
        return bool(changed)

    return has_news
