"""Writing the event log, and running what follows from it."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, Prefetch, Subquery, prefetch_related_objects
from django.utils.module_loading import import_string

from tracks import wakeups
from tracks.actors import Actor
from tracks.chain import Link, data_commitment
from tracks.clock import database_now, rfc3339
from tracks.models import Dispatch, Event, EventData, Track
from tracks.transactions import after_commit

log = structlog.get_logger(__name__)

Consumer = Callable[[Sequence[Event]], None]
T = TypeVar("T")

LONGEST_PAUSE = timedelta(minutes=5)
# Events that a consumer gets in one transaction: on SQLite it keeps everybody else from writing.
TOGETHER = 50


def record(
    track: Track,
    type: str,
    *,
    actor: Actor,
    at: datetime,
    data: dict[str, Any],
    closes: UUID | None = None,
) -> Event:
    """Write one event of a track whose row the caller has locked, and plan what follows from it.

    `closes` is the key of the ask that the event closes: whoever waits for that ask is woken.
    """
    unwritten = _unwritten.get()
    if unwritten is not None:
        unwritten.move_on(track)
    at, salt = max(at, track.updated_at), secrets.token_hex(16)
    event = next_event(track, type, actor=actor, at=at, data=data, salt=salt)
    # The waiting agent first, the consumers behind it: what they plan takes time.
    wake_up = after_commit(wakeups.publish, track_id=track.pk, closed_ask=closes)
    if unwritten is not None:
        unwritten.add(event, wake_up)
    else:
        _write(event)
    return event


def _write(event: Event) -> None:
    event.save(force_insert=True)
    event.content.save(force_insert=True)
    event.track.save(update_fields=["seq", "head_hash", "updated_at"])
    row = _born_claimed(event)
    row.save(force_insert=True)
    after_commit(_run_consumers, [row])


def _born_claimed(event: Event) -> Dispatch:
    return Dispatch(event=event, attempts=1, next_attempt_at=event.at + Dispatch.LEASE)


@contextmanager
def recording_together() -> Iterator[None]:
    """Be one transaction whose events are written at its end, by a few statements for all of them.

    Until then no query finds them, and a track's row does not say how far it has come: `record()`
    knows. What a savepoint has recorded is forgotten when it is rolled back.
    """
    with transaction.atomic(savepoint=False):
        if _unwritten.get() is not None:  # there is one around this one, and it writes
            yield
            return
        unwritten = _Unwritten()
        token = _unwritten.set(unwritten)
        try:
            yield
        finally:
            _unwritten.reset(token)
        _write_all(unwritten.events)


class _Unwritten:
    """The events of a transaction that are recorded together, each with its wake-up."""

    def __init__(self) -> None:
        self._all: list[tuple[Event, Callable[[], None]]] = []

    def add(self, event: Event, wake_up: Callable[[], None]) -> None:
        self._all.append((event, wake_up))

    @property
    def events(self) -> list[Event]:
        # Django forgets what was to follow from a savepoint that is rolled back. So do we.
        kept = {id(entry[1]) for entry in connection.run_on_commit}
        return [event for event, wake_up in self._all if id(wake_up) in kept]

    def move_on(self, track: Track) -> None:
        """Move a track, which may have been read anew, up to its last event."""
        mine = (event for event in reversed(self.events) if event.track_id == track.pk)
        last = next(mine, None)
        if last is not None:
            track.seq, track.head_hash, track.updated_at = last.seq, last.hash, last.at


_unwritten: ContextVar[_Unwritten | None] = ContextVar("unwritten", default=None)


def _write_all(events: Sequence[Event]) -> None:
    if not events:
        return
    Event.objects.bulk_create(events)
    EventData.objects.bulk_create([event.content for event in events])
    last = Event.objects.filter(track=OuterRef("pk")).order_by("-seq")
    Track.objects.filter(pk__in={event.track_id for event in events}).update(
        seq=Subquery(last.values("seq")[:1]),
        head_hash=Subquery(last.values("hash")[:1]),
        updated_at=Subquery(last.values("at")[:1]),
    )
    for rows in _in_parts(Dispatch.objects.bulk_create(map(_born_claimed, events))):
        after_commit(_run_consumers, rows)


def next_event(
    track: Track, type: str, *, actor: Actor, at: datetime, data: dict[str, Any], salt: str
) -> Event:
    """Return the event that comes next on a track, in memory alone, and move the track up to it."""
    event = Event(
        workspace_id=track.workspace_id,
        track=track,
        seq=track.seq + 1,
        type=type,
        actor_type=actor.type,
        actor_name=actor.name,
        at=at,
        data_commitment=data_commitment(data, salt=salt),
        prev_hash=track.head_hash,
    )
    event.hash = link_of(event).hash()
    EventData(event=event, data=data, salt=salt)  # becomes event.content
    track.seq, track.head_hash, track.updated_at = event.seq, event.hash, at
    return event


def link_of(event: Event) -> Link:
    """Return what an event's hash covers."""
    return Link(
        track_id=event.track.public_id,
        seq=event.seq,
        prev_hash=event.prev_hash,
        type=event.type,
        actor={"type": event.actor_type, "name": event.actor_name},
        at=rfc3339(event.at),
        data_commitment=event.data_commitment,
    )


