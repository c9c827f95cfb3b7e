"""What was decided elsewhere: the question is withdrawn, and everybody who was asked learns it."""

from datetime import datetime
from typing import Any

from approvals import updates
from approvals.display_time import Clock, zone_named
from approvals.models import Ask
from approvals.refusals import AskNotOpen
from approvals.transitions import cancel_ask
from mirroring import telling
from mirroring.connectors.base import State
from mirroring.models import Push, Record
from tracks.clock import rfc3339

STATUS_OF = {
    State.APPROVED: Record.Status.APPROVED,
    State.REJECTED: Record.Status.REJECTED,
    State.CANCELLED: Record.Status.CANCELLED,
    State.NOT_REQUIRED: Record.Status.CANCELLED,
}
WORDS = {
    State.APPROVED: "Approved",
    State.REJECTED: "Denied",
    State.CANCELLED: "Withdrawn",
    State.NOT_REQUIRED: "No decision is wanted (any more)",
    State.UNKNOWN: "Changed",
    State.PENDING: "Opened again",
}
FLIPPED, TWICE = "The system says otherwise now", "The system's log shows two decisions."


def settle(record: Record, *, now: datetime) -> dict[str, Any]:
    """Follow the system where it has settled a record, and return what is written on the record."""
    ours = Push.objects.filter(ask=record.ask_id, status=Push.Status.CONFIRMED).first()
    if ours is not None:
        return _compare(record, ours)
    if not _withdraw(record, now=now):
        return {"next_attempt_at": now + Record.SOON}
    status = status_of(record)
    if record.track is not None and record.status != status:
        words = described(record, now=now)
        said = {
            "status": status.value,
            "by": who(record),
            "at": rfc3339(moment_of(record, now=now)),
            "words": words,
        }
        said |= telling.ask_and_url(record)
        telling.record_event(record, "record.resolved_elsewhere", said)
        telling.decided_elsewhere(record, verdict(record))
        _tell(record, words)
    # Should it wait again, it is asked again.
    return {"status": status, "reason": "", "asked_digest": ""}


def _tell(record: Record, words: str) -> None:
    """Tell whoever was asked, in the thread of the question."""
    if record.ask is None or record.ask.status == Ask.Status.ANSWERED:
        return
    is_decided = record.state in (State.APPROVED, State.REJECTED)
    updates.tell(
        record.ask,
        about="resolved_elsewhere",
        heading="This request is already resolved" if is_decided else "No longer needed",
        words=words,
        url=record.url,
        url_label=f"See it in {record.connection.name}",
    )


def status_of(record: Record) -> Record.Status:
    """Return the status of a record that its system has settled."""
    return STATUS_OF.get(State(record.state), Record.Status.NEEDS_HUMAN)


def _withdraw(record: Record, *, now: datetime) -> bool:
    """Withdraw the question if it is open; False when it was settled just now."""
    if record.ask is None or record.ask.status != Ask.Status.OPEN:
        is_settled = record.status not in Record.WAITING
        return is_settled or record.ask is None
    try:
        cancel_ask(ask_id=record.ask.pk, reason=described(record, now=now), **telling.by(record))
    except AskNotOpen:
        return False
    return True


def described(record: Record, *, now: datetime) -> str:
    """Return who settled a record and when, in a sentence."""
    clock = Clock(now, zone_named(record.connection.workspace.time_zone))
    by = f" by {who(record)}" if who(record) else ""
    return f"{verdict(record)}{by} on {clock.moment(moment_of(record, now=now)).full}."


def verdict(record: Record) -> str:
    """Return what the system says of a record and no name: everybody with the link reads it."""
    return f"{WORDS[State(record.state)]} in {record.connection.name}"


def moment_of(record: Record, *, now: datetime) -> datetime:
    """Return when the system changed a record last, else now, when we saw it."""
    updated = record.seen.get("updated")
    return datetime.fromisoformat(updated) if updated else now


def who(record: Record) -> str:
    """Return who settled a record as the system's own log has them, or nothing."""
    person = record.seen.get("decided_by") or {}
    return str(person.get("name") or person.get("email") or person.get("id") or "")


def _compare(record: Record, ours: Push) -> dict[str, Any]:
    """Hold what the system says now against what was written there and read back."""
    is_contested = bool(record.seen.get("is_contested"))
    if record.status == Record.Status.CONFLICT or (record.state == ours.state and not is_contested):
        return {}
    reason = f"{FLIPPED}: {record.state}." if record.state != ours.state else TWICE
    said = {**telling.ask_and_url(record), "status": record.state, "words": reason}
    telling.record_event(record, "record.push_conflict", said)
    return {"status": Record.Status.CONFLICT, "reason": reason}
