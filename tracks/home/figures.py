"""The words in which an app tells its numbers: what to count, and where the same rows are listed.

A count is a queryset, not a number: all of them are then read in one statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.urls import reverse

M = TypeVar("M", bound=Model)

WINDOWS = (7, 30)  # days: how far the flow looks back; speed looks back as far as the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is looked at: which workspaces (None: all), and when."""

    now: datetime
    workspaces: frozenset[UUID] | None = None

    def limit(self, rows: "QuerySet[M]", *, by: str) -> "QuerySet[M]":
        """Keep the rows whose workspace, which is found at `by`, is looked at."""
        return rows.filter(self.within(by))

    def within(self, by: str) -> Q:
        """Return the condition that a workspace, which is found at `by`, is looked at."""
        return Q() if self.workspaces is None else Q(**{f"{by}__in": sorted(self.workspaces)})

    def since(self, days: int) -> datetime:
        """Return when a window of so many days began."""
        return self.now - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Link:
    """A list of the admin, and what it is filtered by."""

    model: str  # "approvals.ask"
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def permission(self) -> str:
        """Return the permission that the list asks for."""
        app, _, name = self.model.partition(".")
        return f"{app}.view_{name}"

    @property
    def url(self) -> str:
        """Return the address of the list."""
        address = reverse(f"admin:{self.model.replace('.', '_')}_changelist")
        return f"{address}?{urlencode(self.params)}" if self.params else address


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many rows there are. Some are bad news as soon as there is one."""

    label: str
    rows: "QuerySet[Any]"
    link: Link
    is_alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Oldest:
    """Rows that wait for a worker, and the column that says since when."""

    label: str
    rows: "QuerySet[Any]"
    since: str
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A line of the flow of which there is one count in each window."""

    label: str
    counts: Sequence[Count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the flow: a number in each window, and which share of others that is."""

    label: str
    numbers: Sequence[int]
    links: Sequence[Link]
    shares: Sequence[float | None] = (None,) * len(WINDOWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a bar."""

    label: str
    number: int
    tone: str  # which colour of the style sheet
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How long something took half of the time, and nine times out of ten; None: it never was."""

    label: str
    percentiles: tuple[timedelta, timedelta] | None
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What one app tells."""

    act_now: Sequence[Count] = ()
    counted: Sequence[Counted] = ()
    flow: Sequence[Line] = ()
    shares: Sequence[Sequence[Part]] = ()  # what became of the asks of each window
    speed: Sequence[Speed] = ()
    ageing: Sequence[Part] = ()
    failures: Sequence[Count] = ()
    waiting: Sequence[Oldest] = ()
