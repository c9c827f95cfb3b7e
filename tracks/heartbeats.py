"""Noting that beat and the workers live: a row each, written a few times a minute.

A worker is seen when it finishes a task, whichever: one that is there and does nothing is not
alive in any sense that helps. Sweeps come every other second, so a healthy one is seen at once.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError

from tracks.clock import database_now
from tracks.models import Heartbeat

log = structlog.get_logger(__name__)

BEAT = "beat"
NOTED_EVERY = 15.0  # seconds: what a process of a worker writes at most
LATE_AFTER = timedelta(minutes=2)  # since then something stands still
KEPT = timedelta(days=1)


def tick() -> None:
    """Note that a tick of beat has come through."""
    _note(BEAT, Heartbeat.Kind.BEAT)


@dataclass(slots=True)
class _Process:
    """When this process last noted its worker, by its own clock."""

    noted_at: float = float("-inf")


_process = _Process()


def note_worker(name: str) -> None:
    """Note that a worker has finished a task, unless this process just did.

    A failure is logged: it must not become the task's.
    """
    if not name or time.monotonic() - _process.noted_at < NOTED_EVERY:
        return
    _process.noted_at = time.monotonic()
    try:
        _note(name, Heartbeat.Kind.WORKER)
    except DatabaseError as error:
        log.warning("heartbeat.failed", worker=name, error=repr(error))


def _note(name: str, kind: Heartbeat.Kind) -> None:
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, kind=kind, seen_at=database_now())],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["seen_at"],
    )


def is_late(seen_at: datetime | None, now: datetime) -> bool:
    """Tell whether a heartbeat has been missing for so long that something stands still."""
    return seen_at is None or now - seen_at > LATE_AFTER


def purge() -> int:
    """Forget workers that nobody has heard of for a day; return how many."""
    gone = Heartbeat.objects.filter(kind=Heartbeat.Kind.WORKER)
    return gone.filter(seen_at__lt=database_now() - KEPT).delete()[0]
