"""The parts of which a dossier is made: mails, devices and the events. Rows in, words out."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from approvals.display_time import Clock, Moment
from approvals.models import Grant, Notification
from approvals.staff.told import line_of, quoted_of
from tracks.models import Event, Track
from tracks.staff.columns import pretty

EVENTS_A_PAGE = 50
MOST_ROWS = 50  # of each kind of thing: the newest


@dataclass(frozen=True, slots=True)
class Line:
    """One event: in our words, what somebody wrote, and all it says, folded."""

    seq: int
    at: Moment
    type: str
    actor: str
    text: str
    quoted: str
    raw: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of the events of a track, the oldest first, and where the others begin."""

    lines: list[Line]
    earlier: int | None
    later: int | None
    total: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was planned, and what became of it."""

    kind: str
    to: str
    state: str
    tone: str
    at: Moment
    attempts: int
    next_at: Moment | None
    error: str
    code: str


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that has proven something."""

    address: str
    approver_id: str
    how: str
    where: str
    at: Moment
    ip: str
    user_agent: str
    state: str
    is_live: bool


# -- mails and devices -----------------------------------------------------------------------------


def mails_of(which: Q, clock: Clock) -> list[Mail]:
    """Return the newest of the mails that fit."""
    rows = Notification.objects.filter(which).select_related("approver", "challenge")
    return [_mail(each, clock) for each in rows.order_by("-created_at", "-pk")[:MOST_ROWS]]


def _mail(row: Notification, clock: Clock) -> Mail:
    state, tone, at = _state_of(row)
    ordinal = f" {row.ordinal}" if row.ordinal else ""
    return Mail(
        kind=f"{_KINDS[row.kind]}{ordinal}",
        to=row.approver.address,
        state=state,
        tone=tone,
        at=clock.moment(at),
        attempts=row.attempts,
        next_at=clock.moment(row.next_attempt_at) if row.next_attempt_at else None,
        error=row.last_error,
        code=_code_of(row, clock),
    )


_KINDS = {
    Notification.Kind.ASK.value: "Notice",
    Notification.Kind.REMINDER.value: "Reminder",
    Notification.Kind.NUDGE.value: "Nudge",
    Notification.Kind.SIGN_IN.value: "Sign-in mail",
    Notification.Kind.UPDATE.value: "Update",
}


def _state_of(row: Notification) -> tuple[str, str, datetime]:
    """Return what became of a mail, how bad that is, and when it was."""
    if row.bounced_at is not None:
        return "came back", "bad", row.bounced_at
    if row.failed_at is not None:
        return "failed", "bad", row.failed_at
    if row.sent_at is not None:
        return "sent", "good", row.sent_at
    if row.skipped_at is not None:
        return "not wanted any more", "still", row.skipped_at
    return "planned", "still", row.created_at


def _code_of(row: Notification, clock: Clock) -> str:
    """Return what is known of the code in a mail, which itself is stored nowhere."""
    challenge = row.challenge
    if challenge is None:
        return ""
    if challenge.consumed_at is not None:
        return "code or link used"
    if challenge.voided_at is not None:
        return "code void"
    return "code expired" if challenge.expires_at <= clock.now else "code good"


def devices_of(track: Track, addresses: set[str], clock: Clock) -> list[Device]:
    """Return which browsers have proven something here, or for one of the addresses anywhere."""
    in_queue = Q(kind=Grant.Kind.QUEUE, canonical__in=addresses)
    grants = Grant.objects.filter(Q(track=track) | in_queue).select_related("approver")
    return [_device(each, clock) for each in grants.order_by("-pk")[:MOST_ROWS]]


def _device(grant: Grant, clock: Clock) -> Device:
    is_live = grant.revoked_at is None and grant.expires_at > clock.now
    if grant.revoked_at is not None:
        state = f"ended {clock.moment(grant.revoked_at).words}"
    else:
        state = f"{'until' if is_live else 'expired'} {clock.moment(grant.expires_at).words}"
    return Device(
        address=grant.approver.address if grant.approver else grant.canonical,
        approver_id=str(grant.approver_id or ""),
        how={"password": "password", "email_link": "e-mail link"}.get(grant.method, "e-mail code"),
        where="in the queue" if grant.kind == Grant.Kind.QUEUE else "on this track",
        at=clock.moment(grant.granted_at),
        ip=grant.ip,
        user_agent=grant.user_agent,
        state=state,
        is_live=is_live,
    )


# -- events ----------------------------------------------------------------------------------------


def timeline_of(
    track: Track, events: QuerySet[Event], since_seq: int | None, clock: Clock
) -> Timeline:
    """Return a page of events, from one of them on."""
    if since_seq is not None:
        events = events.filter(seq__gte=since_seq)
    rows = list(events.select_related("content").order_by("seq")[: EVENTS_A_PAGE + 1])
    page, more = rows[:EVENTS_A_PAGE], rows[EVENTS_A_PAGE:]
    first = page[0].seq if page else 1
    return Timeline(
        lines=[_line(each, clock) for each in page],
        earlier=max(1, first - EVENTS_A_PAGE) if first > 1 else None,
        later=more[0].seq if more else None,
        total=track.seq,
    )


def _line(event: Event, clock: Clock) -> Line:
    return Line(
        seq=event.seq,
        at=clock.moment(event.at),
        type=event.type,
        actor=f"{event.actor_type} {event.actor_name}",
        text=line_of(event.type, event.data),
        quoted=quoted_of(event.data),
        raw="" if event.data is None else pretty(event.data),
    )
