"""Planning whom to tell of an ask, and when to remind them. Plans, and talks to nobody."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any

from django.db.models import QuerySet

from approvals.display_time import zone_named
from approvals.models import Ask, Holder, Notification
from approvals.working_hours import reminder_times
from tracks.addresses import canonical_address
from tracks.ids import known_id
from tracks.models import Event
from tracks.work import poke_after_commit


def on_event(event: Event) -> None:
    """Plan a notice, and reminders, for each person who may now decide an ask."""
    choose = _WHO.get(event.type)
    if choose is None or event.data is None:
        return
    asks = Ask.objects.select_related("track__workspace")
    ask = asks.get(pk=known_id("ask", event.data["ask_id"]))
    _plan(ask, list(choose(ask, event.data)), at=event.at)


def _asked(ask: Ask, said: dict[str, Any]) -> QuerySet[Holder]:
    """Return whom an ask was put to; nobody where the caller delivers the address itself."""
    asked = ask.holders.filter(kind=Holder.Kind.ASKED)
    return asked if ask.notify else asked.none()


def _taker(ask: Ask, said: dict[str, Any]) -> QuerySet[Holder]:
    """Return who was brought in. The caller cannot tell them: it did not know of them."""
    return ask.holders.filter(approver__canonical=canonical_address(said["to"]))


_WHO: dict[str, Callable[[Ask, dict[str, Any]], QuerySet[Holder]]] = {
    "input_request.created": _asked,
    "ask.handed_over": _taker,
}


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
