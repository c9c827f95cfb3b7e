"""Telling approvers: planned when an ask opens, sent by a worker, once each."""

from datetime import timedelta
from uuid import UUID

from approvals.channels import email
from approvals.models import Ask, Challenge, Notification
from approvals.verification import NOTICE_LASTS, new_challenge
from tracks.actors import SYSTEM
from tracks.clock import database_now
from tracks.events import record
from tracks.ids import known_id
from tracks.models import Event
from tracks.transactions import transition
from tracks.transitions import lock_track
from tracks.work import poke_after_commit

# Waits between the attempts to hand a mail over; after the last the approver is undeliverable.
PAUSES = [timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)]


def on_event(event: Event) -> None:
    """Plan one notice for each approver of an ask that has opened."""
    if event.type != "input_request.created" or event.data is None:
        return
    ask = Ask.objects.get(pk=known_id("ask", event.data["ask_id"]))
    if not ask.notify:
        return
    for seat in ask.seats.select_related("approver"):
        notification, created = Notification.objects.get_or_create(
            kind=Notification.Kind.ASK,
            ask=ask,
            approver=seat.approver,
            defaults={
                "track_id": ask.track_id,
                "created_at": event.at,
                "next_attempt_at": event.at,
            },
        )
        if created:
            poke_after_commit("approvals.tasks.send_notification", str(notification.pk))


def send(pk: UUID) -> None:
    """Send a notification if it is due and still wanted; never inside a transaction."""
    notification = Notification.claim(pk)
    if notification is None:
        return
    if not _is_wanted(notification):
        notification.write_outcome(next_attempt_at=None, skipped_at=database_now())
        return
    if notification.challenge is None:
        _add_challenge(notification)
    try:
        email.send(notification)
    except email.Refused as error:
        _give_up(notification=notification, error=str(error))
    except Exception as error:
        _try_again(notification, repr(error))
    else:
        _write_sent(notification=notification)


def _is_wanted(notification: Notification) -> bool:
    """Tell whether there is still something to answer, or a mail that somebody waits for."""
    now = database_now()
    if notification.kind == Notification.Kind.SIGN_IN:
        challenge = notification.challenge
        return challenge is not None and challenge.voided_at is None and challenge.expires_at > now
    ask = notification.ask
    return ask is not None and ask.status == Ask.Status.OPEN and ask.expires_at > now


def _add_challenge(notification: Notification) -> None:
    now = database_now()
    notification.challenge = new_challenge(
        kind=Challenge.Kind.NOTICE,
        track=notification.track,
        approver=notification.approver,
        ask=notification.ask,
        created_at=now,
        expires_at=now + NOTICE_LASTS,
    )
    notification.write_outcome(challenge=notification.challenge)


def _try_again(notification: Notification, error: str) -> None:
    if notification.attempts > len(PAUSES):
        _give_up(notification=notification, error=error)
    else:
        notification.retry(after=PAUSES[notification.attempts - 1], error=error)


@transition
def _write_sent(*, notification: Notification) -> None:
    track, now = lock_track(notification.track_id)
    if not notification.write_outcome(next_attempt_at=None, sent_at=now, last_error=""):
        return
    if notification.ask is not None:
        data = _about(notification)
        record(track, "approver.notified", actor=SYSTEM, at=now, data=data)


@transition
def _give_up(*, notification: Notification, error: str) -> None:
    track, now = lock_track(notification.track_id)
    if not notification.write_outcome(next_attempt_at=None, failed_at=now, last_error=error[:2000]):
        return
    data = _about(notification) | {"error": error[:200]}
    record(track, "approver.undeliverable", actor=SYSTEM, at=now, data=data)


def _about(notification: Notification) -> dict[str, str | None]:
    ask = notification.ask
    return {
        "ask_id": ask.public_id if ask else None,
        "approver": notification.approver.address,
        "channel": "email",
        "kind": notification.kind,
    }
