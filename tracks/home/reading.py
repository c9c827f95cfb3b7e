"""Reading what all apps tell, in a handful of statements whatever the size, once a minute."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import Count as CountRows
from django.db.models import DateTimeField, IntegerField, Min, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.module_loading import import_string

from tracks import heartbeats
from tracks.clock import database_now
from tracks.home.figures import Count, Counted, Line, Link, Numbers, Oldest, Part, Scope, Speed
from tracks.models import Heartbeat

log = structlog.get_logger(__name__)

CACHED = 60  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number, and the list that shows what it counts."""

    label: str
    number: int
    link: Link
    is_alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long the oldest of the rows that wait for a worker has been due; None: none is."""

    label: str
    late: timedelta | None
    link: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """When beat or a worker was last heard of."""

    name: str
    is_beat: bool
    seen_at: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Everything that the page shows, read; it can be kept in a cache."""

    at: datetime
    act_now: Sequence[Figure]
    flow: Sequence[Line]
    shares: Sequence[Sequence[Part]]
    speed: Sequence[Speed]
    ageing: Sequence[Part]
    failures: Sequence[Figure]
    waiting: Sequence[Wait]
    pulses: Sequence[Pulse]


def home_of(workspaces: frozenset[UUID] | None) -> Home:
    """Return the numbers of some workspaces (None: all), at most a minute old."""
    key = _key(workspaces)
    kept: Home | None = _from_cache(key)
    if kept is None:
        kept = read(Scope(now=database_now(), workspaces=workspaces))
        _to_cache(key, kept)
    return kept


def _key(workspaces: frozenset[UUID] | None) -> str:
    # In a minute's time nobody must see the numbers of a workspace that is no longer theirs.
    named = "all" if workspaces is None else ",".join(sorted(each.hex for each in workspaces))
    return f"staff-home:{hashlib.sha256(named.encode()).hexdigest()}"


def _from_cache(key: str) -> Home | None:
    # A cache that is away makes the page slower, and nothing else.
    try:
        kept: Home | None = cache.get(key)
    except Exception as error:
        log.warning("home.cache_away", error=repr(error))
        return None
    return kept


def _to_cache(key: str, home: Home) -> None:
    try:
        cache.set(key, home, CACHED)
    except Exception as error:
        log.warning("home.cache_away", error=repr(error))


def read(scope: Scope) -> Home:
    """Read everything now."""
    told: list[Numbers] = [import_string(name)(scope) for name in settings.HOME_NUMBERS]
    act_now = [each for numbers in told for each in numbers.act_now]
    failures = [each for numbers in told for each in numbers.failures]
    counted = [each for numbers in told for each in numbers.counted]
    in_flow = [count for line in counted for count in line.counts]
    waiting = [each for numbers in told for each in numbers.waiting]
    numbers, since = _look([*act_now, *failures, *in_flow], waiting)
    found = iter(numbers)
    return Home(
        at=scope.now,
        act_now=[_figure(each, next(found)) for each in act_now],
        failures=[_figure(each, next(found)) for each in failures],
        flow=[
            *(line for numbers in told for line in numbers.flow),
            *(_line(each, [next(found) for _ in each.counts]) for each in counted),
        ],
        shares=[bar for numbers in told for bar in numbers.shares],
        speed=[line for numbers in told for line in numbers.speed],
        ageing=[part for numbers in told for part in numbers.ageing],
        waiting=[_wait(*pair, now=scope.now) for pair in zip(waiting, since, strict=True)],
        pulses=_pulses(scope.now),
    )


def _figure(count: Count, number: int) -> Figure:
    is_alarm = count.is_alarm and number > 0
    return Figure(label=count.label, number=number, link=count.link, is_alarm=is_alarm)


def _line(counted: Counted, numbers: Sequence[int]) -> Line:
    links = [each.link for each in counted.counts]
    return Line(label=counted.label, numbers=numbers, links=links)


def _wait(rows: Oldest, since: datetime | None, *, now: datetime) -> Wait:
    late = max(now - since, timedelta()) if since else None
    return Wait(label=rows.label, link=rows.link, late=late)


def _look(
    counts: Sequence[Count], waiting: Sequence[Oldest]
) -> tuple[list[int], list[datetime | None]]:
    """Return how many rows there are of each, and since when each waits, in one statement."""
    never, nothing = Cast(Value(None), DateTimeField()), Value(0, IntegerField())
    queries = [
        *(_one(each.rows, place, CountRows("pk"), never) for place, each in enumerate(counts)),
        *(
            _one(each.rows, place, nothing, Min(each.since))
            for place, each in enumerate(waiting, start=len(counts))
        ),
    ]
    first, *others = queries
    found = {place: values for place, *values in first.union(*others, all=True)}
    numbers = [found[place][0] if place in found else 0 for place in range(len(counts))]
    since = [
        found[place][1] if place in found else None for place in range(len(counts), len(queries))
    ]
    return numbers, since


def _one(rows: QuerySet[Any], place: int, number: Any, since: Any) -> QuerySet[Any, Any]:
    # One group, so one row, or none where there is nothing.
    labelled = rows.order_by().annotate(place=Value(place, IntegerField())).values("place")
    query: QuerySet[Any, Any] = labelled.annotate(number=number, since=since)
    return query.values_list("place", "number", "since")


def _pulses(now: datetime) -> list[Pulse]:
    rows = list(Heartbeat.objects.all())
    beat = next((each.seen_at for each in rows if each.kind == Heartbeat.Kind.BEAT), None)
    workers = [each for each in rows if each.kind == Heartbeat.Kind.WORKER]
    return [
        _pulse("beat", beat, now=now, is_beat=True),
        *(_pulse(each.name, each.seen_at, now=now, is_beat=False) for each in workers),
    ]


def _pulse(name: str, seen_at: datetime | None, *, now: datetime, is_beat: bool) -> Pulse:
    is_late = heartbeats.is_late(seen_at, now)
    return Pulse(name=name, is_beat=is_beat, seen_at=seen_at, is_late=is_late)
