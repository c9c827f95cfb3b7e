"""The threads of a worker that talk to systems of record.

A system that hangs costs one of these threads and no worker slot: a worker has timeouts to record
meanwhile. Tasks and beat only wake the service; it looks for what is due and hands it out. What
each thread does, it claims in the database, so any number of processes may do this at once.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.db import connection as database

from mirroring import polling, push, received, sync
from mirroring.models import HintedHook, Poll, Push, Record
from tracks.clock import database_now
from tracks.work import Work

log = structlog.get_logger(__name__)

THREADS = 8  # of each kind
BATCH = 100


@dataclass(slots=True)
class Lane:
    """One kind of work, with threads of its own: decisions never wait behind polls.

    A connection has one of the threads at a time: however much of it is due while its system hangs,
    the others have theirs.
    """

    rows: type[Work]
    connection: str  # where a row names its connection
    do: Callable[[UUID], None]
    pool: ThreadPoolExecutor | None = None
    in_hand: dict[UUID, UUID] = field(default_factory=dict)  # the connection of each row
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fill(self) -> int:
        """Hand out what is due while there are threads; return how much that was."""
        count = 0
        while new := self._take():
            count += len(new)
        return count

    def _take(self) -> list[UUID]:
        """Hand out one row each of connections that have none in hand."""
        with self.lock:
            new = self._due(most=THREADS - len(self.in_hand))
            self.in_hand.update({pk: connection for connection, pk in new.items()})
            if new and self.pool is None:
                name = self.rows.__name__.lower()
                self.pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix=name)
            for pk in new.values():
                assert self.pool is not None
                self.pool.submit(self._work, pk)
        return list(new.values())

    def _due(self, *, most: int) -> dict[UUID, UUID]:
        """Return the oldest row of each connection that has something due and nothing in hand."""
        if most <= 0:
            return {}
        due = self.rows._default_manager.filter(next_attempt_at__lte=database_now())
        free = due.exclude(**{f"{self.connection}__in": set(self.in_hand.values())})
        oldest = free.order_by("next_attempt_at").values_list(self.connection, "pk")[:BATCH]
        found: dict[UUID, UUID] = {}
        for connection, pk in oldest:
            if len(found) < most:
                found.setdefault(connection, pk)
        return found

    def _work(self, pk: UUID) -> None:
        try:
            self.do(pk)
        except Exception:
            log.exception("mirroring.failed", what=self.rows.__name__, pk=str(pk))
        finally:
            self._put_down(pk)

    def _put_down(self, pk: UUID) -> None:
        """Go on with what is due by now, unless it was stopped."""
        with self.lock:
            self.in_hand.pop(pk, None)
            is_stopped = self.pool is None
        try:
            if not is_stopped:
                self.fill()
        except Exception:
            log.exception("mirroring.fill_failed", what=self.rows.__name__)
        finally:
            database.close()

    def stop(self) -> None:
        """Begin nothing more; what is under way is done anew once its lease is over."""
        with self.lock:
            if self.pool is not None:
                self.pool.shutdown(wait=False, cancel_futures=True)
            self.pool = None
            self.in_hand.clear()


LANES = (
    Lane(Push, "record__connection", push.carry_out),
    Lane(Record, "connection", sync.follow_due),
    Lane(HintedHook, "connection", received.look),
    Lane(Poll, "connection", polling.run),
)


def wake(*_: Any) -> int:
    """Hand out everything that is due; return how much that was."""
    return sum(lane.fill() for lane in LANES)


def stop() -> None:
    """Begin nothing more."""
    for lane in LANES:
        lane.stop()
