"""Staff giving a seat to somebody else. Whoever could decide there is asked no longer."""

from datetime import datetime
from uuid import UUID

from approvals.models import Approver, Ask, Holder
from approvals.opening import (
    add_holder,
    approver_at,
    has_been_asked,
    is_requester,
    record_handed_over,
    seat_stand_ins,
)
from approvals.refusals import AskNotOpen
from approvals.transitions import lock_asks
from config.errors import Invalid, NotFound
from tracks.actors import Actor
from tracks.transactions import transition


@transition
def reassign(
    *, ask_id: UUID, track_id: UUID, seat_id: int, to: str, reason: str, actor: Actor
) -> Ask:
    """Let somebody else decide at a seat that has not spoken, and nobody who could before.

    The policy of passing on binds approvers, not staff; that the requester cannot decide, and that
    nobody is asked again who has let the time pass, binds everybody.
    """
    here = lock_asks(track_id)
    ask = here.ask_with_table(ask_id)
    there = [each for each in ask.acting if each.seat_id == seat_id]
    if not there:
        raise NotFound()
    if ask.status != Ask.Status.OPEN or there[0].decision is not None:
        raise AskNotOpen(ask)
    taker = _taker(ask, to)
    giver = there[0].approver
    _relieve(there, now=here.now)
    kind = Holder.Kind.REASSIGNED
    holder = add_holder(ask, there[0].seat, taker, kind=kind, reason=reason, now=here.now)
    record_handed_over(ask, giver, taker, kind=kind, actor=actor, now=here.now, reason=reason)
    seat_stand_ins(ask, [holder], now=here.now)
    return ask


def _taker(ask: Ask, to: str) -> Approver:
    """Return whoever may be asked instead, or raise Invalid for the field `to`."""
    if is_requester(ask.track, to):
        raise Invalid.field("to", "Whoever asks for this cannot decide it.")
    taker = approver_at(ask.workspace_id, to)
    if ask.holder_of(taker.pk) is not None:
        raise Invalid.field("to", "This person is asked already.")
    if ask.has_seated(taker.pk):
        raise Invalid.field("to", "This person was asked before, and somebody else is instead.")
    if has_been_asked(ask.escalated_from, taker):
        raise Invalid.field("to", "This person was asked before and has not answered.")
    return taker


def _relieve(holders: list[Holder], *, now: datetime) -> None:
    Holder.objects.filter(pk__in=[each.pk for each in holders]).update(relieved_at=now)
    for each in holders:
        each.relieved_at = now
