"""What the layer above adds to a track, inside the track's own transaction.

News normally travels upward as events, after the commit. Four things cannot wait for that: an
overdue ask is recorded before anything else happens to its track, closing a track cancels its open
ask, a changed address or password voids what was proven for the old one, and a track shows its
open ask. Settings name the module that does them, so that this layer imports nothing above it.
"""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast
from uuid import UUID

from django.conf import settings

from tracks.actors import Actor
from tracks.models import Track


class Participant(Protocol):
    def settle_overdue(self, track: Track, *, now: datetime) -> None:
        """Record what the passing of time has already decided."""

    def before_email_change(self, track: Track, *, now: datetime) -> None:
        """Void what was proven for the old address, or refuse the change."""

    def before_requester_change(self, track: Track, requester: str | None) -> None:
        """Refuse the change while whoever becomes the requester is asked."""

    def before_password_change(self, track: Track, *, now: datetime) -> None:
        """Void what the old password unlocked."""

    def before_close(self, track: Track, *, actor: Actor, now: datetime) -> None:
        """End what is still open on the track."""

    def describe(self, tracks: Collection[Track]) -> dict[UUID, dict[str, Any]]:
        """Return what each track shows beside its own fields."""


@cache
def participant() -> Participant:
    """Return the participant that settings name."""
    return cast(Participant, import_module(settings.TRACK_PARTICIPANT))
