"""Handing notices, reminders, updates and sign-in mails over: once each, while they are wanted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from approvals import updates
from approvals.channels import PAUSES, email
from approvals.display_time import zone_named
from approvals.models import Ask, Challenge, Decline, Holder, Notification
from approvals.verification import NOTICE_LASTS, new_challenge
from approvals.working_hours import leaves_enough, next_daytime, pause_between
from tracks.actors import SYSTEM
from tracks.clock import database_now
from tracks.events import record
from tracks.transactions import transition
from tracks.transitions import lock_track


def send(pk: UUID) -> None:
    """Send a notification if it is due and still wanted; never inside a transaction."""
    notification = Notification.claim(pk)
    if notification is None:
        return
    now = database_now()
    if not _is_wanted(notification, now):
        notification.write_outcome(next_attempt_at=None, skipped_at=now)
        return
    later = _when_at_work(notification, now)
    if later > now:
        notification.write_outcome(next_attempt_at=later)
        return
    _hand_over(notification)


def _hand_over(notification: Notification) -> None:
    if notification.challenge is None and notification.kind != Notification.Kind.UPDATE:
        _add_challenge(notification)
    try:
        sent = email.send(notification)
    except email.Refused as error:
        _give_up(notification=notification, error=str(error), is_refused=True)
    except Exception as error:
        _try_again(notification, repr(error))
    else:
        _write_sent(notification=notification, sent=sent)


def _is_wanted(notification: Notification, now: datetime) -> bool:
    """Tell whether there is still something to decide, or a mail that somebody waits for."""
    if notification.kind == Notification.Kind.SIGN_IN:
        challenge = notification.challenge
        return challenge is not None and challenge.voided_at is None and challenge.expires_at > now
    if notification.kind == Notification.Kind.UPDATE:
        return updates.is_wanted(notification)
    ask = notification.ask
    if ask is None or ask.status != Ask.Status.OPEN or ask.ends_at <= now:
        return False
    if not waits_for(ask, notification.approver_id):
        return False
    return notification.kind != Notification.Kind.REMINDER or _is_timely(notification, ask, now)


def waits_for(ask: Ask, approver_id: UUID) -> bool:
    """Tell whether an ask waits for somebody: nothing decided at their seat, nor sent back."""
    mine = Holder.objects.acting().filter(ask=ask, approver=approver_id, seat__decision=None)
    return mine.exists() and not Decline.objects.filter(ask=ask, approver=approver_id).exists()


def _is_timely(reminder: Notification, ask: Ask, now: datetime) -> bool:
    """Tell whether a reminder helps: it leaves time, is welcome, and no other mail says it all.

    Several are due at once when workers were down; the last of them says it all.
    """
    kinds = Notification.Kind
    later = Q(
        Q(next_attempt_at__lte=now) | Q(attempts__gt=0),
        kind=kinds.REMINDER,
        ordinal__gt=reminder.ordinal,
    )
    under_way = Q(kind__in=[kinds.ASK, kinds.NUDGE], next_attempt_at__isnull=False)
    since = now - pause_between(asked_at=ask.created_at, ends_at=ask.ends_at)
    lately = Q(kind__in=[kinds.ASK, kinds.NUDGE, kinds.REMINDER], sent_at__gt=since)
    unreachable = Q(bounced_at__isnull=False)
    others = Notification.objects.filter(ask=ask, approver=reminder.approver_id)
    is_idle = others.filter(later | under_way | lately | unreachable).exists()
    is_stopped = Holder.objects.filter(
        ask=ask, approver=reminder.approver_id, reminders_stopped_at__isnull=False
    ).exists()
    return leaves_enough(now, ask.ends_at) and not is_idle and not is_stopped


def _when_at_work(notification: Notification, now: datetime) -> datetime:
    """Return when a mail may go: a reminder that is late waits for the next working hours.

    An update waits for the notice that it follows, where that is on its way.
    """
    if notification.kind == Notification.Kind.UPDATE:
        return updates.when_told(notification, now)
    if notification.kind != Notification.Kind.REMINDER:
        return now
    return next_daytime(now, zone_named(notification.track.workspace.time_zone))


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
    if notification.attempts > len(PAUSES):  # the approver is undeliverable
        _give_up(notification=notification, error=error, is_refused=False)
    else:
        notification.retry(after=PAUSES[notification.attempts - 1], error=error)


@transition
def _write_sent(*, notification: Notification, sent: email.Sent) -> None:
    track, now = lock_track(notification.track_id)
    outcome = {"message_id": sent.message_id, "subject": sent.subject, "last_error": ""}
    if not notification.write_outcome(next_attempt_at=None, sent_at=now, **outcome):
        return
    if notification.ask is None:
        return
    data = about(notification)
    if notification.kind == Notification.Kind.UPDATE:
        data["about"] = notification.about
    if notification.kind in (Notification.Kind.REMINDER, Notification.Kind.NUDGE):
        data["ordinal"] = notification.ordinal
        record(track, "ask.reminded", actor=SYSTEM, at=now, data=data)
    else:
        record(track, "approver.notified", actor=SYSTEM, at=now, data=data)


@transition
def _give_up(*, notification: Notification, error: str, is_refused: bool) -> None:
    track, now = lock_track(notification.track_id)
    outcome = {"failed_at": now, "last_error": error[:2000]}
    if is_refused:
        outcome["bounced_at"] = now
    if not notification.write_outcome(next_attempt_at=None, **outcome):
        return
    data = about(notification) | {"error": error[:200]}
    record(track, "approver.undeliverable", actor=SYSTEM, at=now, data=data)


def about(notification: Notification) -> dict[str, Any]:
    """Return what an event says of a mail."""
    ask = notification.ask
    return {
        "ask_id": ask.public_id if ask else None,
        "approver": notification.approver.address,
        "channel": "email",
        "kind": notification.kind,
    }
