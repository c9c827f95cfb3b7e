"""Every change of an ask. The only module of this app that writes a status."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F

from approvals import usage
from approvals.models import Answer, Approver, Ask, Decision, Holder, Override
from approvals.models.people import seated
from approvals.opening import (
    NewAsk,
    addresses_of,
    approvers_at,
    creation_data,
    insert_ask,
    is_requester,
    next_in_line,
    seat_stand_ins,
)
from approvals.quorum import settle
from approvals.refusals import (
    AlreadyAwaiting,
    AlreadyDecided,
    AskNotOpen,
    DecidedElsewhere,
    DisplayChanged,
    KeyMismatch,
    NotTheApprover,
    RequiresCustomerEmail,
)
from config.errors import Invalid, NotFound
from tracks.actors import SYSTEM, Actor
from tracks.addresses import same_address
from tracks.clock import rfc3339
from tracks.events import record, recording_together
from tracks.fingerprints import is_fingerprint_of
from tracks.models import Track
from tracks.rows import one_or_none
from tracks.transactions import transition
from tracks.transitions import SelfApproval, TrackClosed, lock_free_rows, lock_row

TRACK_WAS_CLOSED = "The track was closed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How we know who answered: what the browser proved, and when."""

    approver: Approver
    verified_by: str
    verified_at: datetime
    ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Locked:
    """A track whose row is locked, when, and the ask that is open on it then."""

    track: Track
    now: datetime
    open_ask: Ask | None

    def ask(self, ask_id: UUID) -> Ask:
        """Return an ask of the track, open or not."""
        if self.open_ask is not None and self.open_ask.pk == ask_id:
            return self.open_ask
        ask = one_or_none(Ask.objects.filter(pk=ask_id, track=self.track))
        if ask is None:
            raise NotFound()
        ask.track = self.track
        return ask

    def ask_with_table(self, ask_id: UUID) -> Ask:
        """Return an ask of the track with everybody who may decide it."""
        ask = self.ask(ask_id)
        ask.table = seated(Holder.objects.at_the_table().filter(ask=ask))
        return ask


def lock_asks(track_id: UUID, *, workspace_id: UUID | None = None) -> Locked:
    """Lock a track for what happens to its asks; what is overdue is recorded first."""
    track, now = lock_row(track_id, workspace_id=workspace_id)
    return Locked(track, now, settle_overdue(track, now=now))


@transition
def open_ask(
    *,
    track_id: UUID,
    workspace_id: UUID,
    new: NewAsk,
    actor: Actor,
    asked_by_key: str,
    is_mirrored: bool = False,
) -> tuple[Ask, bool]:
    """Put a question on a track; the same key with the same content returns the one that exists.

    A mirrored one does not count against the plan.
    """
    here = lock_asks(track_id, workspace_id=workspace_id)
    existing = _by_key(here.track, new)
    if existing is not None:
        return existing, False
    if here.track.is_closed:
        raise TrackClosed()
    addresses = _addresses_to_ask(here.track, new)
    if here.open_ask is not None:
        raise AlreadyAwaiting(here.open_ask)
    if not is_mirrored:
        usage.count_ask(here.track.workspace, now=here.now)
    return _open(here, new, addresses, actor=actor, asked_by_key=asked_by_key), True


@transition
def open_first_ask(*, track: Track, new: NewAsk, actor: Actor) -> Ask:
    """Put a mirrored question on a track that this transaction has made: nobody else has seen it.

    So there is nothing to lock, and nothing to look for.
    """
    here = Locked(track, track.updated_at, None)
    return _open(here, new, _addresses_to_ask(track, new), actor=actor, asked_by_key="")


def _open(
    here: Locked, new: NewAsk, addresses: list[str], *, actor: Actor, asked_by_key: str
) -> Ask:
    ask = insert_ask(
        here.track,
        new.with_escalation_of(here.track),
        approvers_at(here.track.workspace_id, addresses),
        content_digest=new.content_digest(),
        asked_by=actor.name,
        asked_by_key=asked_by_key,
        now=here.now,
    )
    record(here.track, "input_request.created", actor=actor, at=here.now, data=creation_data(ask))
    seat_stand_ins(ask, ask.table, now=here.now)
    return ask


def _by_key(track: Track, new: NewAsk) -> Ask | None:
    if new.key is None:
        return None
    ask = one_or_none(Ask.objects.filter(track=track, key=new.key))
    if ask is not None and not is_fingerprint_of(ask.content_digest, new.content()):
        raise KeyMismatch()
    return ask


