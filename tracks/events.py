"""Writing the event log, and running what follows from it."""

import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from tracks import wakeups
from tracks.actors import Actor
from tracks.chain import Link, data_commitment
from tracks.clock import database_now, rfc3339
from tracks.models import Dispatch, Event, EventData, Track

log = structlog.get_logger(__name__)

LONGEST_PAUSE = timedelta(minutes=5)


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
    at = max(at, track.updated_at)
    event = _append(track, type, actor=actor, at=at, data=data)
    dispatch_row = Dispatch.objects.create(
        event=event, attempts=1, next_attempt_at=at + Dispatch.LEASE
    )
    # The waiting agent first, the consumers behind it: what they plan takes time.
    transaction.on_commit(
        partial(wakeups.publish, track_id=track.pk, closed_ask=closes), robust=True
    )
    transaction.on_commit(partial(_run_consumers, dispatch_row), robust=True)
    return event


def _append(track: Track, type: str, *, actor: Actor, at: datetime, data: dict[str, Any]) -> Event:
    event = next_event(track, type, actor=actor, at=at, data=data, salt=secrets.token_hex(16))
    event.save(force_insert=True)
    event.content.save(force_insert=True)
    track.save(update_fields=["seq", "head_hash", "updated_at"])
    return event


def next_event(
    track: Track, type: str, *, actor: Actor, at: datetime, data: dict[str, Any], salt: str
) -> Event:
    """Return the event that comes next on a track, in memory alone, and move the track up to it."""
    event = Event(
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


def dispatch(event_id: UUID) -> None:
    """Run the consumers that an event still waits for, unless another process does."""
    row = Dispatch.claim(event_id)
    if row is not None:
        _run_consumers(row)


def _run_consumers(row: Dispatch) -> None:
    failures = [
        failure
        for name in settings.EVENT_CONSUMERS
        if name not in row.done and (failure := _run_consumer(name, row))
    ]
    if not failures:
        Dispatch.objects.filter(pk=row.pk, attempts=row.attempts).delete()
        return
    pause = min(timedelta(seconds=2**row.attempts), LONGEST_PAUSE)
    row.write_outcome(
        done=row.done, last_error="\n".join(failures), next_attempt_at=database_now() + pause
    )


def _run_consumer(name: str, row: Dispatch) -> str | None:
    # A consumer that fails delays itself alone; the others and the request go on.
    try:
        with transaction.atomic():
            import_string(name)(row.event)
    except Exception as error:
        log.exception("consumer.failed", consumer=name, event_id=str(row.pk))
        return f"{name}: {error!r}"
    row.done.append(name)
    return None
