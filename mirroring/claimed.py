"""A connection that this worker has claimed: what it reads is stored only while that is so."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from mirroring import connecting, notices, sync, transitions
from mirroring.connectors.base import Connector, ConnectorError, Item, Kind
from mirroring.models import Poll, Record, Run
from tracks.clock import database_now
from tracks.textpolicy import escaped

# A run gives way to others after so long; its pass goes on in the next run.
LONGEST_RUN = timedelta(seconds=20)
CHECK_EVERY = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)
PAUSED_AFTER = 5  # refusals of the account in a row
REFUSALS = (Kind.AUTH, Kind.FORBIDDEN)
NOTES_KEPT = 20
TOGETHER = 25  # records followed up in one transaction: on SQLite nobody else writes meanwhile


class Overtaken(Exception):
    """The lease ran out, and another worker polls this connection now."""


@dataclass(slots=True)
class Count:
    """What a run has done so far."""

    seen: int = 0
    changed: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)

    def skip(self, which: str, why: str) -> None:
        """Take note of an approval that could not be read; it harms no other."""
        self.skipped += 1
        if len(self.notes) < NOTES_KEPT:
            self.notes.append(escaped(f"{which}: {why}"[:300]))


class Claimed:
    """A claimed connection and its connector."""

    def __init__(self, poll: Poll) -> None:
        self.poll = poll
        self.connection = poll.connection
        self._connector: Connector | None = None
        self._renewed_at = database_now()
        self._ends = self._renewed_at + LONGEST_RUN

    @property
    def connector(self) -> Connector:
        if self._connector is None:
            self._connector = connecting.connector_for(self.connection)
        return self._connector

    @property
    def is_time_over(self) -> bool:
        """Tell whether this run has to give way to others."""
        return database_now() >= self._ends

    def check(self) -> None:
        """Prove with one cheap read or two that the account is accepted and sees approvals."""
        health = self.connector.check()
        now = database_now()
        self.renew(
            is_healthy=health.ok,
            account=health.account[:255],
            health=health.detail[:2000],
            how_to_fix=health.how_to_fix[:2000],
            clock_skew=health.clock_skew,
            checked_at=now,
            check_at=now + CHECK_EVERY,
        )
        if not health.ok:
            raise ConnectorError(health.detail, kind=health.error or Kind.BAD_ANSWER)

    def store(
        self, items: Sequence[Item], *, read_at: datetime, is_look: bool = False, **moves: Any
    ) -> list[UUID]:
        """Keep what was read, with how far that moves the poll, and do what follows from it."""
        with transaction.atomic():
            self.renew(**moves)
            moved = sync.store(
                self.connection, items, now=database_now(), read_at=read_at, is_look=is_look
            )
        self.follow(moved)
        return moved

    def follow(self, pks: Sequence[UUID]) -> None:
        """Do what follows from records; who was told of one before gets no mail of its own."""
        others: list[UUID] = []
        for record in Record.objects.filter(pk__in=pks).order_by("pk"):
            record.connection = self.connection
            if notices.wants_mark(record) and self._leave_mark(record):
                sync.follow_safely(record, is_known=True)
            else:
                others.append(record.pk)
        for start in range(0, len(others), TOGETHER):
            sync.follow_together(others[start : start + TOGETHER])

    def _leave_mark(self, record: Record) -> bool:
        self.hold()
        return notices.leave_mark(self.connector, record)

    def renew(self, **fields: Any) -> None:
        """Write something on the poll and hold it longer; raise Overtaken if it is not ours."""
        now = database_now()
        if not self.poll.write_outcome(next_attempt_at=now + Poll.LEASE, **fields):
            raise Overtaken()
        self._renewed_at = now
        for name, value in fields.items():
            setattr(self.poll, name, value)

    def hold(self) -> None:
        """Renew the lease once half of it is over: a page of many records takes its time."""
        if database_now() > self._renewed_at + Poll.LEASE / 2:
            self.renew()

    def rest(self) -> None:
        """Let the row go until its next job is due."""
        poll = self.poll
        poll.write_outcome(next_attempt_at=min(poll.delta_at, poll.sweep_at, poll.check_at))

    def failed(self, kind: Kind, message: str, *, after: float | None = None) -> None:
        """Put off everything: for as long as the system asked, else longer after each failure."""
        poll, now = self.poll, database_now()
        # Refusals are counted in a row: they pause the connection until somebody has looked.
        is_first = kind in REFUSALS and poll.error_kind not in REFUSALS
        failures = 1 if is_first else poll.failures + (kind != Kind.RATE_LIMITED)
        pause = timedelta(seconds=after) if after else jittered(_pause_after(failures))
        later = now + pause
        fields: dict[str, Any] = {
            "failures": failures,
            "failed_at": now,
            "error_kind": kind.value,
            "last_error": message[:2000],
            **{job: max(getattr(poll, job), later) for job in ("delta_at", "sweep_at", "check_at")},
            "next_attempt_at": later,
        }
        if kind in REFUSALS and failures >= PAUSED_AFTER:
            transitions.pause_polling(poll, reason=message[:2000], now=now, **fields)
        else:
            poll.write_outcome(**fields)

    def keep_run(self, job: Run.Job, started: datetime, count: Count, *, error: str = "") -> None:
        """Keep what a job did for staff to read."""
        Run.objects.create(
            connection=self.connection,
            job=job,
            started_at=started,
            ended_at=database_now(),
            seen=count.seen,
            changed=count.changed,
            skipped=count.skipped,
            notes=count.notes,
            error=error[:2000],
        )


def jittered(pause: timedelta) -> timedelta:
    """Return about as long a pause, so that not everything is asked for at one moment."""
    spread: float = random.uniform(0.9, 1.1)  # noqa: S311  no secret: it spreads the load
    return pause * spread


def _pause_after(failures: int) -> timedelta:
    return min(timedelta(seconds=5 * (1 << min(failures, 12))), LONGEST_PAUSE)
