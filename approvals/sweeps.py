"""Doing what has become due: in order, in batches, and nothing that fails holds up the rest."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from approvals import transitions
from approvals.models import Ask
from tracks.clock import database_now
from tracks.work import Work

log = structlog.get_logger(__name__)

BATCH = 500
# Seconds. What is left then is for the next run: a worker that does one thing at a time must come
# back to the timeouts within five seconds, whatever else there is to catch up with.
LONGEST_RUN = 3.0


class _Run:
    """One run of a sweep: how much it has done, and whether it has gone on for long enough."""

    def __init__(self) -> None:
        self.count = 0
        self._ends = time.monotonic() + LONGEST_RUN

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._ends

    def do(self, act: Callable[[Any], None], subject: Any) -> None:
        """Do one thing. Its failure is logged: it stays due, and the rest is not kept waiting."""
        self.count += 1
        try:
            act(subject)
        except Exception:
            log.exception("sweep.failed", subject=str(subject))


def record_timeouts() -> int:
    """Record every timeout that has passed, the oldest first; return how many were looked at."""
    run, last = _Run(), None
    while not run.is_over and (batch := _overdue(behind=last)):
        for _, _, track_id in batch:
            if run.is_over:
                break
            run.do(_record, track_id)
        last = batch[-1][:2]
    return run.count


def _record(track_id: UUID) -> None:
    transitions.record_timeout(track_id=track_id)


def _overdue(*, behind: tuple[datetime, UUID] | None) -> list[tuple[datetime, UUID, UUID]]:
    """Return the next asks whose end has passed: when, which, and on which track.

    `behind` is where the batch before ended, so that one that cannot be recorded is not met again.
    """
    overdue = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__lte=database_now())
    if behind is not None:
        ends_at, pk = behind
        overdue = overdue.filter(ends_at__gte=ends_at).exclude(ends_at=ends_at, pk__lte=pk)
    return list(overdue.order_by("ends_at", "pk").values_list("ends_at", "pk", "track_id")[:BATCH])


def drain(rows: type[Work], do: Callable[[Any], None]) -> int:
    """Do the work of every row that is due, the oldest first; return how many there were."""
    run, seen = _Run(), set[Any]()
    while not run.is_over:
        batch = [pk for pk in rows.due(limit=BATCH) if pk not in seen]
        if not batch:
            break
        for pk in batch:
            if run.is_over:
                break
            run.do(do, pk)
        seen.update(batch)
    return run.count
