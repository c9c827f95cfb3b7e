"""Every change of a track. The only module of this app that writes a status."""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from config.errors import DomainError, Invalid, NotFound
from tracks.actors import Actor
from tracks.addresses import same_address
from tracks.clock import database_now
from tracks.events import record
from tracks.fingerprints import fingerprint, is_fingerprint_of
from tracks.models import Event, Step, Track
from tracks.participants import participant
from tracks.rows import one_or_none
from tracks.sources import Source
from tracks.transactions import transition


class TrackClosed(DomainError):
    code, status, title = "track_closed", 409, "The track is closed and accepts no change."


class SelfApproval(Invalid):
    """Whoever asks for something cannot approve it."""

    code, title = "self_approval", "The requester cannot be an approver."

    def __init__(self, field: str) -> None:
        super().__init__(errors=[{"field": field, "code": self.code, "detail": self.title}])


class ExternalIdTaken(DomainError):
    code, status = "external_id_taken", 409
    title = "Another track of this workspace has this external_id."

    def __init__(self, track: Track) -> None:
        super().__init__(track_id=track.public_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrack:
    """What a track is made of. Addresses and texts are validated by the caller."""

    title: str
    steps: list[str] = field(default_factory=list)
    customer_email: str | None = None
    password: str | None = None
    external_id: str | None = None
    requester: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    source: Source | None = None
    steps_done: int = 0

    def content(self) -> dict[str, Any]:
        """Return what two tracks with the same `external_id` must have in common."""
        content = asdict(self)
        # What was not there when the first tracks were made must not change their fingerprints.
        for name in ("source", "steps_done"):
            if not content[name]:
                del content[name]
        return content


def lock_track(track_id: UUID, *, workspace_id: UUID | None = None) -> tuple[Track, datetime]:
    """Lock a track's row and return it with the time at which the lock was held.

    What the passing of time has already decided on the track is recorded first.
    """
    track, now = lock_row(track_id, workspace_id=workspace_id)
    participant().settle_overdue(track, now=now)
    return track, now


def lock_row(track_id: UUID, *, workspace_id: UUID | None = None) -> tuple[Track, datetime]:
    """Lock a track's row, for the participant, which settles what is overdue by itself."""
    tracks = Track.objects.select_for_update(of=("self",)).select_related("workspace")
    if workspace_id is not None:
        tracks = tracks.filter(workspace_id=workspace_id)
    track = one_or_none(tracks.filter(pk=track_id))
    if track is None:
        raise NotFound()
    return track, database_now()


def lock_free_rows(track_ids: Collection[UUID]) -> tuple[list[Track], datetime]:
    """Lock those of several tracks that nobody else has locked, and read the time then.

    No key: rows that refer to a track may be written meanwhile.
    """
    tracks = Track.objects.select_for_update(skip_locked=True, no_key=True)
    found = list(tracks.filter(pk__in=track_ids).order_by("pk"))  # in one order, for everybody
    return found, database_now()


def _lock_active_track(track_id: UUID, *, workspace_id: UUID) -> tuple[Track, datetime]:
    track, now = lock_track(track_id, workspace_id=workspace_id)
    if track.is_closed:
        raise TrackClosed()
    return track, now


def create_track(*, workspace_id: UUID, new: NewTrack, actor: Actor) -> tuple[Track, bool]:
    """Open a track; the same `external_id` with the same content returns the one that exists.

    Its first `steps_done` steps are completed from the start, and the one behind them is active.
    """
    _refuse_self_approval(new.customer_email, new.requester)
    if not 0 <= new.steps_done <= len(new.steps):
        raise Invalid.field("steps_done", "The track has fewer steps.")
    password_hash = _password_hash(new.password)  # slow on purpose, so before the transaction
    return _create_track(workspace_id, new, password_hash, actor)


@transition
def _create_track(
    workspace_id: UUID, new: NewTrack, password_hash: str | None, actor: Actor
) -> tuple[Track, bool]:
    existing = _by_external_id(workspace_id, new)
    if existing is not None:
        return existing, False
    if new.external_id is None:
        return _insert(workspace_id, new, password_hash, actor), True
    try:
        with transaction.atomic():
            return _insert(workspace_id, new, password_hash, actor), True
    except IntegrityError:
        existing = _by_external_id(workspace_id, new)
        if existing is None:
            raise
        return existing, False


def _by_external_id(workspace_id: UUID, new: NewTrack) -> Track | None:
    if new.external_id is None:
        return None
    tracks = Track.objects.select_related("workspace").filter(workspace_id=workspace_id)
    track = tracks.filter(external_id=new.external_id).first()
    if track is not None and not is_fingerprint_of(track.creation_digest, new.content()):
        raise ExternalIdTaken(track)
    return track


def _insert(workspace_id: UUID, new: NewTrack, password_hash: str | None, actor: Actor) -> Track:
    now = database_now()
    track = Track(
        workspace_id=workspace_id,
        title=new.title,
        customer_email=new.customer_email,
        password_hash=password_hash,
        external_id=new.external_id,
        creation_digest=fingerprint(new.content()),
        requester=new.requester,
        metadata=new.metadata,
        source=new.source.stored() if new.source else None,
        created_at=now,
        updated_at=now,
    )
    track.save(force_insert=True)
    steps = Step.objects.bulk_create(_steps(track, new, now=now))
    data = {
        "title": new.title,
        "steps": new.steps,
        "customer_email": new.customer_email,
        "requester": new.requester,
        "external_id": new.external_id,
        "password_protected": track.is_protected,
    }
    record(track, "track.created", actor=actor, at=now, data=data)
    for step in steps:
        if step.status != Step.Status.PENDING:
            _record_step(track, step, detail=None, actor=actor, now=now)
    return track


def _steps(track: Track, new: NewTrack, *, now: datetime) -> Iterator[Step]:
    for index, title in enumerate(new.steps):
        step = Step(track=track, index=index, title=title)
        if index < new.steps_done:
            step.status, step.ended_at = Step.Status.COMPLETED, now
        elif index == new.steps_done > 0:
            step.status, step.started_at = Step.Status.ACTIVE, now
        yield step


def _password_hash(password: str | None) -> str | None:
    return None if password is None else make_password(password)


def _refuse_self_approval(address: str | None, requester: str | None) -> None:
    if address and requester and same_address(address, requester):
        raise SelfApproval("customer_email")


def update_track(
    *, track_id: UUID, workspace_id: UUID, changes: dict[str, Any], actor: Actor, reason: str = ""
) -> Track:
    """Change title, customer_email, metadata, password, requester or source; what stays is none.

    The reason is for the record: staff gives one, agents do not.
    """
    if "password" in changes:
        changes = {name: value for name, value in changes.items() if name != "password"} | {
            "password_hash": _password_hash(changes["password"])
        }
    if (source := changes.get("source")) is not None:
        changes = changes | {"source": source.stored()}
    return _update_track(track_id, workspace_id, changes, actor, reason)


@transition
def _update_track(
    track_id: UUID, workspace_id: UUID, changes: dict[str, Any], actor: Actor, reason: str
) -> Track:
    track, now = _lock_active_track(track_id, workspace_id=workspace_id)
    changes = {
        name: value for name, value in changes.items() if _differs(getattr(track, name), value)
    }
    if not changes:
        return track
    if changes.keys() & {"customer_email", "requester"}:
        people = {"customer_email": track.customer_email, "requester": track.requester} | changes
        _refuse_self_approval(people["customer_email"], people["requester"])
    if "customer_email" in changes:
        participant().before_email_change(track, now=now)
    if "requester" in changes:
        participant().before_requester_change(track, changes["requester"])
    if "password_hash" in changes:
        participant().before_password_change(track, now=now)
    for name, value in changes.items():
        setattr(track, name, value)
    track.save(update_fields=list(changes))
    data = _changed(track, changes) | ({"reason": reason} if reason else {})
    record(track, "track.updated", actor=actor, at=now, data=data)
    return track


def _differs(old: Any, new: Any) -> bool:
    # To Python 1, 1.0 and True are equal; in JSON they are not.
    return json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True)


