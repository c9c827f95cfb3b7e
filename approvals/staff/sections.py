"""What the layers above add to a dossier: named in settings.DOSSIER_SECTIONS, as consumers are."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from approvals.display_time import Clock
from approvals.models import Ask
from tracks.models import Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a dossier is about: a track, perhaps one ask on it, and since when that has been so."""

    track: Track
    ask: Ask | None
    since: datetime
    clock: Clock
    user: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a dossier: its heading, and a template with what it needs."""

    title: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)


def sections_for(subject: Subject) -> Iterator[Section]:
    """Yield what other layers have to show of a track or an ask."""
    for name in settings.DOSSIER_SECTIONS:
        section: Section | None = import_string(name)(subject)
        if section is not None:
            yield section
