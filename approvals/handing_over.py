"""Passing an ask to a colleague, standing in for somebody who is away, and "this isn't for me"."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import F

from approvals.models import Absence, Approver, Ask, Decline, Holder
from approvals.opening import (
    add_holder,
    add_stand_in,
    approver_at,
    domain_of,
    has_been_asked,
    is_allowed,
    is_requester,
    record_handed_over,
)
from approvals.refusals import AskNotOpen, DecidedElsewhere, NotTheApprover, PassedOnAlready
from approvals.transitions import Locked, lock_asks
from config.errors import Invalid, NotFound
from tracks.actors import Actor
from tracks.addresses import same_address
from tracks.clock import database_now
from tracks.events import record
from tracks.models import Delegation, Track
from tracks.transactions import transition
from tracks.work import poke_after_commit

log = structlog.get_logger(__name__)

LOOK_AGAIN_AFTER = timedelta(minutes=1)


@transition
def hand_over(*, ask_id: UUID, track_id: UUID, giver: Approver, to: str, reason: str) -> Ask:
    """Let a colleague decide, too. Once from each seat, and only by whoever was asked there."""
    here = lock_asks(track_id)
    ask, holder = _place_of(here, ask_id, giver)
    if holder.kind != Holder.Kind.ASKED or _has_passed_on(ask, holder):
        raise PassedOnAlready()
    taker = _taker(ask, giver, to)
    actor, kind = Actor("approver", giver.address), Holder.Kind.HANDED_OVER
    add_holder(ask, holder.seat, taker, kind=kind, reason=reason, now=here.now)
    record_handed_over(ask, giver, taker, kind=kind, actor=actor, now=here.now, reason=reason)
    return ask


def _place_of(here: Locked, ask_id: UUID, approver: Approver) -> tuple[Ask, Holder]:
    """Return an ask that is open, and the undecided place from which somebody may decide it."""
    ask = here.ask_with_table(ask_id)
    holder = ask.holder_of(approver.pk)
    if holder is None:
        raise NotTheApprover()
    if here.track.comes_from is not None and here.track.comes_from.decides_there:
        raise DecidedElsewhere()
    if ask.status != Ask.Status.OPEN or holder.decision is not None:
        raise AskNotOpen(ask)
    return ask, holder


def _has_passed_on(ask: Ask, holder: Holder) -> bool:
    return any(
        each.seat_id == holder.seat_id and each.kind == Holder.Kind.HANDED_OVER
        for each in ask.acting
    )


def _taker(ask: Ask, giver: Approver, to: str) -> Approver:
    """Return whoever an ask may be passed to, or raise Invalid for the field `to`."""
    if same_address(giver.address, to):
        raise Invalid.field("to", "This is your own address.")
    if is_requester(ask.track, to):
        raise Invalid.field("to", "Whoever asks for this cannot decide it.")
    if not is_allowed(ask, giver=giver.address, taker=to):
        raise Invalid.field("to", refusal_of_policy(ask.track, ask.delegation))
    taker = approver_at(ask.workspace_id, to)
    if ask.has_seated(taker.pk):
        raise Invalid.field("to", "This person is asked already.")
    if has_been_asked(ask.escalated_from, taker):
        raise Invalid.field("to", "This person was asked before and has not answered.")
    return taker


def refusal_of_policy(track: Track, delegation: str) -> str:
    """Return why somebody may not be asked instead."""
    if (delegation or track.workspace.delegation) == Delegation.SAME_DOMAIN:
        return "This can only be passed to somebody with the same mail domain."
    return "This request cannot be passed on."


@transition
def decline(*, ask_id: UUID, track_id: UUID, approver: Approver, reason: str) -> Ask:
    """Tell the asking side that somebody is the wrong one. The ask stays open."""
    here = lock_asks(track_id)
    ask, _ = _place_of(here, ask_id, approver)
    _, is_new = Decline.objects.get_or_create(
        ask=ask, approver=approver, defaults={"reason": reason, "at": here.now}
    )
    if is_new:
        actor = Actor("approver", approver.address)
        data = {"ask_id": ask.public_id, "approver": approver.address, "reason": reason or None}
        record(here.track, "ask.declined", actor=actor, at=here.now, data=data)
    return ask


@transition
def set_absence(
    *, approver: Approver, stand_in: str, starts_at: datetime, ends_at: datetime
) -> Absence:
    """Name who stands in for an approver for a time. One absence at a time."""
    now = database_now()
    if same_address(approver.address, stand_in):
        raise Invalid.field("stand_in", "This is your own address.")
    if not _may_stand_in(approver, stand_in):
        raise Invalid.field(
            "stand_in", "Your stand-in needs an address with the same mail domain as yours."
        )
    if ends_at <= max(now, starts_at):
        raise Invalid.field("ends", "This is over before it begins.")
    Approver.objects.select_for_update().get(pk=approver.pk)
    lives = Absence.objects.filter(approver=approver, ended_at=None, ends_at__gt=starts_at)
    if lives.filter(starts_at__lt=ends_at).exists():
        raise Invalid.field("starts", "You are away during a part of this time already.")
    absence = Absence.objects.create(
        approver=approver,
        stand_in=approver_at(approver.workspace_id, stand_in),
        starts_at=starts_at,
        ends_at=ends_at,
        created_at=now,
        next_attempt_at=max(starts_at, now),
    )
    poke_after_commit("approvals.tasks.begin_absence", str(absence.pk))
    return absence


def _may_stand_in(approver: Approver, address: str) -> bool:
    policy = approver.workspace.delegation
    if policy == Delegation.ANY:
        return True
    return policy == Delegation.SAME_DOMAIN and domain_of(approver.address) == domain_of(address)


def end_absence(*, absence_id: UUID, approver: Approver) -> None:
    """Come back early. What the stand-in was asked stays with both.

    A worker that is bringing the stand-in in writes nothing over this: its attempt is over.
    """
    ended = Absence.objects.filter(pk=absence_id, approver=approver, ended_at=None).update(
        ended_at=database_now(), next_attempt_at=None, attempts=F("attempts") + 1
    )
    if not ended:
        raise NotFound()


def begin_absence(pk: UUID) -> None:
    """Let a stand-in act for what waits for somebody whose absence has begun.

    Looked for twice: what was being opened at that moment, and did not know of the absence yet,
    cannot be seen before it is committed.
    """
    absence = Absence.claim(pk)
    if absence is None:
        return
    places = Holder.objects.acting().filter(
        approver=absence.approver_id, kind__in=Holder.IN_PERSON, ask__status=Ask.Status.OPEN
    )
    failures = []
    for ask_id, track_id in places.values_list("ask_id", "ask__track_id"):
        try:
            _stand_in(ask_id=ask_id, track_id=track_id, absence=absence)
        except Exception as error:  # it must not keep the others from their stand-in
            log.exception("absence.failed", ask_id=str(ask_id))
            failures.append(repr(error))
    is_done = absence.attempts > 1 and not failures
    if is_done or database_now() >= absence.ends_at:
        absence.write_outcome(next_attempt_at=None)
    else:
        absence.retry(after=LOOK_AGAIN_AFTER, error="\n".join(failures))


@transition
def _stand_in(*, ask_id: UUID, track_id: UUID, absence: Absence) -> None:
    here = lock_asks(track_id)
    ask = here.ask_with_table(ask_id)
    holder = ask.holder_of(absence.approver_id)
    is_away = Absence.objects.at(here.now).filter(pk=absence.pk).exists()  # or back already
    if ask.status == Ask.Status.OPEN and is_away and holder and holder.decision is None:
        add_stand_in(ask, holder.seat, absence, now=here.now)