def listens_to(*types: str) -> Callable[[Consumer], Consumer]:
    """Say which events concern a consumer. One of which nothing is said gets them all."""

    def remember(consumer: Consumer) -> Consumer:
        _TYPES[consumer] = frozenset(types)
        return consumer

    return remember


_TYPES: dict[Consumer, frozenset[str]] = {}


def dispatch(*event_ids: UUID) -> None:
    """Run the consumers that events still wait for, but for events that another process has."""
    events = Event.objects.select_related("track", "content")
    for some in _in_parts(event_ids):
        rows = Dispatch.claim_all(some)
        prefetch_related_objects(rows, Prefetch("event", events))
        _run_consumers(rows)


def _in_parts(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    return (whole[start : start + TOGETHER] for start in range(0, len(whole), TOGETHER))


def _run_consumers(rows: Sequence[Dispatch]) -> None:
    failures: dict[UUID, list[str]] = {}
    for name in settings.EVENT_CONSUMERS:
        waiting = [row for row in rows if name not in row.done]
        for row, failure in _failures_of(name, waiting):
            failures.setdefault(row.pk, []).append(failure)
    _forget([row for row in rows if row.pk not in failures])
    for row in rows:
        if row.pk in failures:
            _put_back(row, failures[row.pk])


def _failures_of(name: str, rows: Sequence[Dispatch]) -> Iterator[tuple[Dispatch, str]]:
    """Run a consumer for several events in one transaction. If it fails, each gets its own."""
    # A consumer that fails delays itself alone; the others and the request go on.
    try:
        _run_consumer(name, [row.event for row in rows])
    except Exception as error:
        if len(rows) > 1:
            for row in rows:
                yield from _failures_of(name, [row])
            return
        for row in rows:
            log.exception("consumer.failed", consumer=name, event_id=str(row.pk))
            yield row, f"{name}: {error!r}"
    else:
        for row in rows:
            row.done.append(name)


def _run_consumer(name: str, events: Sequence[Event]) -> None:
    consumer: Consumer = import_string(name)
    types = _TYPES.get(consumer)
    mine = [event for event in events if types is None or event.type in types]
    if not mine:
        return
    with transaction.atomic():
        consumer(mine)


def _forget(rows: Sequence[Dispatch]) -> None:
    """Delete what is done, but for rows that another process has taken over."""
    for attempts in {row.attempts for row in rows}:
        keys = [row.pk for row in rows if row.attempts == attempts]
        Dispatch.objects.filter(pk__in=keys, attempts=attempts).delete()


def _put_back(row: Dispatch, failures: Sequence[str]) -> None:
    pause = min(timedelta(seconds=2**row.attempts), LONGEST_PAUSE)
    row.write_outcome(
        done=row.done, last_error="\n".join(failures), next_attempt_at=database_now() + pause
    )
