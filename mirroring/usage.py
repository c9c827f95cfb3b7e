"""What was sent to each system lately, added up in the database over all processes and machines.

    @usage.counted()
    def run(…): …  # uses connectors of connecting.connector_for()

Requests are counted where they are sent, in memory. Once what they were for is over, a statement or
two write them down: none is written for each.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import F

from mirroring.connectors.base import Connector
from mirroring.connectors.tally import Tally
from mirroring.models import Connection, RequestCount
from tracks.clock import database_now

log = structlog.get_logger(__name__)

SLICE = timedelta(seconds=10)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

_counted: ContextVar[list[tuple[UUID, Tally]] | None] = ContextVar("counted", default=None)


@contextmanager
def counted() -> Iterator[None]:
    """Write down, once this is over, what was sent meanwhile; never inside a transaction."""
    tallies: list[tuple[UUID, Tally]] = []
    token = _counted.set(tallies)
    try:
        yield
    finally:
        _counted.reset(token)
        for pk, tally in tallies:
            _keep_safely(pk, tally)


def watch(connector: Connector, connection: Connection) -> None:
    """Count what a connector sends for its connection, if somebody writes it down."""
    tallies = _counted.get()
    if tallies is not None:
        tallies.append((connection.pk, connector.session.tally))


def _keep_safely(pk: UUID, tally: Tally) -> None:
    """Write a tally down. That it cannot be written is no harm to what was done."""
    try:
        if tally.sent:
            _keep(pk, tally)
    except DatabaseError as error:
        log.warning("usage.lost", connection=str(pk), sent=len(tally.sent), error=str(error))


def _keep(pk: UUID, tally: Tally) -> None:
    now, steady = database_now(), time.monotonic()

    def moment(time: float) -> datetime:
        return now - timedelta(seconds=steady - time)

    counts = Counter(_slice(moment(each)) for each in tally.sent)
    RequestCount.objects.bulk_create(
        [RequestCount(connection_id=pk, at=at) for at in counts], ignore_conflicts=True
    )
    for at, sent in counts.items():
        said = _said(tally, moment) if at == max(counts) else {}
        rows = RequestCount.objects.filter(connection=pk, at=at)
        rows.update(sent=F("sent") + sent, **said)


def _slice(moment: datetime) -> datetime:
    seconds = moment.timestamp() // SLICE.total_seconds() * SLICE.total_seconds()
    return datetime.fromtimestamp(seconds, UTC)


def _said(tally: Tally, moment: Any) -> dict[str, Any]:
    """Return what the system said of its limit, as a row has it."""
    said: dict[str, Any] = {}
    if tally.limit is not None:
        limit, at = tally.limit, moment(tally.limit_at)
        resets = None if limit.resets_in is None else at + timedelta(seconds=limit.resets_in)
        said |= {"said_at": at, "remaining": limit.remaining, "most": limit.most}
        said |= {"resets_at": resets}
    if tally.pause is not None:
        at = moment(tally.pause_at)
        said |= {"said_at": at, "paused_until": at + timedelta(seconds=tally.pause)}
    return said


# -- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """What was sent in the last minute and hour; the rows with the system's latest word, if any."""

    minute: int
    hour: int
    limit: RequestCount | None
    pause: RequestCount | None


def usage_of(connection: Connection, *, now: datetime) -> Usage:
    """Return how much of a budget is used; one query.

    Requests are known to ten seconds, and none that is older than a minute counts as one of it.
    """
    rows = list(
        RequestCount.objects.filter(connection=connection, at__gt=now - HOUR).order_by("at")
    )
    return Usage(
        minute=sum(row.sent for row in rows if row.at > now - MINUTE),
        hour=sum(row.sent for row in rows),
        limit=_last([row for row in rows if row.remaining is not None]),
        pause=_last([row for row in rows if row.paused_until is not None]),
    )


def _last(rows: Sequence[RequestCount]) -> RequestCount | None:
    return rows[-1] if rows else None
