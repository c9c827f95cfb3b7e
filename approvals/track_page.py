"""What the page of a track shows to one browser. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from approvals import card, earlier, outcome, people, receipts, timeline, waiting_list
from approvals.card import Card
from approvals.display_time import Clock, Moment, zone_named
from approvals.earlier import Earlier
from approvals.forms import address_choice, new_nonce
from approvals.models import Ask, Challenge, Grant
from approvals.outcome import End, Outcome
from approvals.pending import Pending
from approvals.people import Mine, Table
from approvals.timeline import Progress
from approvals.verification import bound_addresses, is_same_browser
from approvals.visits import Visit
from approvals.waiting_list import Next
from approvals.write_back import lines_of, news_of
from tracks.addresses import masked, masked_apart
from tracks.models import Event, Track
from tracks.sources import Source

TEMPLATE = "pages/track.html"
SETTLED = ("open_decided", "answered", "timeout", "cancelled")  # nothing is left to do here
MOST_ASKS = 50


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing the page says about what was just tried."""

    text: str
    tone: str = "plain"  # or "wrong": nothing was recorded
    detail: str = ""
    field: str = ""  # the id of the control to go to


@dataclass(frozen=True, slots=True)
class Entry:
    """What was typed and is shown again, and what is wrong with it."""

    value: str = ""
    comment: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address that may be proven here, as a stranger may see it."""

    choice: str
    masked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The part of the page where a browser shows whose it is."""

    mailboxes: list[Mailbox]
    mailed_to: str
    mailed_until: Moment | None
    has_notice_code: bool
    again_since: Moment | None

    @property
    def only(self) -> Mailbox | None:
        return self.mailboxes[0] if len(self.mailboxes) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPage:
    """Everything the template needs, each part already decided."""

    track: Track
    clock: Clock
    state: str
    heading: str
    card: Card | None
    me: Grant | None
    elsewhere: str
    proof: Proof | None
    form_nonce: str
    outcome: Outcome | None
    end: End | None
    progress: Progress
    earlier: list[Earlier]
    table: Table | None = None
    mine: Mine | None = None
    is_in_queue: bool = False
    next: Next | None = None
    source: Source | None = None
    change: str = ""
    told: int = 0  # the latest event in which the layer above said what became of this
    consent: str = receipts.CONSENT

    @property
    def is_open(self) -> bool:
        return self.state.startswith("open")

    @property
    def has_ways_out(self) -> bool:
        """Tell whether the reader may send this on or say that it is not for them."""
        if self.mine is None or self.state not in ("open_ready", "open_stale"):
            return False
        return self.mine.may_pass_on or not self.mine.has_declined

    @property
    def version(self) -> str:
        """Return what changes whenever the card says something else."""
        ask_id = self.card.ask.public_id if self.card else "none"
        who = self.me.pk if self.me else "stranger"
        went_on = self.outcome.next if self.outcome else ""
        said = sum(place.is_decided for place in self.table.places) if self.table else 0
        seated = sum(len(place.others) for place in self.table.places) if self.table else 0
        parts = (
            ask_id, self.state, who, self.track.status, len(went_on), said, seated, self.told,
        )  # fmt: skip
        return ".".join(map(str, parts))


def approver_ids(ask: Ask) -> set[UUID]:
    """Return who may answer an ask that was fetched `with_table()`."""
    return {holder.approver_id for holder in ask.acting}


def asks_of(track: Track, **where: Any) -> list[Ask]:
    """Return a track's latest asks as they are shown now, the latest first."""
    asks = Ask.objects.presented().with_table().filter(track=track, **where)[:MOST_ASKS]
    for ask in asks:
        ask.track = track
    return list(asks)


def addresses_to_prove(track: Track, asks: Sequence[Ask]) -> list[str]:
    """Return whose mailbox can be proven: who is asked while somebody is, else who ever was."""
    if asks and asks[0].shown_status == Ask.Status.OPEN:
        return [holder.approver.address for holder in asks[0].acting]
    return bound_addresses(track)


def clock_of(visit: Visit) -> Clock:
    """Return the clock of a page: the database's time in the workspace's zone."""
    return Clock(visit.viewer.now, zone_named(visit.track.workspace.time_zone))


