"""What the track of a record tells: its events, and how far its three steps are.

Everybody with the link reads the details of steps: they name nobody.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mirroring.asking import DECISION, WRITTEN_BACK
from mirroring.models import Record
from tracks import events
from tracks.models import Step, Track
from tracks.transitions import TrackClosed, change_step, lock_track


def by(record: Record) -> dict[str, Any]:
    """Return in whose name, and where, a record changes things."""
    connection = record.connection
    return {"workspace_id": connection.workspace_id, "actor": connection.actor}


def record_seen(record: Record, track: Track, *, now: datetime) -> None:
    """Write the first event of a record, on a track that this transaction has made."""
    actor = record.connection.actor
    events.record(track, "record.seen", actor=actor, at=now, data=_about(record))


def record_event(record: Record, type: str, said: Mapping[str, Any] | None = None) -> None:
    """Write an event on a record's track; nothing where it has none."""
    if record.track_id is None:
        return
    locked, now = lock_track(record.track_id)
    data = {**_about(record), **(said or {})}
    events.record(locked, type, actor=record.connection.actor, at=now, data=data)


def _about(record: Record) -> dict[str, Any]:
    return {
        "record_id": record.public_id,
        "connection_id": record.connection.public_id,
        "external_id": record.external_id,
    }


def ask_and_url(record: Record) -> Mapping[str, Any]:
    """Return what events about a decision say beside it: which ask, and where it is to be seen."""
    return {"ask_id": record.ask.public_id if record.ask else None, "url": record.url}


def decided(record: Record, detail: str) -> None:
    """Say on the track that there is a decision, and that it is being written back."""
    _move(record, DECISION, Step.Status.COMPLETED, detail)
    if record.connection.is_polled:
        _move(record, WRITTEN_BACK, Step.Status.ACTIVE, "")


def decided_elsewhere(record: Record, detail: str) -> None:
    """Say on the track that there is nothing left to decide, nor to write back."""
    _move(record, DECISION, Step.Status.COMPLETED, detail)


def written(record: Record, detail: str) -> None:
    """Say on the track that the system has the decision."""
    _move(record, WRITTEN_BACK, Step.Status.COMPLETED, detail)


def not_written(record: Record, detail: str) -> None:
    """Say on the track that the decision could not be written back."""
    _move(record, WRITTEN_BACK, Step.Status.FAILED, detail)


def decide_again(record: Record) -> None:
    """Say on the track that it waits for a decision, whatever there was before."""
    _move(record, DECISION, Step.Status.ACTIVE, "")


def _move(record: Record, index: int, to: Step.Status, detail: str | None) -> None:
    if record.track_id is None:
        return
    detail = detail and detail[:500]
    try:
        change_step(track_id=record.track_id, index=index, to=to, detail=detail, **by(record))
    except TrackClosed:
        return
