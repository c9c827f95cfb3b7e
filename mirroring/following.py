"""Polling in the process of whoever asks for it, until the pass is over."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from mirroring import operating, polling
from mirroring.connectors.base import Kind
from mirroring.models import Connection, Poll
from tracks.actors import Actor
from tracks.clock import database_now

# Longer pauses than this are not waited for: the system, or its budget, wants to be left alone.
PATIENCE = timedelta(minutes=5)
MOMENT = 0.5  # seconds until a look at what another worker does


class PollFailed(Exception):
    """The system failed, or wants a longer pause than anybody waits for."""


def poll_to_the_end(
    connection: Connection,
    *,
    actor: Actor,
    accepts_missing: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Poll]:
    """Yield where the polling stands after each run, until a whole pass is over.

    Whoever else polls this connection meanwhile does the same work: it is waited for. Raise
    PollFailed where it comes to nothing.
    """
    started = database_now()
    operating.poll_now(connection, actor=actor)
    if accepts_missing:
        operating.accept_missing(connection, actor=actor)
    while True:
        before = _state(connection)
        polling.run(connection.pk)
        after = _state(connection)
        yield after
        if _is_over(after, started, accepts_missing=accepts_missing):
            return
        pause = _pause(after, started)
        if pause > timedelta(0) or after.attempts == before.attempts:
            sleep(max(pause.total_seconds(), MOMENT))


def _state(connection: Connection) -> Poll:
    return Poll.objects.get(pk=connection.pk)


def _is_over(poll: Poll, started: datetime, *, accepts_missing: bool) -> bool:
    has_swept = not accepts_missing or not poll.accepts_missing
    return _is_since(poll.succeeded_at, started) and poll.pass_started_at is None and has_swept


def _is_since(moment: datetime | None, started: datetime) -> bool:
    return moment is not None and moment >= started


def _pause(poll: Poll, started: datetime) -> timedelta:
    """Return how long to wait before the next run; raise PollFailed where that helps nobody."""
    if poll.paused_at is not None:
        raise PollFailed(f"The connection is paused: {poll.pause_reason}")
    if not _is_since(poll.failed_at, started) or not poll.last_error:
        return timedelta(0)
    pause = (poll.next_attempt_at or poll.delta_at) - database_now()
    if poll.error_kind != Kind.RATE_LIMITED.value or pause > PATIENCE:
        raise PollFailed(poll.last_error)
    return pause
