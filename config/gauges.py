"""How numbers become metrics."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily


def counts(rows: Any, column: str) -> dict[Any, int]:
    """Return how many rows have each value of a column."""
    return dict(rows.order_by().values_list(column).annotate(Count("pk")))


def age(moment: datetime | None, now: datetime) -> float:
    """Return how many seconds ago something was; 0 where there is nothing, or it is to come."""
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def gauge(
    name: str, what: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    """Return a gauge with a sample for each of its labels' values."""
    family = GaugeMetricFamily(name, what, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