def _addresses_to_ask(track: Track, new: NewAsk) -> list[str]:
    addresses = new.approvers or [address for address in [track.customer_email] if address]
    if not addresses:
        raise RequiresCustomerEmail()
    for field, some in (("approvers", addresses), ("escalate_to", new.escalate_to or [])):
        if any(is_requester(track, each) for each in some):
            raise SelfApproval(field)
    if any(same_address(one, other) for one in addresses for other in new.escalate_to or []):
        raise Invalid.field("escalate_to", "Whoever is asked first cannot be asked again.")
    return addresses


@transition
def answer_ask(
    *,
    ask_id: UUID,
    track_id: UUID,
    evidence: Evidence,
    value: bool | str,
    comment: str | None,
    display_digest: str,
    form_nonce: str,
    batch_id: UUID | None = None,
) -> Decision:
    """Write what an approver says, once a seat. The same form sent twice is one answer."""
    here = lock_asks(track_id)
    ask = here.ask_with_table(ask_id)
    holder = ask.holder_of(evidence.approver.pk)
    if holder is None:
        raise NotTheApprover()
    decided = holder.decision
    if decided is not None and decided.form_nonce == form_nonce:
        return decided
    if ask.status != Ask.Status.OPEN:
        raise AskNotOpen(ask)
    if decided is not None:
        raise AlreadyDecided(ask)
    if here.track.comes_from is not None and here.track.comes_from.decides_there:
        raise DecidedElsewhere()
    if display_digest != ask.display_digest:
        raise DisplayChanged()
    decision = Decision.objects.create(
        seat=holder.seat,
        ask=ask,
        approver=evidence.approver,
        value=value,
        comment=comment,
        at=here.now,
        verified_by=evidence.verified_by,
        verified_at=evidence.verified_at,
        form_nonce=form_nonce,
        batch_id=batch_id,
        ip=evidence.ip,
        user_agent=evidence.user_agent,
    )
    _count(here.track, ask, decision, now=here.now)
    return decision


def _count(track: Track, ask: Ask, decision: Decision, *, now: datetime) -> None:
    actor = Actor("approver", decision.approver.address)
    if len(ask.asked) > 1:
        record(track, "ask.decided", actor=actor, at=now, data=_said(ask, decision))
    outcome = _outcome(ask, decision)
    if outcome is not None:
        answer = Answer(ask=ask, decision=decision, value=outcome)
        settle_ask(track, answer, actor=actor, said=_said(ask, decision), now=now)


def settle_ask(
    track: Track, answer: Answer, *, actor: Actor, said: dict[str, Any], now: datetime
) -> None:
    """Close an ask of a locked track with its outcome, and record it. `said` is how that came."""
    ask = answer.ask
    if not ask.close(Ask.Status.ANSWERED, at=now):
        raise AskNotOpen(ask)
    answer.save(force_insert=True)
    data = said | {
        "status": ask.status,
        "kind": ask.kind,
        "value": answer.value,
        "answered_by": ask.settled_by.by,
        "duration_ms": duration_ms(ask, ask.settled_by),
        "display_digest": ask.display_digest,
        "action_digest": ask.action_digest,
    }
    record(track, "input_request.answered", actor=actor, at=now, data=data, closes=ask.pk)


def _outcome(ask: Ask, decision: Decision) -> bool | str | None:
    if ask.kind != Ask.Kind.CONFIRM:
        said: str = decision.value
        return said
    verdicts = [each.value for each in ask.said]
    return settle(needed=ask.needed, invited=len(ask.asked), verdicts=verdicts)


def _said(ask: Ask, decision: Decision) -> dict[str, Any]:
    return {
        "ask_id": ask.public_id,
        "approver": decision.approver.address,
        "on_behalf_of": on_behalf_of(decision),
        "value": decision.value,
        "comment": decision.comment,
        "verified_by": decision.verified_by,
    }


def on_behalf_of(decision: Decision) -> str | None:
    """Return the address that was asked, where somebody else decided for it."""
    asked = decision.seat.approver
    return None if asked.pk == decision.approver_id else asked.address


def duration_ms(ask: Ask, settled_by: Decision | Override) -> int:
    """Return how long the ask was open when it was settled, in milliseconds."""
    return (settled_by.at - ask.created_at) // timedelta(milliseconds=1)


@transition
def cancel_ask(*, ask_id: UUID, workspace_id: UUID, reason: str | None, actor: Actor) -> Ask:
    """Withdraw an open ask. Cancelling it twice is harmless."""
    track_id = Ask.objects.filter(pk=ask_id, workspace_id=workspace_id).values_list("track_id")
    found = track_id.first()
    if found is None:
        raise NotFound()
    here = lock_asks(found[0])
    ask = here.ask(ask_id)
    if ask.status == Ask.Status.CANCELLED:
        return ask
    if ask.status != Ask.Status.OPEN:
        raise AskNotOpen(ask)
    _cancel(here.track, ask, reason=reason, actor=actor, now=here.now)
    return ask


