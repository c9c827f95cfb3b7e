"""Looking again, in the system that a request comes from, before somebody decides on it.

The layer that talks to the systems is above this one: settings name its function.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from tracks.models import Track

log = structlog.get_logger(__name__)

WITHIN = 2.0  # seconds: nobody waits longer for a page because a system is slow


class Freshness(Enum):
    """What came of looking."""

    FRESH = "fresh"  # it was looked at a moment ago
    LOOKED = "looked"  # it has been looked at, and what was found is written down here
    SLOW = "slow"  # no answer in time
    FAILED = "failed"  # no answer at all


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking, and when the system was last read."""

    freshness: Freshness
    at: datetime | None = None

    @property
    def is_current(self) -> bool:
        return self.freshness in (Freshness.FRESH, Freshness.LOOKED)


class Looker(Protocol):
    def __call__(self, track_id: UUID, /, *, within: float) -> Look:
        """Look again if the last look is not fresh any more, for at most `within` seconds."""


class Glance:
    """Looks at the systems of some requests, for at most two seconds together."""

    def __init__(self) -> None:
        self._until = time.monotonic() + WITHIN

    def at(self, track: Track) -> Look | None:
        """Look at the record of a track, outside any transaction; None if there is none to ask.

        What goes wrong there is no reason to refuse a person's answer.
        """
        within = self._until - time.monotonic()
        if track.source is None or settings.SOURCE_LOOK is None or within <= 0:
            return None
        try:
            return cast(Looker, import_string(settings.SOURCE_LOOK))(track.pk, within=within)
        except Exception:
            log.exception("source.look_failed", track_id=track.public_id)
            return Look(Freshness.FAILED)
