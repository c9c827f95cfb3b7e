"""Doing what has become due: in order, in batches, and nothing that fails holds up the rest."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from approvals import transitions
from approvals.models import Ask
from tracks.clock import database_now
from tracks.work import Work

log = structlog.get_logger(__name__)

BATCH = 500
# What is recorded in one transaction: others wait for its locks, on SQLite for the one writer.
# Where somebody else is asked next, that takes a dozen statements of its own.
TOGETHER, ESCALATED_TOGETHER = 50, 10
# Seconds. What is left then is for the next run: a worker that does one thing at a time must come
# back to the timeouts within five seconds, whatever else there is to catch up with.
LONGEST_RUN = 3.0


class _Due(NamedTuple):
    """An ask whose end has passed."""

    ends_at: datetime
    pk: UUID
    track_id: UUID
    escalate_to: list[str]


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

    def do_together(
        self,
        act_on_all: Callable[[Sequence[Any]], None],
        act: Callable[[Any], None],
        subjects: Sequence[Any],
    ) -> None:
        """Do several things at once. If that fails, one by one: what fails then fails alone."""
        try:
            act_on_all(subjects)
        except Exception as error:
            log.warning("sweep.not_together", error=repr(error), number=len(subjects))
            self.do_each(act, subjects)
        else:
            self.count += len(subjects)

    def do_each(self, act: Callable[[Any], None], subjects: Sequence[Any]) -> None:
        """Do several things, one by one, for as long as there is time."""
        for subject in subjects:
            if self.is_over:
                break
            self.do(act, subject)


def record_timeouts() -> int:
    """Record every timeout that has passed, the oldest first; return how many were looked at."""
    run, last = _Run(), None
    while not run.is_over and (batch := _overdue(behind=last)):
        for track_ids in _parts(batch):
            if run.is_over:
                break
            run.do_together(_record_all, _record, track_ids)
        last = batch[-1]
    return run.count


def _parts(batch: Sequence[_Due]) -> Iterator[list[UUID]]:
    """Yield the tracks on which timeouts are recorded in one transaction."""
    plain = [due.track_id for due in batch if not due.escalate_to]
    if plain:
        yield plain
    escalated = [due.track_id for due in batch if due.escalate_to]
    for start in range(0, len(escalated), ESCALATED_TOGETHER):
        yield escalated[start : start + ESCALATED_TOGETHER]


def _record_all(track_ids: Sequence[UUID]) -> None:
    transitions.record_timeouts(track_ids=track_ids)


def _record(track_id: UUID) -> None:
    transitions.record_timeout(track_id=track_id)


def _overdue(*, behind: _Due | None) -> list[_Due]:
    """Return the next asks whose end has passed.

    `behind` is where the batch before ended, so that one that cannot be recorded is not met again.
    """
    overdue = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__lte=database_now())
    if behind is not None:
        overdue = overdue.filter(ends_at__gte=behind.ends_at)
        overdue = overdue.exclude(ends_at=behind.ends_at, pk__lte=behind.pk)
    rows = overdue.order_by("ends_at", "pk").values_list(*_Due._fields)
    return [_Due(*row) for row in rows[:TOGETHER]]


def drain(rows: type[Work], do: Callable[[Any], None]) -> int:
    """Do the work of every row that is due, the oldest first; return how many there were."""
    run, seen = _Run(), set[Any]()
    while not run.is_over:
        batch = [pk for pk in rows.due(limit=BATCH) if pk not in seen]
        if not batch:
            break
        run.do_each(do, batch)
        seen.update(batch)
    return run.count
