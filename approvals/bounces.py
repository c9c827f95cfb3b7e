"""What a mail service says later: that a mail came back, or that its reader calls it spam."""

from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType

from approvals import daily
from approvals.models import Digest, Notification
from approvals.sending import about
from tracks.actors import SYSTEM
from tracks.events import record
from tracks.transactions import transition
from tracks.transitions import lock_track

CAME_BACK = {EventType.BOUNCED, EventType.REJECTED, EventType.FAILED, EventType.COMPLAINED}


def on_tracking(event: AnymailTrackingEvent, **_: Any) -> None:
    """Put on record that a mail did not reach its reader. Other news, and other mails, are let go.

    An exception would make the service say it again, which is right.
    """
    if event.event_type not in CAME_BACK or not event.message_id:
        return
    this = {"message_id": event.message_id, "bounced_at": None}
    if (notification := Notification.objects.filter(**this).first()) is not None:
        _came_back(notification=notification, error=_words(event))
    elif (digest := Digest.objects.filter(**this).first()) is not None:
        daily.came_back(digest, error=_words(event))


def _words(event: AnymailTrackingEvent) -> str:
    said = [event.event_type, event.mta_response or event.description or event.reject_reason]
    return ": ".join(str(each) for each in said if each)


@transition
def _came_back(*, notification: Notification, error: str) -> None:
    track, now = lock_track(notification.track_id)
    rows = Notification.objects.filter(pk=notification.pk, bounced_at=None)
    if not rows.update(bounced_at=now, last_error=error[:2000]):
        return
    data = about(notification) | {"error": error[:200]}
    record(track, "approver.undeliverable", actor=SYSTEM, at=now, data=data)
