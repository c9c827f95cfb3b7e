"""Making the rows of a new ask: the question, its seats, and who may act at them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from approvals.digest import Display
from approvals.models import Absence, Approver, Ask, Holder, Seat
from tracks.actors import SYSTEM, Actor
from tracks.addresses import canonical_address, same_address
from tracks.clock import rfc3339, rfc3339_or_none
from tracks.events import record
from tracks.fingerprints import fingerprint
from tracks.models import Delegation, Track

DEFAULT_TIMEOUT = 1800


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
    escalate_to: list[str] | None = None
    escalate_after_seconds: int | None = None
    has_workspace_line: bool = False
    delegation: str | None = None
    action_digest: str | None = None
    is_quiet: bool = False
    comment_wanted_for: list[str] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """Return what two asks with the same key must have in common."""
        content = asdict(self) | {"due_at": rfc3339_or_none(self.due_at)}
        del content["key"]
        # What was not there when the first asks were opened must not change their fingerprints.
        for name in ("escalate_to", "escalate_after_seconds", "delegation"):
            if content[name] is None:
                del content[name]
        for name in ("has_workspace_line", "is_quiet", "comment_wanted_for"):
            if not content[name]:
                del content[name]
        return content

    def content_digest(self) -> str:
        """Return what is kept of the content, to know it again."""
        return fingerprint(self.content())

    def with_escalation_of(self, track: Track) -> "NewAsk":
        """Fill in whom the workspace asks next, unless the ask says so itself."""
        if self.escalate_to is not None:
            return self
        workspace = track.workspace
        return replace(
            self,
            escalate_to=list(workspace.escalate_to),
            escalate_after_seconds=workspace.escalate_after_seconds,
            has_workspace_line=True,
        )


def insert_ask(
    track: Track,
    new: NewAsk,
    approvers: Sequence[Approver],
    *,
    asked_by: str,
    asked_by_key: str,
    content_digest: str,
    now: datetime,
    escalated_from: Ask | None = None,
) -> Ask:
    """Write an ask with its seats, and return it as `presented().with_table()` would fetch it."""
    expires_at = now + timedelta(seconds=new.timeout_seconds)
    ask = Ask(
        workspace_id=track.workspace_id,
        track=track,
        key=new.key,
        content_digest=content_digest,
        kind=new.kind,
        prompt=new.prompt,
        config=new.config,
        risk=new.config.get("risk"),
        needed=new.needed,
        notify=new.notify,
        is_quiet=new.is_quiet,
        asked_by=asked_by,
        asked_by_key=asked_by_key,
        timeout_seconds=new.timeout_seconds,
        due_at=new.due_at,
        escalate_to=new.escalate_to or [],
        escalate_after_seconds=new.escalate_after_seconds,
        has_workspace_line=new.has_workspace_line,
        delegation=new.delegation or "",
        escalated_from=escalated_from,
        action_digest=new.action_digest,
        comment_wanted_for=new.comment_wanted_for,
        created_at=now,
        expires_at=expires_at,
        ends_at=_end(new, now, expires_at),
    )
    ask.display_digest = display_of(ask, addresses_of(approvers)).digest()
    ask.save(force_insert=True)
    ask.table = _take_seats(ask, approvers, now=now)
    ask.seen_at, ask.successor_id = now, None
    return ask


def creation_data(ask: Ask) -> dict[str, Any]:
    """Return what the event of a new ask says."""
    return {
        "ask_id": ask.public_id,
        "kind": ask.kind,
        "prompt": ask.prompt,
        "config": ask.config,
        "approvers": addresses_of(ask.asked),
        "needed": ask.needed,
        "asked_by": ask.asked_by,
        "timeout_seconds": ask.timeout_seconds,
        "expires_at": rfc3339(ask.expires_at),
        "due_at": rfc3339_or_none(ask.due_at),
        "escalated_from": ask.escalated_from.public_id if ask.escalated_from else None,
        "display_digest": ask.display_digest,
        "action_digest": ask.action_digest,
    }


def addresses_of(approvers: Sequence[Approver]) -> list[str]:
    """Return the addresses of approvers, as they were given."""
    return [approver.address for approver in approvers]


def _end(new: NewAsk, now: datetime, expires_at: datetime) -> datetime:
    """Return when somebody else's turn comes, or nobody's."""
    if not new.escalate_to or new.escalate_after_seconds is None:
        return expires_at
    return min(expires_at, now + timedelta(seconds=new.escalate_after_seconds))


def _take_seats(ask: Ask, approvers: Sequence[Approver], *, now: datetime) -> list[Holder]:
    seats = Seat.objects.bulk_create(
        Seat(ask=ask, position=position, approver=approver)
        for position, approver in enumerate(approvers)
    )
    return Holder.objects.bulk_create(
        Holder(ask=ask, seat=seat, approver=seat.approver, at=now) for seat in seats
    )


def approvers_at(workspace_id: UUID, addresses: Iterable[str]) -> list[Approver]:
    """Return the approvers of a workspace at these addresses, in whatever spelling."""
    return [approver_at(workspace_id, each) for each in addresses]


def approver_at(workspace_id: UUID, address: str) -> Approver:
    """Return the approver of a workspace at an address, in whatever spelling."""
    return Approver.objects.get_or_create(
        workspace_id=workspace_id,
        canonical=canonical_address(address),
        defaults={"address": address},
    )[0]


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


def seat_stand_ins(ask: Ask, holders: Sequence[Holder], *, now: datetime) -> None:
    """Let whoever stands in for those who have just been asked act, too, and put it on record.

    Not for those who came before: they have their stand-ins, and a stand-in has none.
    """
    asked = {holder.approver_id: holder for holder in holders}
    absences = Absence.objects.at(now).filter(approver__in=asked)
    for absence in absences.select_related("approver", "stand_in"):
        add_stand_in(ask, asked[absence.approver_id].seat, absence, now=now)


def add_stand_in(ask: Ask, seat: Seat, absence: Absence, *, now: datetime) -> None:
    """Let one stand-in act at a seat, unless that would break a rule."""
    if not may_join(ask, absence.stand_in, instead_of=absence.approver):
        return
    add_holder(ask, seat, absence.stand_in, kind=Holder.Kind.STAND_IN, reason="", now=now)
    record_handed_over(
        ask, absence.approver, absence.stand_in, kind=Holder.Kind.STAND_IN, actor=SYSTEM, now=now
    )


def add_holder(
    ask: Ask, seat: Seat, approver: Approver, *, kind: Holder.Kind, reason: str, now: datetime
) -> Holder:
    """Let somebody else act at a seat, too."""
    holder = Holder.objects.create(
        ask=ask, seat=seat, approver=approver, kind=kind, reason=reason, at=now
    )
    ask.table.append(holder)
    return holder


def record_handed_over(
    ask: Ask,
    giver: Approver,
    taker: Approver,
    *,
    kind: Holder.Kind,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Put on record that somebody may act for somebody else."""
    data = {
        "ask_id": ask.public_id,
        "from": giver.address,
        "to": taker.address,
        "kind": kind.value,
        "reason": reason or None,
    }
    record(ask.track, "ask.handed_over", actor=actor, at=now, data=data)


