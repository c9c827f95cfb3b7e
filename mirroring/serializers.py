"""The JSON of connections and records. What a connector is told is in none of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from mirroring.models import Connection, Poll, Push, Record, Run
from mirroring.standing import lag, poll_of, standing
from mirroring.trying import Tested
from mirroring.unread import unread_of
from tracks.clock import rfc3339, rfc3339_or_none

# What became of a decision, in the words of whoever waits for it.
PUSH_WORDS = {
    Push.Status.PENDING: "waiting",
    Push.Status.SENT: "sent",
    Push.Status.CONFIRMED: "confirmed",
    Push.Status.STALE: "resolved_elsewhere",
    Push.Status.CHANGED: "changed_meanwhile",
    Push.Status.CONFLICT: "conflict",
    Push.Status.NEEDS_HUMAN: "needs_human",
}


def counts_of(connections: Sequence[Connection]) -> Mapping[UUID, dict[str, int]]:
    """Return how many records of each status there are, by connection; one query for all."""
    ids = [each.pk for each in connections]
    rows = Record.objects.filter(connection__in=ids).values_list("connection", "status").order_by()
    found: dict[UUID, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Record.Status.values, 0))
    for connection_id, status, count in rows.annotate(Count("pk")):
        found[connection_id][status] = count
    return found


def connections_json(connections: Sequence[Connection], *, now: datetime) -> list[dict[str, Any]]:
    """Return the JSON of connections whose `poll` is at hand."""
    counts, unread = counts_of(connections), unread_of(connections, now=now)
    return [
        connection_json(each, counts[each.pk], unread.get(each.pk), now=now) for each in connections
    ]


def connection_json(
    connection: Connection, records: Mapping[str, int], unread: Run | None, *, now: datetime
) -> dict[str, Any]:
    """Return the JSON of a connection with the counts of its records and what was not read."""
    return {
        "id": connection.public_id,
        "name": connection.name,
        "kind": connection.kind,
        "enabled": connection.enabled,
        "status": standing(connection).value,
        "interval_seconds": connection.interval_seconds,
        "requests_per_minute": connection.requests_per_minute,
        "notices": connection.notices,
        "notices_per_hour": connection.notices_per_hour,
        "expiry_days": connection.expiry_days,
        "records": dict(records),
        "polling": _polling_json(poll_of(connection), unread, now=now),
        "created_at": rfc3339(connection.created_at),
    }


def _polling_json(poll: Poll | None, unread: Run | None, *, now: datetime) -> dict[str, Any] | None:
    if poll is None:
        return None
    return {
        "first_load": _first_load(poll),
        "lag_seconds": lag(poll, now=now),
        "last_success_at": rfc3339_or_none(poll.succeeded_at),
        "next_poll_at": rfc3339(poll.delta_at) if poll.paused_at is None else None,
        "failures": poll.failures,
        "last_error": _last_error(poll),
        "paused_at": rfc3339_or_none(poll.paused_at),
        "pause_reason": poll.pause_reason or None,
        "warning": poll.warning or None,
        "unreadable": _unreadable(unread),
        "health": _health(poll),
    }


def _first_load(poll: Poll) -> dict[str, Any] | None:
    """Return how far the first pass is; None once it is over."""
    if not poll.is_loading:
        return None
    return {"read": poll.pass_count, "since": rfc3339_or_none(poll.pass_started_at)}


def _last_error(poll: Poll) -> dict[str, Any] | None:
    if not poll.last_error:
        return None
    kind, at = poll.error_kind or None, rfc3339_or_none(poll.failed_at)
    return {"kind": kind, "detail": poll.last_error, "at": at}


def _unreadable(run: Run | None) -> dict[str, Any] | None:
    """Return which approvals could not be read, and why; None where all could."""
    if run is None:
        return None
    return {"count": run.skipped, "notes": run.notes, "at": rfc3339(run.ended_at)}


def _health(poll: Poll) -> dict[str, Any] | None:
    """Return what the last check of the account found; None before the first."""
    if poll.is_healthy is None:
        return None
    return {
        "ok": poll.is_healthy,
        "account": poll.account or None,
        "detail": poll.health or None,
        "how_to_fix": poll.how_to_fix or None,
        "clock_skew_seconds": poll.clock_skew,
        "checked_at": rfc3339_or_none(poll.checked_at),
    }


def test_json(found: Tested) -> dict[str, Any]:
    """Return what a test found."""
    health = found.health
    return {
        "ok": health.ok,
        "account": health.account or None,
        "detail": health.detail or None,
        "error": health.error and health.error.value,
        "how_to_fix": health.how_to_fix or None,
        "clock_skew_seconds": health.clock_skew,
        "latency_ms": found.latency_ms,
        "sample": found.sample,
        "skipped": found.skipped,
    }


def record_json(record: Record) -> dict[str, Any]:
    """Return the JSON of a record whose `pushes` are at hand or will be fetched."""
    return {
        "id": record.public_id,
        "connection_id": record.connection.public_id,
        "external_id": record.external_id,
        "revision": record.revision,
        "status": record.status,
        "reason": record.reason or None,
        "approvers": record.approvers,
        "requester": record.requester,
        "url": record.url,
        "track_id": record.track.public_id if record.track else None,
        "ask_id": record.ask.public_id if record.ask else None,
        "last_seen_at": rfc3339(record.last_seen_at),
        "push": _push_json(record),
    }


def _push_json(record: Record) -> dict[str, Any] | None:
    """Return what became of the last decision; None before there is one."""
    push = max(record.pushes.all(), key=lambda each: each.pk, default=None)
    if push is None:
        return None
    return {
        "status": PUSH_WORDS[Push.Status(push.status)],
        "attempts": push.attempts,
        "last_error": push.last_error or None,
        "confirmed_at": rfc3339_or_none(push.confirmed_at),
    }
