"""Every change of an ask. The only module of this app that writes a status."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from approvals.digest import Display
from approvals.models import Answer, Approver, Ask, Decision, FirstView, Seat
from approvals.quorum import settle
from approvals.refusals import (
    AlreadyAwaiting,
    AlreadyDecided,
    AskNotOpen,
    DisplayChanged,
    KeyMismatch,
    NotTheApprover,
    RequiresCustomerEmail,
)
from config.errors import NotFound
from tracks.actors import SYSTEM, Actor
from tracks.addresses import canonical_address, same_address
from tracks.clock import rfc3339, rfc3339_or_none
from tracks.events import record
from tracks.fingerprints import fingerprint, is_fingerprint_of
from tracks.models import Track
from tracks.transactions import transition
from tracks.transitions import SelfApproval, TrackClosed, lock_track

DEFAULT_TIMEOUT = 1800
TRACK_WAS_CLOSED = "The track was closed."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAsk:
    """What an ask is made of. Texts, addresses and `config` are validated by the caller."""

    kind: str
    prompt: str
    config: dict[str, Any] = field(default_factory=dict)
    timeout_seconds: int = DEFAULT_TIMEOUT
    key: str | None = None
    approvers: list[str] | None = None
    needed: int = 1
    notify: bool = True
    due_at: datetime | None = None
    action_digest: str | None = None

    def content(self) -> dict[str, Any]:
        """Return what two asks with the same key must have in common."""
        content = asdict(self) | {"due_at": rfc3339_or_none(self.due_at)}
        del content["key"]
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How we know who answered: what the browser proved, and when."""

    approver: Approver
    verified_by: str
    verified_at: datetime
    ip: str
    user_agent: str


@transition
def open_ask(
    *, track_id: UUID, workspace_id: UUID, new: NewAsk, actor: Actor, asked_by_key: str
) -> tuple[Ask, bool]:
    """Put a question on a track; the same key with the same content returns the one that exists."""
    track, now = lock_track(track_id, workspace_id=workspace_id)
    existing = _by_key(track, new)
    if existing is not None:
        return existing, False
    if track.is_closed:
        raise TrackClosed()
    addresses = new.approvers or [address for address in [track.customer_email] if address]
    if not addresses:
        raise RequiresCustomerEmail()
    if track.requester and any(same_address(track.requester, each) for each in addresses):
        raise SelfApproval("approvers")
    already_open = open_ask_of(track)
    if already_open is not None:
        raise AlreadyAwaiting(already_open)
    approvers = [approver_at(workspace_id, address) for address in addresses]
    ask = _insert(track, new, approvers, actor=actor, asked_by_key=asked_by_key, now=now)
    record(track, "input_request.created", actor=actor, at=now, data=_created(ask, approvers))
    return ask, True


def _by_key(track: Track, new: NewAsk) -> Ask | None:
    ask = Ask.objects.filter(track=track, key=new.key).first() if new.key is not None else None
    if ask is not None and not is_fingerprint_of(ask.content_digest, new.content()):
        raise KeyMismatch()
    return ask


def open_ask_of(track: Track) -> Ask | None:
    """Return the ask that is open on a track, if any."""
    return Ask.objects.filter(track=track, status=Ask.Status.OPEN).first()


def _insert(
    track: Track,
    new: NewAsk,
    approvers: list[Approver],
    *,
    actor: Actor,
    asked_by_key: str,
    now: datetime,
) -> Ask:
    ask = Ask(
        workspace_id=track.workspace_id,
        track=track,
        key=new.key,
        content_digest=fingerprint(new.content()),
        kind=new.kind,
        prompt=new.prompt,
        config=new.config,
        risk=new.config.get("risk"),
        needed=new.needed,
        notify=new.notify,
        asked_by=actor.name,
        asked_by_key=asked_by_key,
        timeout_seconds=new.timeout_seconds,
        due_at=new.due_at,
        action_digest=new.action_digest,
        created_at=now,
        expires_at=now + timedelta(seconds=new.timeout_seconds),
    )
    ask.display_digest = display_of(ask, _addresses(approvers)).digest()
    ask.save(force_insert=True)
    Seat.objects.bulk_create(
        Seat(ask=ask, position=position, approver=approver)
        for position, approver in enumerate(approvers)
    )
    return ask


def approver_at(workspace_id: UUID, address: str) -> Approver:
    """Return the approver of a workspace at an address, in whatever spelling."""
    return Approver.objects.get_or_create(
        workspace_id=workspace_id,
        canonical=canonical_address(address),
        defaults={"address": address},
    )[0]


def _addresses(approvers: list[Approver]) -> list[str]:
    # In the spelling that is shown everywhere: the first one.
    return [approver.address for approver in approvers]


def display_of(ask: Ask, addresses: list[str]) -> Display:
    """Return what the card shows of an ask."""
    return Display(
        ask_id=ask.public_id,
        track_id=ask.track.public_id,
        workspace=ask.track.workspace.name,
        asked_by=ask.asked_by,
        approvers=addresses,
        kind=ask.kind,
        prompt=ask.prompt,
        config=ask.config,
        expires_at=rfc3339(ask.expires_at),
    )