def _cancel(track: Track, ask: Ask, *, reason: str | None, actor: Actor, now: datetime) -> None:
    if not ask.close(Ask.Status.CANCELLED, at=now, cancel_reason=reason):
        raise AskNotOpen(ask)
    data = {"ask_id": ask.public_id, "status": ask.status, "kind": ask.kind, "reason": reason}
    record(track, "input_request.cancelled", actor=actor, at=now, data=data, closes=ask.pk)


def cancel_open_ask(track: Track, *, actor: Actor, now: datetime) -> None:
    """Withdraw what is open on a locked track that is about to close."""
    ask = open_ask_of(track)
    if ask is not None:
        _cancel(track, ask, reason=TRACK_WAS_CLOSED, actor=actor, now=now)


def open_ask_of(track: Track) -> Ask | None:
    """Return the ask that is open on a track, if any."""
    ask = one_or_none(Ask.objects.filter(track=track, status=Ask.Status.OPEN))
    if ask is not None:
        ask.track = track
    return ask


def settle_overdue(track: Track, *, now: datetime) -> Ask | None:
    """Record what time has decided on a locked track; return the ask that is open then."""
    ask = open_ask_of(track)
    if ask is None or ask.ends_at > now:
        return ask
    if not ask.close(Ask.Status.TIMEOUT, at=ask.ends_at):
        return None
    return _record_timeout(ask, now=now)


def _record_timeout(ask: Ask, *, now: datetime) -> Ask | None:
    """Put on record that an ask has ended unanswered; return the one that takes over, if any."""
    successor = _ask_the_next(ask, now=now)
    data = {
        "ask_id": ask.public_id,
        "status": ask.status,
        "kind": ask.kind,
        "expires_at": rfc3339(ask.expires_at),
        "escalated_to": successor.public_id if successor else None,
    }
    record(ask.track, "input_request.timeout", actor=SYSTEM, at=now, data=data, closes=ask.pk)
    if successor is not None:
        _record_escalation(ask, successor, now=now)
    return successor


def _ask_the_next(ask: Ask, *, now: datetime) -> Ask | None:
    """Put the same question to the next in line, who has never been asked it before.

    A caller that tells people itself knows those whom it names, and nobody of the workspace's line.
    """
    approver, left = next_in_line(ask)
    if approver is None:
        return None
    new = NewAsk(
        kind=ask.kind,
        prompt=ask.prompt,
        config=ask.config,
        timeout_seconds=ask.timeout_seconds,
        notify=ask.notify or ask.has_workspace_line,
        is_quiet=ask.is_quiet,
        comment_wanted_for=ask.comment_wanted_for,
        due_at=ask.due_at,
        escalate_to=left,
        escalate_after_seconds=ask.escalate_after_seconds,
        delegation=ask.delegation or None,
        action_digest=ask.action_digest,
    )
    return insert_ask(
        ask.track,
        new,
        [approver],
        asked_by=ask.asked_by,
        asked_by_key=ask.asked_by_key,
        content_digest=new.content_digest(),
        now=now,
        escalated_from=ask,
    )


def _record_escalation(ask: Ask, successor: Ask, *, now: datetime) -> None:
    data = {
        "ask_id": ask.public_id,
        "escalated_to": successor.public_id,
        "to": addresses_of(successor.asked),
    }
    record(ask.track, "ask.escalated", actor=SYSTEM, at=now, data=data)
    data = creation_data(successor)
    record(ask.track, "input_request.created", actor=SYSTEM, at=now, data=data)
    seat_stand_ins(successor, successor.table, now=now)


@transition
def record_timeout(*, track_id: UUID) -> None:
    """Record what the passing of time has decided on a track. For the sweep."""
    lock_asks(track_id)


@transition
def record_timeouts(*, track_ids: Collection[UUID]) -> None:
    """The same on several tracks at once, but for those that somebody else has locked."""
    tracks, now = lock_free_rows(track_ids)
    with recording_together():
        _settle_all_overdue({track.pk: track for track in tracks}, now=now)


def _settle_all_overdue(tracks: dict[UUID, Track], *, now: datetime) -> None:
    asks = Ask.objects.filter(track__in=tracks, status=Ask.Status.OPEN, ends_at__lte=now)
    overdue = list(asks.order_by("ends_at", "pk"))
    closed = Ask.objects.filter(pk__in=[ask.pk for ask in overdue]).close(
        Ask.Status.TIMEOUT, at=F("ends_at")
    )
    if closed != len(overdue):  # somebody closes asks without a lock on their track
        raise RuntimeError("An ask was closed while its track was locked.")
    for ask in overdue:
        ask.track = tracks[ask.track_id]
        ask.status, ask.closed_at = Ask.Status.TIMEOUT, ask.ends_at
        _record_timeout(ask, now=now)
