"""The JSON of a track and its events. Plain functions: output is hot and needs no validation."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.conf import settings

from config.errors import NotFound
from tracks.clock import rfc3339, rfc3339_or_none
from tracks.models import Event, Step, Track
from tracks.participants import participant


def track_url(track: Track) -> str:
    """Return the address of a track's page."""
    return f"{settings.PUBLIC_BASE_URL}/t/{track.slug}"


def tracks_json(tracks: Collection[Track]) -> list[dict[str, Any]]:
    """Return the JSON of tracks whose `steps` are at hand or will be fetched."""
    beside = participant().describe(tracks)
    return [_track_json(track) | beside.get(track.pk, {}) for track in tracks]


def track_json(track: Track) -> dict[str, Any]:
    """Return the JSON of one track."""
    return tracks_json([track])[0]


def _track_json(track: Track) -> dict[str, Any]:
    return {
        "id": track.public_id,
        "url": track_url(track),
        "title": track.title,
        "status": track.status,
        "steps": [_step_json(step) for step in track.steps.all()],
        "customer_email": track.customer_email,
        "password_protected": track.is_protected,
        "external_id": track.external_id,
        "requester": track.requester,
        "metadata": track.metadata,
        "summary": track.summary,
        "failure": _failure_json(track),
        "open_ask": None,
        "source": _source_json(track),
        "seq": track.seq,
        "created_at": rfc3339(track.created_at),
        "updated_at": rfc3339(track.updated_at),
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "index": step.index,
        "title": step.title,
        "status": step.status,
        "detail": step.detail,
        "started_at": rfc3339_or_none(step.started_at),
        "ended_at": rfc3339_or_none(step.ended_at),
    }


def _failure_json(track: Track) -> dict[str, Any] | None:
    if track.status != Track.Status.FAILED:
        return None
    return {"reason": track.failure_reason, "retryable": track.failure_retryable}


def _source_json(track: Track) -> dict[str, Any] | None:
    source = track.comes_from
    return {"name": source.name, "url": source.url} if source else None


def event_json(event: Event, *, track_id: str) -> dict[str, Any]:
    """Return the JSON of one event, erased or not."""
    body = {
        "id": event.public_id,
        "track_id": track_id,
        "seq": event.seq,
        "type": event.type,
        "actor": {"type": event.actor_type, "name": event.actor_name},
        "at": rfc3339(event.at),
        "data": event.data,
        "hash": event.hash,
        "prev_hash": event.prev_hash,
    }
    return body if event.data is not None else body | {"erased": True}


def feed_json(track_id: UUID, workspace_id: UUID, *, after: int, limit: int) -> dict[str, Any]:
    """Return a page of a track's events behind `after`; `last_seq` is the next `after`."""
    track = Track.objects.only("seq").filter(pk=track_id, workspace_id=workspace_id).first()
    if track is None:
        raise NotFound()
    events = Event.objects.filter(track_id=track_id, seq__gt=after).select_related("content")
    page = [event_json(event, track_id=track.public_id) for event in events.order_by("seq")[:limit]]
    return {"data": page, "last_seq": page[-1]["seq"] if page else min(after, track.seq)}