def _changed(track: Track, changes: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        name: changes[name] for name in ("title", "customer_email", "requester") if name in changes
    }
    if "password_hash" in changes:
        shown["password_protected"] = track.is_protected
    return {"changed": sorted(name.removesuffix("_hash") for name in changes)} | shown


@transition
def change_step(
    *,
    track_id: UUID,
    workspace_id: UUID,
    index: int,
    to: Step.Status,
    detail: str | None,
    actor: Actor,
) -> Track:
    """Start, complete or fail a step, in any order; repeating it changes nothing."""
    track, now = _lock_active_track(track_id, workspace_id=workspace_id)
    step = _step_at(track, index, field="index")
    if step.status == to:
        return track
    step.status, step.detail = to, detail if detail is not None else step.detail
    if to == Step.Status.ACTIVE:
        step.started_at, step.ended_at = now, None
    else:
        step.ended_at = now
    step.save()
    _record_step(track, step, detail=detail, actor=actor, now=now)
    return track


def _record_step(
    track: Track, step: Step, *, detail: str | None, actor: Actor, now: datetime
) -> None:
    status = Step.Status(step.status)
    verb = "started" if status == Step.Status.ACTIVE else status.value
    data = {"index": step.index, "title": step.title, "detail": detail}
    record(track, f"step.{verb}", actor=actor, at=now, data=data)


def _step_at(track: Track, index: int, *, field: str) -> Step:
    step = Step.objects.filter(track=track, index=index).first()
    if step is None:
        raise Invalid.field(field, "The track has no step with this index.")
    return step


@transition
def log_action(
    *, track_id: UUID, workspace_id: UUID, text: str, step: int | None, actor: Actor
) -> Event:
    """Write a line of narration, on a step or on the track itself."""
    track, now = _lock_active_track(track_id, workspace_id=workspace_id)
    if step is not None:
        _step_at(track, step, field="step")
    return record(track, "action.logged", actor=actor, at=now, data={"text": text, "step": step})


@transition
def complete_track(
    *, track_id: UUID, workspace_id: UUID, summary: str | None, actor: Actor
) -> Track:
    """Close a track that reached its end."""
    track, now = _lock_active_track(track_id, workspace_id=workspace_id)
    participant().before_close(track, actor=actor, now=now)
    track.status, track.summary = Track.Status.COMPLETED, summary
    track.save(update_fields=["status", "summary"])
    record(track, "track.completed", actor=actor, at=now, data={"summary": summary})
    return track


@transition
def fail_track(
    *, track_id: UUID, workspace_id: UUID, reason: str, retryable: bool, actor: Actor
) -> Track:
    """Close a track that did not reach its end."""
    track, now = _lock_active_track(track_id, workspace_id=workspace_id)
    participant().before_close(track, actor=actor, now=now)
    track.status = Track.Status.FAILED
    track.failure_reason, track.failure_retryable = reason, retryable
    track.save(update_fields=["status", "failure_reason", "failure_retryable"])
    data = {"reason": reason, "retryable": retryable}
    record(track, "track.failed", actor=actor, at=now, data=data)
    return track
