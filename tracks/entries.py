"""Writing the log of what belongs to no track."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from tracks.actors import Actor
from tracks.models import Entry, Workspace


def note(
    workspace_id: UUID | None, type: str, *, subject: str, actor: Actor, at: datetime, **data: Any
) -> Entry:
    """Write one line; it commits with what it tells of, or not at all."""
    entry = _entry(workspace_id, type, subject=subject, actor=actor, at=at, data=data)
    entry.save(force_insert=True)
    return entry


def note_for_each(
    workspaces: Iterable[Workspace],
    type: str,
    *,
    subject: str,
    actor: Actor,
    at: datetime,
    **data: Any,
) -> None:
    """Write the same line for each workspace it concerns; for none of them, one for the server."""
    concerned: list[UUID | None] = [each.pk for each in workspaces]
    Entry.objects.bulk_create(
        _entry(pk, type, subject=subject, actor=actor, at=at, data=data)
        for pk in concerned or [None]
    )


def _entry(
    workspace_id: UUID | None,
    type: str,
    *,
    subject: str,
    actor: Actor,
    at: datetime,
    data: dict[str, Any],
) -> Entry:
    return Entry(
        workspace_id=workspace_id,
        type=type,
        subject=subject,
        actor_type=actor.type,
        actor_name=actor.name,
        at=at,
        data=data,
    )
