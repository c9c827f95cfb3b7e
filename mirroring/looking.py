"""Looking again at one record, right before somebody decides on it (approvals.sources)."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from datetime import timedelta
from functools import cache
from uuid import UUID

import structlog
from django.db import connection as database
from django.db.models import Q

from approvals.sources import Freshness, Look
from mirroring import connecting, sync, usage
from mirroring.connectors.base import Gone
from mirroring.models import Poll, Record
from tracks.clock import database_now

log = structlog.get_logger(__name__)

FRESH_FOR = timedelta(minutes=1)
THREADS = 8


def look(track_id: UUID, *, within: float) -> Look:
    """Read a record by itself if its last look is older than a minute; wait `within` seconds.

    The look goes on when nobody waits for it any more: what it finds helps whoever comes next. That
    a look has begun is written first, so that a page opened ten times asks the system once.
    """
    record = _waiting(track_id)
    if record is None:
        return Look(Freshness.FRESH)
    if not _begin(record):
        return _as_it_stands(record)
    future = _threads().submit(_look, record.pk)
    try:
        is_done = future.result(timeout=within)
    except TooSlow:
        return Look(Freshness.SLOW, record.last_seen_at)
    if is_done:
        return Look(Freshness.LOOKED, database_now())
    return Look(Freshness.FAILED, record.last_seen_at)


def _waiting(track_id: UUID) -> Record | None:
    records = Record.objects.filter(track=track_id, status__in=Record.WAITING)
    record = records.select_related("connection").first()
    is_reachable = record is not None and record.connection.is_polled and record.connection.enabled
    return record if is_reachable else None


def _begin(record: Record) -> bool:
    """Note that a look begins; False when one has begun within the last minute."""
    now = database_now()
    due = Record.objects.filter(Q(looked_at=None) | Q(looked_at__lte=now - FRESH_FOR), pk=record.pk)
    return due.exclude(last_seen_at__gt=now - FRESH_FOR).update(looked_at=now) == 1


def _as_it_stands(record: Record) -> Look:
    """Say how fresh a record is at which somebody else looks, or has failed to."""
    record.refresh_from_db(fields=["last_seen_at"])
    if record.last_seen_at > database_now() - FRESH_FOR:
        return Look(Freshness.FRESH, record.last_seen_at)
    is_failing = Poll.objects.filter(pk=record.connection_id, failures__gt=0).exists()
    return Look(Freshness.FAILED if is_failing else Freshness.SLOW, record.last_seen_at)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="look")


def _look(pk: UUID) -> bool:
    """Read a record and do what follows; False when that failed."""
    try:
        look_now(pk)
    except Exception as error:
        log.warning("look.failed", record=str(pk), error=str(error))
        return False
    finally:
        database.close()
    return True


@usage.counted()
def look_now(pk: UUID) -> Record:
    """Read a record by itself, whoever wants it, and do what follows from it; may raise."""
    record = Record.objects.select_related("connection__workspace").get(pk=pk)
    connector = connecting.connector_for(record.connection)
    read_at = database_now()
    try:
        item = connector.get(record.external_id)
    except Gone:
        item = connecting.gone(sync.item_of(record))
    sync.keep(connection_id=record.connection_id, items=[item], read_at=read_at)
    return sync.follow(record_id=pk)
