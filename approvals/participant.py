"""What approvals do inside a track's own transaction (tracks.participants.Participant)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals import grants, transitions
from approvals.models import Ask
from approvals.refusals import AlreadyAwaiting
from approvals.serializers import ask_json
from tracks.actors import Actor
from tracks.addresses import canonical_address
from tracks.models import Track
from tracks.transitions import SelfApproval


def settle_overdue(track: Track, *, now: datetime) -> None:
    """Record the timeout of an ask whose deadline has passed."""
    transitions.settle_overdue(track, now=now)


def before_email_change(track: Track, *, now: datetime) -> None:
    """Refuse while the old address is being asked; void what it has proven."""
    if track.customer_email is None:
        return
    old = canonical_address(track.customer_email)
    ask = transitions.open_ask_of(track)
    if ask is not None and ask.holders.acting().filter(approver__canonical=old).exists():
        raise AlreadyAwaiting(ask)
    grants.revoke_verified(track, canonical=old, now=now)


def before_requester_change(track: Track, requester: str | None) -> None:
    """Refuse while whoever becomes the requester may decide: not about their own request."""
    if requester is None:
        return
    new = canonical_address(requester)
    ask = transitions.open_ask_of(track)
    if ask is not None and ask.holders.acting().filter(approver__canonical=new).exists():
        raise SelfApproval("requester")


def before_password_change(track: Track, *, now: datetime) -> None:
    """Void what the old password unlocked."""
    grants.revoke_unlocked(track, now=now)


def before_close(track: Track, *, actor: Actor, now: datetime) -> None:
    """Withdraw the open ask."""
    transitions.cancel_open_ask(track, actor=actor, now=now)


def describe(tracks: Collection[Track]) -> dict[UUID, dict[str, Any]]:
    """Return the open ask of each track that has one; an overdue one is not open."""
    asks = Ask.objects.filter(track__in=[each.pk for each in tracks], status=Ask.Status.OPEN)
    open_asks = asks.presented().shown_as(Ask.Status.OPEN).with_everything()
    return {ask.track_id: {"open_ask": ask_json(ask)} for ask in open_asks}
