"""Numbers for Prometheus, read from the database: they hold however many processes there are."""

import platform
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import django
from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q, Sum
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from approvals.models import Answer, Ask, Notification
from config.gauges import age, counts
from config.version import version
from mirroring import metrics as mirroring
from tracks.clock import database_now
from tracks.models import Dispatch, Heartbeat

CACHED = 10.0  # seconds
# From "at once" to "next week": people answer in any of these.
BUCKETS = {
    "10": timedelta(seconds=10),
    "60": timedelta(minutes=1),
    "300": timedelta(minutes=5),
    "1800": timedelta(minutes=30),
    "3600": timedelta(hours=1),
    "14400": timedelta(hours=4),
    "86400": timedelta(days=1),
    "259200": timedelta(days=3),
    "604800": timedelta(days=7),
}


class DatabaseCollector(Collector):
    """Reads the numbers at most every ten seconds, however many scrape."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = -CACHED
        self._metrics: list[Metric] = []

    def describe(self) -> list[Metric]:
        """Name nothing: registering a collector must not read the database."""
        return []

    def collect(self) -> list[Metric]:
        """Return the metrics, at most ten seconds old."""
        with self._lock:
            if time.monotonic() - self._read_at >= CACHED:
                self._metrics = list(_read())
                self._read_at = time.monotonic()
            return self._metrics


@cache
def registry() -> CollectorRegistry:
    """Return what /metrics shows."""
    collected = CollectorRegistry()
    collected.register(DatabaseCollector())
    return collected


def _read() -> Iterator[Metric]:
    now = database_now()
    yield _build_info()
    yield from _asks(now)
    yield _time_to_answer()
    dispatches = Dispatch.objects.aggregate(number=Count("pk"), oldest=Min("event__at"))
    yield from _queue("sayso_dispatch", "depth", dispatches, "Events to follow up", now=now)
    # Reminders wait for their hour for days: they would hide what is late.
    unsent = Notification.objects.filter(next_attempt_at__isnull=False).exclude(
        kind=Notification.Kind.REMINDER
    )
    mails = unsent.aggregate(number=Count("pk"), oldest=Min("created_at"))
    yield from _queue("sayso_notifications", "pending", mails, "Mails to send", now=now)
    yield from _heartbeats()
    yield from mirroring.read(now)


def _heartbeats() -> Iterator[Metric]:
    tick = GaugeMetricFamily(
        "sayso_beat_last_tick_timestamp",
        "When a tick of beat last came through to a worker; none: never",
    )
    workers = GaugeMetricFamily(
        "sayso_worker_last_seen_timestamp",
        "When a worker last finished a task",
        labels=["worker"],
    )
    for each in Heartbeat.objects.all():
        if each.kind == Heartbeat.Kind.BEAT:
            tick.add_metric([], each.seen_at.timestamp())
        else:
            workers.add_metric([each.name], each.seen_at.timestamp())
    yield tick
    yield workers


def _build_info() -> Metric:
    labels = {
        "version": version(),
        "python": platform.python_version(),
        "django": django.get_version(),
    }
    info = GaugeMetricFamily("sayso_build_info", "What runs here", labels=list(labels))
    info.add_metric(list(labels.values()), 1)
    return info


def _asks(now: datetime) -> Iterator[Metric]:
    by_status = GaugeMetricFamily("sayso_asks", "Asks by status", labels=["status"])
    found = counts(Ask.objects.all(), "status")
    passed = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__lte=now)
    # As everybody sees them: what is overdue has timed out.
    late = passed.count()
    shifts = {Ask.Status.OPEN.value: -late, Ask.Status.TIMEOUT.value: late}
    for status in Ask.Status.values:
        by_status.add_metric([status], found.get(status, 0) + shifts.get(status, 0))
    yield by_status

    still_open = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__gt=now)
    by_risk = GaugeMetricFamily("sayso_asks_open", "Asks that wait, by risk", labels=["risk"])
    found = counts(still_open, "risk")
    for risk in [*Ask.Risk.values, None]:
        by_risk.add_metric([risk or "none"], found.get(risk, 0))
    yield by_risk

    ages = still_open.aggregate(
        overdue=Count("pk", filter=Q(due_at__lte=now)), oldest=Min("created_at")
    )
    yield GaugeMetricFamily(
        "sayso_asks_overdue", "Open asks past their due_at", value=ages["overdue"]
    )
    yield GaugeMetricFamily(
        "sayso_asks_oldest_open_seconds",
        "Age of the oldest open ask",
        value=age(ages["oldest"], now),
    )
    # Deadlines that have passed and are not recorded: grows when beat or the workers stand still.
    yield GaugeMetricFamily(
        "sayso_timeouts_oldest_seconds",
        "How long the oldest timeout has waited to be recorded",
        value=age(passed.aggregate(oldest=Min("ends_at"))["oldest"], now),
    )


def _time_to_answer() -> Metric:
    taken = ExpressionWrapper(F("ask__closed_at") - F("ask__created_at"), DurationField())
    within = {edge: Count("pk", filter=Q(taken__lte=width)) for edge, width in BUCKETS.items()}
    counted = Answer.objects.annotate(taken=taken).aggregate(
        everything=Count("pk"), total=Sum("taken"), **{f"le_{e}": n for e, n in within.items()}
    )
    buckets = [(edge, counted[f"le_{edge}"]) for edge in BUCKETS]
    total: timedelta = counted["total"] or timedelta()
    return HistogramMetricFamily(
        "sayso_time_to_answer_seconds",
        "From asking to the answer",
        buckets=[*buckets, ("+Inf", counted["everything"])],
        sum_value=total.total_seconds(),
    )


def _queue(
    name: str, number: str, queue: dict[str, Any], what: str, *, now: datetime
) -> Iterator[Metric]:
    yield GaugeMetricFamily(f"{name}_{number}", what, value=queue["number"])
    oldest = age(queue["oldest"], now)
    what = f"{what}: age of the oldest"
    yield GaugeMetricFamily(f"{name}_oldest_seconds", what, value=oldest)