def page_of(visit: Visit, asks: Sequence[Ask]) -> TrackPage:
    """Return what this browser is shown of a track."""
    track, clock = visit.track, clock_of(visit)
    ask = _shown_ask(visit, asks)
    me = visit.viewer.grant_for(approver_ids(ask)) if ask else None
    events, hidden = timeline.visible_events(track)
    shown = card.of(ask, clock=clock) if ask else None
    state = _state(shown, me, visit)
    closed, news = None, news_of(track)
    if shown is not None and not state.startswith("open"):
        asked_now = asks[0].asked if asks[0] is not ask else []
        closed = _outcome(
            shown, me, events, asked_now=[each.address for each in asked_now], news=news
        )
    end = outcome.end_of(track, clock=clock)
    mine = people.mine_of(ask, me) if ask and me else None
    in_queue = _queue_grant(visit, me)
    return TrackPage(
        track=track,
        clock=clock,
        state=state,
        heading=_heading(state, closed, end),
        card=shown,
        me=me,
        elsewhere=_elsewhere(visit, me) if ask else "",
        proof=None if state == "open_ready" or _is_done(state, me) else _proof(visit, asks, me),
        form_nonce=new_nonce(ask, me) if ask and me and state == "open_ready" else "",
        outcome=closed,
        end=end,
        progress=timeline.progress(
            list(track.steps.all()),
            events,
            clock=clock,
            hidden=hidden,
            waiting=_waiting(state),
            shows_addresses=me is not None,
            elsewhere=_decided_there(visit, news, me),
        ),
        earlier=[earlier.of(each, visit, clock=clock) for each in asks if ask and each.pk < ask.pk],
        change=earlier.change_since(ask, asks, visit, me=me) if ask else "",
        table=_table(asks, ask, me) if ask else None,
        mine=mine,
        is_in_queue=in_queue is not None,
        next=_next(visit, ask, in_queue) if state in SETTLED else None,
        source=visit.source,
        told=news[-1].seq if closed and news else 0,
    )


def _shown_ask(visit: Visit, asks: Sequence[Ask]) -> Ask | None:
    """Return the question for this browser: the latest, or the one that was passed by its owner.

    Whoever was asked first and did not answer learns that it closed for them.
    """
    if not asks:
        return None
    latest = asks[0]
    if latest.shown_status != Ask.Status.OPEN or visit.viewer.grant_for(approver_ids(latest)):
        return latest
    mine = (each for each in _before(asks, latest) if visit.viewer.grant_for(approver_ids(each)))
    return next(mine, latest)


def _before(asks: Sequence[Ask], ask: Ask) -> list[Ask]:
    """Return the asks that nobody answered before this one took their place, the latest first."""
    found = {each.pk: each for each in asks}
    chain, at = [], ask
    while at.escalated_from_id in found:
        at = found[at.escalated_from_id]
        chain.append(at)
    return chain


def _decided_there(visit: Visit, news: Sequence[Event], me: Grant | None) -> dict[str, str]:
    if visit.source is None:
        return {}
    return lines_of(visit.source, news, clock=clock_of(visit), is_verified=me is not None)


def _table(asks: Sequence[Ask], ask: Ask, me: Grant | None) -> Table:
    return people.table_of(ask, before=_before(asks, ask), is_verified=me is not None)


def _queue_grant(visit: Visit, me: Grant | None) -> Grant | None:
    """Return the sign-in to the queue of whoever this is, be it not their latest proof."""
    mine = (
        each
        for each in visit.viewer.verified
        if each.kind == Grant.Kind.QUEUE and me and each.approver_id == me.approver_id
    )
    return next(mine, None)


def _next(visit: Visit, ask: Ask | None, in_queue: Grant | None) -> Next | None:
    if ask is None or in_queue is None:
        return None
    return waiting_list.next_for(in_queue.canonical, but=ask.pk, now=visit.viewer.now)