def may_join(ask: Ask, taker: Approver, *, instead_of: Approver) -> bool:
    """Tell whether somebody may act for an approver of an ask, whoever wishes it."""
    return (
        not is_requester(ask.track, taker.address)
        and not ask.has_seated(taker.pk)
        and not has_been_asked(ask.escalated_from, taker)
        and is_allowed(ask, giver=instead_of.address, taker=taker.address)
    )


def has_been_asked(ask: Ask | None, approver: Approver) -> bool:
    """Tell whether somebody could have decided a question at this stage of it or an earlier one."""
    while ask is not None:
        if Holder.objects.filter(ask=ask, approver=approver).exists():
            return True
        ask = ask.escalated_from
    return False


def is_requester(track: Track, address: str) -> bool:
    """Tell whether an address is of whoever asks for the work of a track."""
    return bool(track.requester) and same_address(track.requester or "", address)


def is_allowed(ask: Ask, *, giver: str, taker: str) -> bool:
    """Tell whether the policy lets an ask pass from one address to another."""
    policy = ask.delegation or ask.track.workspace.delegation
    if policy == Delegation.SAME_DOMAIN:
        return domain_of(giver) == domain_of(taker)
    return policy == Delegation.ANY


def domain_of(address: str) -> str:
    """Return the mail domain of an address, in one spelling."""
    return canonical_address(address).rpartition("@")[2]


def next_in_line(ask: Ask) -> tuple[Approver | None, list[str]]:
    """Return who is asked after an ask has ended, and who is left after them.

    Nobody who could have decided before, and never the requester.
    """
    left = list(ask.escalate_to)
    while left:
        address = left.pop(0)
        if is_requester(ask.track, address):
            continue
        approver = approver_at(ask.workspace_id, address)
        if not has_been_asked(ask, approver):
            return approver, left
    return None, []
