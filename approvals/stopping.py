"""An approver who wants no more reminders of an ask, or no more digests, and says so by a link.

Whatever is stopped is looked at again before each mail: one that a worker has in hand may still go.
"""

from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog
from django.db.models import QuerySet

from approvals.models import Approver, Ask, Digest, Holder, Notification
from approvals.sending import waits_for
from approvals.transitions import lock_asks
from config.errors import NotFound
from tracks.actors import Actor
from tracks.clock import database_now
from tracks.events import record
from tracks.rows import one_or_none
from tracks.transactions import transition

log = structlog.get_logger(__name__)


class Way(StrEnum):
    """How somebody said it: on our page, or by the button of their mail program (RFC 8058)."""

    PAGE = "page"
    ONE_CLICK = "one_click"


def place_at(*, ask_id: UUID, approver_id: UUID) -> Holder:
    """Return somebody's place at an ask, taken by another or not."""
    places = Holder.objects.select_related("approver", "ask__track__workspace")
    place = one_or_none(places.filter(ask=ask_id, approver=approver_id))
    if place is None:
        raise NotFound()
    return place


def can_be_reminded(place: Holder) -> bool:
    """Tell whether an ask still waits for somebody, so that there are reminders to be stopped."""
    ask = place.ask
    is_open = ask.status == Ask.Status.OPEN and ask.ends_at > database_now()
    return is_open and waits_for(ask, place.approver_id)


@transition
def stop_reminders(*, place: Holder, way: Way) -> None:
    """Remind somebody no more of an ask. Once, and only while it waits for them."""
    here = lock_asks(place.ask.track_id)
    ask = here.ask(place.ask_id)
    if ask.status != Ask.Status.OPEN or not waits_for(ask, place.approver_id):
        return
    running = Holder.objects.filter(pk=place.pk, reminders_stopped_at=None)
    if not running.update(reminders_stopped_at=here.now):
        return
    reminders = Notification.objects.filter(kind=Notification.Kind.REMINDER, ask=ask)
    _skip(reminders.filter(approver=place.approver_id), skipped_at=here.now)
    address = place.approver.address
    data = {"ask_id": ask.public_id, "approver": address, "channel": "email", "way": way.value}
    actor = Actor("approver", address)
    record(here.track, "ask.reminders_stopped", actor=actor, at=here.now, data=data)


@transition
def stop_digests(*, approver_id: UUID, way: Way) -> None:
    """Sum up no more for somebody in a workspace, until they want it again."""
    now = database_now()
    running = Approver.objects.filter(pk=approver_id, digests_stopped_at=None)
    if running.update(digests_stopped_at=now):
        _skip(Digest.objects.filter(approver=approver_id), skipped_at=now)
        log.info("digests.stopped", approver=str(approver_id), way=way.value)


@transition
def resume_digests(*, approver_id: UUID) -> None:
    """Sum up for somebody again: the next morning tells of all that waits."""
    stopped = Approver.objects.filter(pk=approver_id, digests_stopped_at__isnull=False)
    if stopped.update(digests_stopped_at=None):
        log.info("digests.resumed", approver=str(approver_id))


def _skip(mails: QuerySet[Any], **outcome: Any) -> None:
    """Take mails that are planned off the list of what is to be done."""
    mails.filter(next_attempt_at__isnull=False).update(next_attempt_at=None, **outcome)