def _created(ask: Ask, approvers: list[Approver]) -> dict[str, Any]:
    return {
        "ask_id": ask.public_id,
        "kind": ask.kind,
        "prompt": ask.prompt,
        "config": ask.config,
        "approvers": _addresses(approvers),
        "needed": ask.needed,
        "asked_by": ask.asked_by,
        "timeout_seconds": ask.timeout_seconds,
        "expires_at": rfc3339(ask.expires_at),
        "due_at": rfc3339_or_none(ask.due_at),
        "display_digest": ask.display_digest,
        "action_digest": ask.action_digest,
    }


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
) -> Decision:
    """Write what an approver says, once. The same form sent twice is one answer."""
    track, now = lock_track(track_id)
    ask = _ask_on(track, ask_id)
    seat = ask.seats.filter(approver=evidence.approver).first()
    if seat is None:
        raise NotTheApprover()
    decided = Decision.objects.filter(seat=seat).first()
    if decided is not None and decided.form_nonce == form_nonce:
        return decided
    if ask.status != Ask.Status.OPEN:
        raise AskNotOpen(ask)
    if decided is not None:
        raise AlreadyDecided(ask)
    if display_digest != ask.display_digest:
        raise DisplayChanged()
    decision = Decision.objects.create(
        seat=seat,
        ask=ask,
        approver=evidence.approver,
        value=value,
        comment=comment,
        at=now,
        verified_by=evidence.verified_by,
        verified_at=evidence.verified_at,
        form_nonce=form_nonce,
        ip=evidence.ip,
        user_agent=evidence.user_agent,
    )
    _count(track, ask, decision, now=now)
    return decision


def _ask_on(track: Track, ask_id: UUID) -> Ask:
    ask = Ask.objects.filter(pk=ask_id, track=track).first()
    if ask is None:
        raise NotFound()
    ask.track = track
    return ask


def _count(track: Track, ask: Ask, decision: Decision, *, now: datetime) -> None:
    actor = Actor("approver", decision.approver.address)
    seats = ask.seats.count()
    if seats > 1:
        record(track, "ask.decided", actor=actor, at=now, data=_said(ask, decision))
    outcome = _outcome(ask, decision, seats=seats)
    if outcome is None:
        return
    if not ask.close(Ask.Status.ANSWERED, at=now):
        raise AskNotOpen(ask)
    Answer.objects.create(ask=ask, decision=decision, value=outcome)
    data = _said(ask, decision) | {
        "status": ask.status,
        "kind": ask.kind,
        "value": outcome,
        "answered_by": decision.approver.address,
        "duration_ms": duration_ms(ask, decision),
        "display_digest": ask.display_digest,
        "action_digest": ask.action_digest,
    }
    record(track, "input_request.answered", actor=actor, at=now, data=data, closes=ask.pk)


def _outcome(ask: Ask, decision: Decision, *, seats: int) -> bool | str | None:
    if ask.kind != Ask.Kind.CONFIRM:
        said: str = decision.value
        return said
    verdicts = [each.value for each in Decision.objects.filter(ask=ask)]
    return settle(needed=ask.needed, invited=seats, verdicts=verdicts)


def _said(ask: Ask, decision: Decision) -> dict[str, Any]:
    return {
        "ask_id": ask.public_id,
        "approver": decision.approver.address,
        "value": decision.value,
        "comment": decision.comment,
        "verified_by": decision.verified_by,
    }


def duration_ms(ask: Ask, decision: Decision) -> int:
    """Return how long the ask was open when it was settled, in milliseconds."""
    return (decision.at - ask.created_at) // timedelta(milliseconds=1)


@transition
def cancel_ask(*, ask_id: UUID, workspace_id: UUID, reason: str | None, actor: Actor) -> Ask:
    """Withdraw an open ask. Cancelling it twice is harmless."""
    track_id = Ask.objects.filter(pk=ask_id, workspace_id=workspace_id).values_list("track_id")
    found = track_id.first()
    if found is None:
        raise NotFound()
    track, now = lock_track(found[0])
    ask = _ask_on(track, ask_id)
    if ask.status == Ask.Status.CANCELLED:
        return ask
    if ask.status != Ask.Status.OPEN:
        raise AskNotOpen(ask)
    _cancel(track, ask, reason=reason, actor=actor, now=now)
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


def settle_overdue(track: Track, *, now: datetime) -> None:
    """Record the timeout of a locked track's open ask once its deadline has passed."""
    ask = Ask.objects.filter(track=track, status=Ask.Status.OPEN, expires_at__lte=now).first()
    if ask is None or not ask.close(Ask.Status.TIMEOUT, at=ask.expires_at):
        return
    data = {
        "ask_id": ask.public_id,
        "status": ask.status,
        "kind": ask.kind,
        "expires_at": rfc3339(ask.expires_at),
    }
    record(track, "input_request.timeout", actor=SYSTEM, at=now, data=data, closes=ask.pk)


@transition
def record_timeout(*, track_id: UUID) -> None:
    """Record what the passing of time has decided on a track. For the sweep."""
    lock_track(track_id)


@transition
def record_first_view(*, ask_id: UUID, evidence: Evidence) -> None:
    """Record that a verified approver has seen an open ask, once per ask and address."""
    track, now = lock_track(Ask.objects.values_list("track_id", flat=True).get(pk=ask_id))
    ask = _ask_on(track, ask_id)
    if ask.status != Ask.Status.OPEN:
        return
    _, is_first = FirstView.objects.get_or_create(
        ask=ask,
        approver=evidence.approver,
        defaults={"at": now, "ip": evidence.ip, "user_agent": evidence.user_agent},
    )
    if is_first:
        address = evidence.approver.address
        data = {"ask_id": ask.public_id, "approver": address}
        record(track, "approver.viewed", actor=Actor("approver", address), at=now, data=data)
