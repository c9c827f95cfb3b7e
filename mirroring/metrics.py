"""Numbers about connections for Prometheus, read from the database (config.metrics)."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db.models import Count, Min, Sum
from prometheus_client.core import GaugeMetricFamily, Metric

from config.gauges import age, counts, gauge
from mirroring.models import Poll, Push, Record, RequestCount
from mirroring.usage import HOUR, MINUTE
from tracks.ids import public_id

LABELS = ("connection", "name")
ON_THEIR_WAY = (Push.Status.PENDING, Push.Status.SENT)


def read(now: datetime) -> Iterator[Metric]:
    """Yield what can be said of the systems, of what waits there, and of what is written back."""
    yield from _connections(now)
    yield from _requests(now)
    yield from _records(now)
    yield from _pushes(now)


def _connections(now: datetime) -> Iterator[Metric]:
    """Yield how each connection that is switched on does, the paused ones included."""
    rows = Poll.objects.filter(connection__enabled=True).select_related("connection")
    polls = list(rows.order_by("pk"))

    def each(name: str, what: str, number: Callable[[Poll], float]) -> Metric:
        samples = [((row.connection.public_id, row.connection.name), number(row)) for row in polls]
        return gauge(name, what, LABELS, samples)

    yield each(
        "sayso_connector_last_success_timestamp",
        "When the system was last read to the end, in Unix time; 0: never",
        lambda row: row.succeeded_at.timestamp() if row.succeeded_at else 0.0,
    )
    yield each(
        "sayso_connector_lag_seconds",
        "How old the latest whole picture of the system is",
        lambda row: age(row.passed_at or row.connection.created_at, now),
    )
    yield each(
        "sayso_connector_interval_seconds",
        "How often the system is asked what is new",
        lambda row: row.connection.interval_seconds,
    )
    yield each(
        "sayso_connector_paused",
        "1 where nobody is asked any more until staff have looked",
        lambda row: row.paused_at is not None,
    )
    yield gauge(
        "sayso_connector_failures",
        "Failures in a row, by the kind of the latest",
        (*LABELS, "kind"),
        [
            ((row.connection.public_id, row.connection.name, row.error_kind), row.failures)
            for row in polls
            if row.failures
        ],
    )


def _requests(now: datetime) -> Iterator[Metric]:
    """Yield what was sent lately, and what the systems said of their own limits within the hour."""
    named = ("connection", "connection__name")
    lately = RequestCount.objects.filter(at__gt=now - MINUTE).order_by()
    sent = lately.values_list(*named).annotate(Sum("sent"))
    told = RequestCount.objects.filter(at__gt=now - HOUR, remaining__isnull=False).order_by("at")
    left = {(pk, name): count for pk, name, count in told.values_list(*named, "remaining")}
    yield gauge(
        "sayso_connector_requests_last_minute",
        "Requests that all processes sent to the system",
        LABELS,
        [((public_id("con", pk), name), count) for pk, name, count in sent],
    )
    yield gauge(
        "sayso_connector_ratelimit_remaining",
        "What is left of the system's own limit, as it last said",
        LABELS,
        [((public_id("con", pk), name), count) for (pk, name), count in left.items()],
    )


def _records(now: datetime) -> Iterator[Metric]:
    found = counts(Record.objects.all(), "status")
    yield gauge(
        "sayso_records",
        "Mirrored approvals by status",
        ("status",),
        [((status,), found.get(status, 0)) for status in Record.Status.values],
    )
    due = Record.objects.filter(next_attempt_at__lte=now)
    queue = due.aggregate(number=Count("pk"), oldest=Min("next_attempt_at"))
    yield GaugeMetricFamily("sayso_records_due", "Records to follow up", value=queue["number"])
    yield GaugeMetricFamily(
        "sayso_records_due_oldest_seconds",
        "How long the oldest record has been due",
        value=age(queue["oldest"], now),
    )


def _pushes(now: datetime) -> Iterator[Metric]:
    found = counts(Push.objects.all(), "status")
    yield gauge(
        "sayso_pushes",
        "Decisions to write back by status",
        ("status",),
        [((status,), found.get(status, 0)) for status in Push.Status.values],
    )
    waiting = Push.objects.filter(status__in=ON_THEIR_WAY)
    yield GaugeMetricFamily(
        "sayso_pushes_oldest_seconds",
        "How long the oldest decision has not been in its system",
        value=age(waiting.aggregate(oldest=Min("created_at"))["oldest"], now),
    )