def _state(shown: Card | None, me: Grant | None, visit: Visit) -> str:
    if shown is None:
        return "quiet"
    if shown.ask.shown_status != Ask.Status.OPEN:
        return str(shown.ask.shown_status)
    if not shown.can_be_shown:
        return "open_unsafe"
    if visit.source is not None and visit.source.decides_there:
        return "open_there"
    if me is None:
        return "open_stranger"
    if _has_spoken(shown.ask, me):
        return "open_decided"
    return "open_stale" if shown.is_high_risk and not visit.viewer.is_fresh(me) else "open_ready"


def _has_spoken(ask: Ask, me: Grant) -> bool:
    """Tell whether somebody has decided at this person's seat."""
    holder = ask.holder_of(me.approver.pk) if me.approver else None
    return holder is not None and holder.decision is not None


def _is_done(state: str, me: Grant | None) -> bool:
    """Tell whether there is nothing left to prove here."""
    if state in ("open_unsafe", "open_there", "open_decided"):
        return True
    return me is not None and not state.startswith("open")


def _heading(state: str, closed: Outcome | None, end: End | None) -> str:
    if closed is not None:
        return closed.heading
    if state == "quiet":
        return end.heading if end else "In progress"
    special = {"open_unsafe": "Cannot be displayed safely", "open_decided": "Waiting for others"}
    return special.get(state, "Decision needed")


def _waiting(state: str) -> str:
    if not state.startswith("open"):
        return ""
    if state == "open_decided":
        return "waiting for others"
    if state == "open_there":
        return "waiting for a decision there"
    return "waiting for you" if state == "open_ready" else "waiting for an answer"


def _outcome(
    shown: Card,
    me: Grant | None,
    events: Sequence[Event],
    *,
    asked_now: Sequence[str],
    news: Sequence[Event],
) -> Outcome:
    ask = shown.ask
    is_answered = ask.status == Ask.Status.ANSWERED
    mine = [each for each in ask.said if me is not None and each.approver_id == me.approver_id]
    return outcome.of(
        shown,
        status=ask.shown_status,
        closed=shown.clock.moment(ask.shown_closed_at or ask.expires_at),
        is_mine=is_answered and ask.settled_by in mine,
        took_part=bool(mine),
        asked_now=[masked(each) for each in asked_now],
        is_verified=me is not None,
        went_on=outcome.went_on(ask, events, clock=shown.clock) if is_answered else "",
        news=news,
    )


def _elsewhere(visit: Visit, me: Grant | None) -> str:
    """Return the address this browser has proven when it is not the one that is asked."""
    if me is not None:
        return ""
    others = [grant.approver.address for grant in visit.viewer.verified if grant.approver]
    return others[0] if others else ""


def _proof(visit: Visit, asks: Sequence[Ask], me: Grant | None) -> Proof | None:
    track = visit.track
    addresses = addresses_to_prove(track, asks)
    if not addresses or (not asks and visit.viewer.verified):
        return None
    challenge = _mailed(visit)
    clock = clock_of(visit)
    is_open = bool(asks) and asks[0].shown_status == Ask.Status.OPEN
    shown = masked_apart(addresses)
    mailed = challenge.approver.address if challenge else ""
    return Proof(
        mailboxes=[Mailbox(address_choice(track, each), shown[each]) for each in addresses],
        mailed_to=shown.get(mailed, masked(mailed)) if mailed else "",
        mailed_until=clock.moment(challenge.expires_at) if challenge else None,
        has_notice_code=is_open and asks[0].notify and not asks[0].is_quiet,
        again_since=clock.moment(me.granted_at) if me else None,
    )


def _mailed(visit: Visit) -> Challenge | None:
    """Return the mail this browser asked for and can still use, if there is one."""
    pending = Pending.of(visit.request)
    mails = Challenge.objects.select_related("approver").filter(
        track=visit.track,
        kind=Challenge.Kind.PAGE,
        consumed_at=None,
        voided_at=None,
        expires_at__gt=visit.viewer.now,
    )
    return next(
        (
            each
            for each in mails.order_by("-created_at")
            if is_same_browser(each, pending.nonce_of(each.pk))
        ),
        None,
    )


def context(page: TrackPage, **more: Any) -> dict[str, Any]:
    """Return the template's context."""
    return {"page": page, "track": page.track, "workspace": page.track.workspace.name, **more}
