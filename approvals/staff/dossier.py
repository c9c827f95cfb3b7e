"""The dossier of an ask or a track: everything there is, in a fixed number of queries. Reads only.

What others wrote is passed on as text; a template shows it, escaped and isolated.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from approvals import card
from approvals.card import Card
from approvals.display_time import Clock, Moment, zone_named
from approvals.models import (
    Ask,
    Decision,
    FirstView,
    Holder,
    Notification,
    Override,
    SlackCard,
)
from approvals.opening import display_of
from approvals.outcome import PROOFS
from approvals.people import needs
from approvals.receipts import label, meaning
from approvals.serializers import ask_json
from approvals.staff.parts import (
    EVENTS_A_PAGE,
    MOST_ROWS,
    Device,
    Mail,
    Timeline,
    devices_of,
    mails_of,
    timeline_of,
)
from approvals.staff.sections import Section, Subject, sections_for
from approvals.transitions import on_behalf_of
from tracks.clock import database_now
from tracks.models import Event, Step, Track
from tracks.staff.columns import pretty

SHOWN_OF_SLUG = 6
STATUS_WORDS = {
    "open": "Open",
    "overdue": "Open, overdue",
    "answered": "Answered",
    "overridden": "Decided by staff",
    "timeout": "Timed out",
    "cancelled": "Withdrawn",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What settled an ask, or one of the decisions on the way, and how we know."""

    meaning: str
    label: str
    comment: str
    by: str
    on_behalf_of: str
    at: Moment
    how: str
    proven: Moment | None
    ip: str
    user_agent: str
    is_override: bool
    is_settling: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody at the table of an ask."""

    approver_id: str
    address: str
    how: str
    reason: str
    is_acting: bool
    has_decided: bool
    seen: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDossier:
    """Everything about one ask."""

    ask: Ask
    card: Card
    status: str
    moments: list[tuple[str, Moment]]
    said: list[Said]
    places: list[Place]
    needs: str
    mails: list[Mail]
    slack: SlackCard | None
    devices: list[Device]
    timeline: Timeline
    sections: list[Section]
    shown: str
    is_as_shown: bool
    raw: str

    @property
    def status_word(self) -> str:
        return STATUS_WORDS.get(self.status, self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackDossier:
    """Everything about one track."""

    track: Track
    page: str
    moments: list[tuple[str, Moment]]
    steps: list[Step]
    asks: list[Ask]
    devices: list[Device]
    mails: list[Mail]
    timeline: Timeline
    sections: list[Section]
    raw: str


def of_ask(ask: Ask, *, since_seq: int | None, user: Any) -> AskDossier:
    """Return the dossier of an ask that came `presented().with_everything()`, with its Slack."""
    track = ask.track
    clock = clock_of(ask)
    subject = Subject(track=track, ask=ask, since=ask.created_at, clock=clock, user=user)
    events = Event.objects.filter(track=track)
    if since_seq is None:
        events = events.filter(at__gte=ask.created_at)
    shown = card.of(ask, clock=clock)
    return AskDossier(
        ask=ask,
        card=shown,
        status=status_of(ask),
        moments=_moments(ask, clock),
        said=_said(ask, clock),
        places=_places(ask, clock),
        needs=needs(ask),
        mails=mails_of(
            Q(ask=ask)
            | Q(track=track, kind=Notification.Kind.SIGN_IN, created_at__gte=ask.created_at),
            clock,
        ),
        slack=getattr(ask, "slack_card", None),
        devices=devices_of(track, {each.approver.canonical for each in ask.table}, clock),
        timeline=timeline_of(track, events, since_seq, clock),
        sections=list(sections_for(subject)),
        shown=pretty(display_of(ask, list(shown.addresses)).canonical()),
        is_as_shown=shown.can_be_shown,
        raw=pretty(_without_slug(ask_json(ask), track)),
    )


def clock_of(ask: Ask) -> Clock:
    """Return the time at which an ask was looked at, in the zone of its workspace."""
    return Clock(ask.seen_at, zone_named(ask.track.workspace.time_zone))


def of_track(track: Track, *, since_seq: int | None, user: Any) -> TrackDossier:
    """Return the dossier of a track with its workspace. Without being told, the latest events."""
    now = database_now()
    clock = Clock(now, zone_named(track.workspace.time_zone))
    subject = Subject(track=track, ask=None, since=track.created_at, clock=clock, user=user)
    asks = list(Ask.objects.presented(now).with_table().filter(track=track)[:MOST_ROWS])
    for ask in asks:
        ask.track = track
    addresses = {each.approver.canonical for ask in asks for each in ask.table}
    since_seq = since_seq or max(1, track.seq - EVENTS_A_PAGE + 1)
    return TrackDossier(
        track=track,
        page=f"/t/{track.slug[:SHOWN_OF_SLUG]}…",
        moments=[
            ("Opened", clock.moment(track.created_at)),
            ("Last change", clock.moment(track.updated_at)),
        ],
        steps=list(track.steps.all()),
        asks=asks,
        devices=devices_of(track, addresses, clock),
        mails=mails_of(Q(track=track), clock),
        timeline=timeline_of(track, Event.objects.filter(track=track), since_seq, clock),
        sections=list(sections_for(subject)),
        raw=pretty({"metadata": track.metadata, "source": track.source}),
    )


def _moments(ask: Ask, clock: Clock) -> list[tuple[str, Moment]]:
    times = (
        ("Asked", ask.created_at),
        ("Wanted by", ask.due_at),
        ("Somebody else's turn", ask.ends_at if ask.ends_at != ask.expires_at else None),
        ("Expires", ask.expires_at),
        ("Closed", ask.shown_closed_at),
    )
    return [(term, clock.moment(at)) for term, at in times if at is not None]


# -- who and what ----------------------------------------------------------------------------------


def _said(ask: Ask, clock: Clock) -> list[Said]:
    settled_by = ask.settled_by if ask.status == Ask.Status.ANSWERED else None
    decisions: list[Decision | Override] = [*ask.said]
    if isinstance(settled_by, Override):
        decisions.append(settled_by)
    return [_one(ask, each, clock, is_settling=each == settled_by) for each in decisions]


def _one(ask: Ask, said: Decision | Override, clock: Clock, *, is_settling: bool) -> Said:
    is_override = isinstance(said, Override)
    how = "decided by staff, in place of the approvers"
    return Said(
        meaning=meaning(ask, said.value),
        label=label(ask, said.value),
        comment=said.comment or "",
        by=said.by,
        on_behalf_of="" if isinstance(said, Override) else on_behalf_of(said) or "",
        at=clock.moment(said.at),
        how=how if is_override else PROOFS.get(said.verified_by, said.verified_by),
        proven=clock.moment(said.verified_at) if said.verified_at else None,
        ip=said.ip,
        user_agent=said.user_agent,
        is_override=is_override,
        is_settling=is_settling,
    )


_HOW = {
    Holder.Kind.ASKED.value: "was asked",
    Holder.Kind.HANDED_OVER.value: "was sent this by {}",
    Holder.Kind.STAND_IN.value: "stands in for {}",
    Holder.Kind.REASSIGNED.value: "is asked instead of {}, by staff",
}


def _places(ask: Ask, clock: Clock) -> list[Place]:
    seen = {each.approver_id: each for each in FirstView.objects.filter(ask=ask)}
    declined = set(ask.declines.values_list("approver", flat=True))
    return [
        Place(
            approver_id=str(each.approver_id),
            address=each.approver.address,
            how=_how(each, has_declined=each.approver_id in declined),
            reason=each.reason,
            is_acting=each.relieved_at is None,
            has_decided=each.decision is not None,
            seen=clock.moment(seen[each.approver_id].at) if each.approver_id in seen else None,
        )
        for each in ask.table
    ]


def _how(holder: Holder, *, has_declined: bool) -> str:
    how = _HOW[holder.kind].format(holder.seat.approver.address)
    if holder.relieved_at is not None:
        how += "; asked no longer"
    if holder.reminders_stopped_at is not None:
        how += "; wants no reminders of this"
    if holder.approver.digests_stopped_at is not None:
        how += "; wants no summaries"
    return f"{how}; says that this is not for them" if has_declined else how


# -- JSON ------------------------------------------------------------------------------------------


def _without_slug(content: dict[str, Any], track: Track) -> dict[str, Any]:
    """Return what the API shows, without what would let its reader in."""

    def masked(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return value.replace(track.slug, f"{track.slug[:SHOWN_OF_SLUG]}…")

    return {name: masked(value) for name, value in content.items()}


def status_of(ask: Ask) -> str:
    """Return the status for staff: as everybody sees it, but for what is late or was by staff."""
    if ask.is_overridden:
        return "overridden"
    if ask.shown_status == Ask.Status.OPEN and ask.due_at is not None and ask.due_at < ask.seen_at:
        return "overdue"
    return ask.shown_status


def sequence(text: str) -> int | None:
    """Return the number of an event as the address bar has it, or None."""
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 else None


def shown_addresses(ask: Ask, *, most: int) -> str:
    """Return who may decide an ask, for a list."""
    addresses = [each.approver.address for each in ask.acting]
    rest = len(addresses) - most
    return ", ".join(addresses[:most]) + (f" and {rest} more" if rest > 0 else "")
