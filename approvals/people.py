"""Who is asked, as a page says it: how many must answer, who has, and who acts for whom.

Strangers see addresses masked. Pure: rows that were fetched `with_everything()` in, words out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals.models import Ask, Decision, Grant, Holder
from approvals.opening import domain_of
from approvals.receipts import meaning
from approvals.transitions import on_behalf_of
from tracks.addresses import masked
from tracks.models import Delegation


@dataclass(frozen=True, slots=True)
class Place:
    """One seat: who was asked, who else may act there, and what was said."""

    address: str
    others: list[str]
    said: str

    @property
    def is_decided(self) -> bool:
        return bool(self.said)


@dataclass(frozen=True, slots=True)
class Table:
    """Everybody who is asked one question."""

    places: list[Place]
    needs: str
    asked_before: list[str]
    is_whole: bool

    @property
    def is_worth_showing(self) -> bool:
        """Tell whether there is more to say than that one person is asked."""
        return bool(len(self.places) > 1 or self.places[0].others or self.asked_before)


@dataclass(frozen=True, slots=True)
class Mine:
    """What the reader of a page may do at their seat besides deciding."""

    acts_for: str
    came_because: str
    reason: str
    sent_to: str
    may_pass_on: bool
    only_domain: str
    has_declined: bool
    seat_said: str
    seat_said_by: str


def table_of(ask: Ask, *, before: Sequence[Ask], is_verified: bool) -> Table:
    """Return who is asked, and who was `before` them. Only who is verified sees addresses whole."""

    def name(address: str) -> str:
        return address if is_verified else masked(address)

    places = [
        _place(ask, seat_holder, is_verified=is_verified)
        for seat_holder in ask.table
        if seat_holder.kind == Holder.Kind.ASKED
    ]
    return Table(
        places=places,
        needs=needs(ask),
        asked_before=[name(each.address) for earlier in before for each in earlier.asked],
        is_whole=is_verified,
    )


def _place(ask: Ask, asked: Holder, *, is_verified: bool) -> Place:
    def name(address: str) -> str:
        return address if is_verified else masked(address)

    others = [
        f"{name(each.approver.address)} {_came(each)}"
        for each in ask.acting
        if each.seat_id == asked.seat_id and each.pk != asked.pk
    ]
    decision = asked.decision
    said = ""
    if decision is not None:
        by = "" if decision.approver_id == asked.approver_id else decision.approver.address
        # What one of several said is theirs to know until the outcome is everybody's.
        word = meaning(ask, decision.value) if is_verified else "Answered"
        said = f"{word} by {name(by)}" if by else word
    return Place(name(asked.approver.address), others, said)


def _came(holder: Holder) -> str:
    return {
        Holder.Kind.STAND_IN.value: "stands in",
        Holder.Kind.REASSIGNED.value: "is asked instead",
    }.get(holder.kind, "was sent this")


def needs(ask: Ask) -> str:
    """Return how many answers settle an ask, in words."""
    seats = len(ask.asked)
    if seats == 1:
        return ""
    if ask.kind != Ask.Kind.CONFIRM:
        return "The first answer counts."
    if ask.needed == 1:
        return "One approval is enough."
    if ask.needed == seats:
        return f"All {seats} must approve."
    return f"{ask.needed} of {seats} must approve."


def acted_for(decision: Decision, *, is_verified: bool) -> str:
    """Return who decided, and for whom where that is somebody else: `Sam for Dana`."""
    by, asked = decision.approver.address, on_behalf_of(decision)
    if not is_verified:
        by, asked = masked(by), masked(asked) if asked else None
    return f"{by} for {asked}" if asked else by


def mine_of(ask: Ask, me: Grant) -> Mine | None:
    """Return how the reader of a page came to an ask, and what they may do with it."""
    holder = ask.holder_of(me.approver.pk) if me.approver else None
    if holder is None:
        return None
    is_asked = holder.kind == Holder.Kind.ASKED
    taker = next((each for each in ask.table if _came_from(each, holder)), None)
    policy = ask.delegation or ask.track.workspace.delegation
    decision = holder.decision
    return Mine(
        acts_for="" if is_asked else holder.seat.approver.address,
        came_because="" if is_asked else holder.kind,
        reason=holder.reason,
        sent_to=masked(taker.approver.address) if is_asked and taker else "",
        may_pass_on=is_asked and taker is None and policy != Delegation.NONE,
        only_domain=domain_of(holder.approver.address) if policy == Delegation.SAME_DOMAIN else "",
        has_declined=ask.declines.filter(approver=holder.approver).exists(),
        seat_said=meaning(ask, decision.value).lower() if decision else "",
        seat_said_by=_seat_said_by(decision, holder),
    )


def _came_from(each: Holder, holder: Holder) -> bool:
    return each.seat_id == holder.seat_id and each.kind == Holder.Kind.HANDED_OVER


def _seat_said_by(decision: Decision | None, holder: Holder) -> str:
    if decision is None or decision.approver_id == holder.approver_id:
        return ""
    return decision.approver.address
