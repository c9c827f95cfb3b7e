"""From what a system of record says to a track and an ask, and back to the record's status."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers

from approvals.bodies import AskBody
from approvals.models import Ask
from approvals.opening import NewAsk
from approvals.refusals import AskNotOpen
from approvals.transitions import cancel_ask, open_ask
from config.errors import DomainError
from mirroring import transitions
from mirroring.items import Item
from mirroring.models import Connection, Record
from tracks.api import TrackBody
from tracks.clock import database_now
from tracks.events import record as record_event
from tracks.ids import known_id
from tracks.models import Event, Step, Track
from tracks.transactions import transition
from tracks.transitions import (
    NewTrack,
    TrackClosed,
    change_step,
    create_track,
    lock_track,
    update_track,
)

STEPS = ("Received", "Decision", "Written back")
RECEIVED, DECISION = 0, 1
CHANGED_AT_SOURCE = "The request was changed where it comes from."
CHANGED_AFTER = "It changed after it was decided here."
OUTCOMES = {
    "input_request.timeout": Record.Status.EXPIRED,
    "input_request.cancelled": Record.Status.CANCELLED,
}


class NeedsHuman(Exception):
    """What the system says cannot be put before an approver as it is."""


@transition
def apply(*, connection_id: UUID, item: Item) -> Record:
    """Bring an approval here, or what has changed about it; the same again changes nothing."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
    now = database_now()
    known = Record.objects.filter(connection=connection, external_id=item.external_id)
    record = known.select_related("track", "ask").first()
    if record is not None and record.revision == item.revision:
        return transitions.write_record(record, item, now=now)
    if record is not None and not _void(record):
        changed = {"status": Record.Status.CHANGED, "reason": CHANGED_AFTER}
        return transitions.write_record(record, item, now=now, **changed)
    record = record or transitions.new_record(connection, item, now=now)
    try:
        with transaction.atomic():
            fields = _put(record, item)
    except (NeedsHuman, DomainError) as error:
        fields = {"status": Record.Status.NEEDS_HUMAN, "reason": str(error)}
    return transitions.write_record(record, item, now=now, **fields)


def _void(record: Record) -> bool:
    """Withdraw a question that no longer says what is so; False when it was settled before."""
    if record.track is None or record.ask is None:
        return True
    _tell("record.changed", record.track, record)
    try:
        cancel_ask(ask_id=record.ask.pk, reason=CHANGED_AT_SOURCE, **_by(record))
    except AskNotOpen:
        return False
    return True


def _by(record: Record) -> dict[str, Any]:
    connection = record.connection
    return {"workspace_id": connection.workspace_id, "actor": connection.actor}


def _put(record: Record, item: Item) -> dict[str, Any]:
    """Put a record's question before its approver, and return what the record keeps of that."""
    new_track, new_ask = _checked(record.connection, item)
    track = record.track
    if track is None:
        track = _begin(new_track, **_by(record))
        _tell("record.seen", track, record)
    else:
        changes = {"title": item.title, "customer_email": item.approver}
        update_track(track_id=track.pk, changes=changes, **_by(record))
    ask, _ = open_ask(
        track_id=track.pk, new=new_ask, asked_by_key="", is_mirrored=True, **_by(record)
    )
    return {"status": Record.Status.PENDING, "reason": "", "track": track, "ask": ask}


def _begin(new: NewTrack, **by: Any) -> Track:
    track, _ = create_track(new=new, **by)
    for index, to in ((RECEIVED, Step.Status.COMPLETED), (DECISION, Step.Status.ACTIVE)):
        change_step(track_id=track.pk, index=index, to=to, detail=None, **by)
    return track


def _checked(connection: Connection, item: Item) -> tuple[NewTrack, NewAsk]:
    """Hold a system's text to what an agent's is held to; nothing is shortened or cleaned."""
    track = {
        "title": item.title,
        "steps": list(STEPS),
        "customer_email": item.approver,
        "requester": item.requester,
        "metadata": {"connection": connection.public_id, "external_id": item.external_id},
    }
    config = {
        "accept_label": "Approve",
        "reject_label": "Deny",
        "description": item.description,
        "summary": [list(row) for row in item.summary],
        "details": item.details,
    }
    ask = {
        "kind": Ask.Kind.CONFIRM.value,
        "prompt": item.title,
        "config": {name: value for name, value in config.items() if value},
        "timeout_seconds": connection.timeout_seconds,
        "approvers": [item.approver],
    }
    return NewTrack(**_valid(TrackBody(data=track))), NewAsk(**_valid(AskBody(data=ask)))


def _valid(body: serializers.Serializer[Any]) -> dict[str, Any]:
    if not body.is_valid():
        raise NeedsHuman(f"This cannot be shown: {_plain(body.errors)}")
    found: dict[str, Any] = body.validated_data
    return found


def _plain(errors: Any, path: str = "") -> str:
    if isinstance(errors, dict):
        return " ".join(
            _plain(inner, f"{path}.{name}".strip(".")) for name, inner in errors.items()
        )
    return f"{path}: {' '.join(map(str, errors))}"


def _tell(kind: str, track: Track, record: Record) -> None:
    locked, now = lock_track(track.pk)
    data = {
        "record_id": record.public_id,
        "connection_id": record.connection.public_id,
        "external_id": record.external_id,
    }
    record_event(locked, kind, actor=record.connection.actor, at=now, data=data)


def on_event(event: Event) -> None:
    """Write on a record how its ask ended."""
    if event.data is None or not event.type.startswith("input_request."):
        return
    said = event.data
    if said.get("escalated_to"):
        _wait_for_the_next(said)
        return
    status = OUTCOMES.get(event.type)
    if event.type == "input_request.answered":
        status = Record.Status.APPROVED if said["value"] is True else Record.Status.REJECTED
    if status is None or not transitions.settle_record(
        ask_id=known_id("ask", said["ask_id"]), status=status
    ):
        return
    if event.type == "input_request.answered":
        _complete_decision(event)


def _wait_for_the_next(said: dict[str, Any]) -> None:
    """Let a record wait for whoever is asked after its first approver."""
    ended, successor = known_id("ask", said["ask_id"]), known_id("ask", said["escalated_to"])
    transitions.move_record(ask_id=ended, successor_id=successor)


def _complete_decision(event: Event) -> None:
    assert event.data is not None
    word = "Approved" if event.data["value"] is True else "Denied"
    try:
        change_step(
            track_id=event.track_id,
            workspace_id=event.track.workspace_id,
            index=DECISION,
            to=Step.Status.COMPLETED,
            detail=f"{word} by {event.data['answered_by']}",
            actor=Connection.objects.get(records__track=event.track_id).actor,
        )
    except TrackClosed:
        return
