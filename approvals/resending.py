"""Staff telling an approver of an ask once more: the notice again, or a reminder now."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from approvals.models import Approver, Ask, Challenge, Notification
from approvals.refusals import AskNotOpen, NotTheApprover
from approvals.sending import waits_for
from approvals.transitions import lock_asks
from approvals.verification import DAY, Limit, check_limit, too_many
from approvals.working_hours import BETWEEN_REMINDERS
from tracks.actors import Actor
from tracks.events import record
from tracks.models import Track
from tracks.transactions import transition
from tracks.work import poke_after_commit

RESENT = (Limit(3, timedelta(minutes=15)), Limit(10, DAY))
RESENT_ENOUGH = "This notice was sent again often enough for now: 3 times in 15 minutes, 10 a day."
REMINDED_LATELY = "They were reminded of this less than four hours ago."


@transition
def resend_notice(
    *, ask_id: UUID, track_id: UUID, approver_id: UUID, reason: str, actor: Actor
) -> Notification:
    """Plan the notice of an ask once more, with a new code; the codes of those before end now."""
    here = lock_asks(track_id)
    ask, approver = _waiting(here.ask(ask_id), approver_id)
    notices = _mails(ask, approver).filter(kind=Notification.Kind.ASK)
    for limit in RESENT:
        check_limit(limit, notices.filter(ordinal__gt=0), here.now, detail=RESENT_ENOUGH)
    codes = Challenge.objects.filter(ask=ask, track=here.track, approver=approver, voided_at=None)
    codes.update(voided_at=here.now)
    notice = _plan(ask, approver, Notification.Kind.ASK, notices, now=here.now)
    _record(here.track, "ask.resent", notice, reason=reason, actor=actor, now=here.now)
    return notice


@transition
def nudge(
    *, ask_id: UUID, track_id: UUID, approver_id: UUID, reason: str, actor: Actor
) -> Notification:
    """Plan a reminder for now, at whatever hour; not within four hours of another."""
    here = lock_asks(track_id)
    ask, approver = _waiting(here.ask(ask_id), approver_id)
    nudges = _mails(ask, approver).filter(kind=Notification.Kind.NUDGE)
    _check_pause(_mails(ask, approver), here.now)
    reminder = _plan(ask, approver, Notification.Kind.NUDGE, nudges, now=here.now)
    _record(here.track, "ask.nudged", reminder, reason=reason, actor=actor, now=here.now)
    return reminder


def _waiting(ask: Ask, approver_id: UUID) -> tuple[Ask, Approver]:
    """Return an open ask and somebody for whose decision it waits."""
    if ask.status != Ask.Status.OPEN:
        raise AskNotOpen(ask)
    approver = Approver.objects.filter(pk=approver_id, workspace=ask.workspace_id).first()
    if approver is None or not waits_for(ask, approver_id):
        raise NotTheApprover("The request does not wait for this person.")
    return ask, approver


def _mails(ask: Ask, approver: Approver) -> QuerySet[Notification]:
    return Notification.objects.filter(ask=ask, approver=approver)


def _check_pause(mails: QuerySet[Notification], now: datetime) -> None:
    """Refuse a reminder within four hours of another, be it planned by staff or sent in time."""
    since = now - BETWEEN_REMINDERS
    nudged = Q(kind=Notification.Kind.NUDGE, created_at__gt=since)
    reminded = Q(kind=Notification.Kind.REMINDER, sent_at__gt=since)
    latest = max(
        (each.sent_at or each.created_at for each in mails.filter(nudged | reminded)), default=None
    )
    if latest is not None:
        raise too_many(latest + BETWEEN_REMINDERS - now, detail=REMINDED_LATELY)


def _plan(
    ask: Ask,
    approver: Approver,
    kind: Notification.Kind,
    before: QuerySet[Notification],
    *,
    now: datetime,
) -> Notification:
    last = before.aggregate(last=Max("ordinal"))["last"] or 0
    row = Notification.objects.create(
        kind=kind,
        ordinal=last + 1,
        track=ask.track,
        ask=ask,
        approver=approver,
        created_at=now,
        next_attempt_at=now,
    )
    poke_after_commit("approvals.tasks.send_notification", str(row.pk))
    return row


def _record(
    track: Track, type: str, mail: Notification, *, reason: str, actor: Actor, now: datetime
) -> None:
    assert mail.ask is not None
    data = {
        "ask_id": mail.ask.public_id,
        "approver": mail.approver.address,
        "ordinal": mail.ordinal,
        "reason": reason,
    }
    record(track, type, actor=actor, at=now, data=data)
