"""The threads of a worker that hand mails and messages over, a few for each kind.

A mail server that hangs costs one of these threads and no worker slot: a worker has timeouts to
record meanwhile. A task only passes on which rows are due. Whoever does a row claims it first, so
any number of processes may do this at once, and what waits for a thread here others may take.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from weakref import WeakSet

import structlog
from django.db import connection

from tracks.work import Work

log = structlog.get_logger(__name__)

THREADS = 4  # of each kind: each has a connection to the database while it works
BATCH = 500

_everybody: WeakSet["Hands"] = WeakSet()


class Hands:
    """The threads for one kind of row. Each row is in one of them at a time."""

    def __init__(self, rows: type[Work], do: Callable[[Any], None]) -> None:
        self._rows, self._do = rows, do
        self._in_hand: set[Any] = set()
        self._under_way: set[Future[None]] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        _everybody.add(self)

    def take_due(self) -> int:
        """Do what is due, the oldest first; return how much of it was not in hand yet."""
        return self.take(self._rows.due(limit=BATCH))

    def take(self, pks: Iterable[Any]) -> int:
        """Do these rows as soon as threads are free; return how many were not in hand yet."""
        with self._lock:
            new = [pk for pk in pks if pk not in self._in_hand]
            self._in_hand.update(new)
        for pk in new:
            self._hand_out(pk)
        return len(new)

    def _hand_out(self, pk: Any) -> None:
        with self._lock:
            if self._pool is None:
                name = self._rows.__name__.lower()
                self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix=name)
            future = self._pool.submit(self._work_in_thread, pk)
            self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)

    def _work_in_thread(self, pk: Any) -> None:
        try:
            self._work(pk)
        finally:
            connection.close()

    def _work(self, pk: Any) -> None:
        try:
            self._do(pk)
        except Exception:  # it stays due, and the rest is not kept waiting
            log.exception("hands.failed", what=self._rows.__name__, pk=str(pk))
        finally:
            with self._lock:
                self._in_hand.discard(pk)

    def stop(self) -> list[Future[None]]:
        """Begin nothing more; return what is under way."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._in_hand.clear()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        return list(self._under_way)


def stop(*, within: float) -> None:
    """Begin nothing more in this process, and let what is under way end within so many seconds."""
    wait([each for hands in list(_everybody) for each in hands.stop()], timeout=within)
