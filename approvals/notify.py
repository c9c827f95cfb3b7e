"""Planning whom to tell of an ask, and when to remind them. Plans, and talks to nobody."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from approvals import updates
from approvals.display_time import zone_named
from approvals.models import Ask, Holder, Notification
from approvals.working_hours import reminder_times
from tracks.addresses import canonical_address
from tracks.events import listens_to
from tracks.ids import known_id
from tracks.models import Event
from tracks.work import poke_after_commit


def _asked(ask: Ask, said: dict[str, Any]) -> QuerySet[Holder]:
    """Return whom an ask was put to; nobody where the caller delivers the address itself.

    Nor where it is quiet: digests tell of it.
    """
    asked = ask.holders.filter(kind=Holder.Kind.ASKED)
    return asked if ask.notify and not ask.is_quiet else asked.none()


def _taker(ask: Ask, said: dict[str, Any]) -> QuerySet[Holder]:
    """Return who was brought in. The caller cannot tell them: it did not know of them.

    A person who passes a quiet ask on means this one; whoever stands in has many come at once.
    """
    takers = ask.holders.filter(approver__canonical=canonical_address(said["to"]))
    return takers.exclude(kind=Holder.Kind.STAND_IN) if ask.is_quiet else takers


_WHO: dict[str, Callable[[Ask, dict[str, Any]], QuerySet[Holder]]] = {
    "input_request.created": _asked,
    "ask.handed_over": _taker,
}
_UPDATES: dict[str, Callable[[Event], None]] = {
    "input_request.answered": updates.tell_of_overriding,
    "input_request.cancelled": updates.tell_of_cancelling,
}


@listens_to(*_WHO, *_UPDATES)
def on_events(events: Sequence[Event]) -> None:
    """Plan a notice, and reminders, for each person who may now decide an ask.

    Whoever was told of one from a system of record is told as well that it was withdrawn, and
    whoever was told of any that staff has decided it.
    """
    asks = _asks_of([event for event in events if event.type in _WHO])
    for event in events:
        if event.type in _UPDATES:
            _UPDATES[event.type](event)
        elif event.type in _WHO and event.data is not None:
            ask = asks[known_id("ask", event.data["ask_id"])]
            _plan(ask, list(_WHO[event.type](ask, event.data)), at=event.at)


def _asks_of(events: Sequence[Event]) -> dict[UUID, Ask]:
    said = [event.data for event in events if event.data is not None]
    pks = {known_id("ask", each["ask_id"]) for each in said}
    return Ask.objects.select_related("track__workspace").in_bulk(pks)


def _plan(ask: Ask, holders: Sequence[Holder], *, at: datetime) -> None:
    zone = zone_named(ask.track.workspace.time_zone)
    rows = [row for holder in holders for row in _rows(ask, holder, at, zone)]
    # Whoever has a row has been told, or is about to be.
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        if row.kind == Notification.Kind.ASK:
            poke_after_commit("approvals.tasks.send_notification", str(row.pk))


def _rows(ask: Ask, holder: Holder, at: datetime, zone: tzinfo) -> Iterator[Notification]:
    common = {
        "track_id": ask.track_id,
        "ask": ask,
        "approver_id": holder.approver_id,
        "created_at": at,
    }
    yield Notification(kind=Notification.Kind.ASK, next_attempt_at=at, **common)
    times = reminder_times(asked_at=holder.at, ends_at=ask.ends_at, zone=zone)
    for ordinal, moment in enumerate(times, start=1):
        yield Notification(
            kind=Notification.Kind.REMINDER, ordinal=ordinal, next_attempt_at=moment, **common
        )
