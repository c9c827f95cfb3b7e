"""Percentiles of how long something took, as `percentile_cont` of SQL defines them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Aggregate, DurationField, Field, QuerySet
from django.db.models.expressions import Combinable, ExpressionWrapper

FRACTIONS = (0.5, 0.9)


class PercentileCont(Aggregate):
    """The p50 and p90 of an interval, in one sort. PostgreSQL has it, SQLite does not."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = Field()  # an array of intervals, which psycopg reads by itself


Percentiles = tuple[timedelta, timedelta] | None


def percentiles_of(rows: QuerySet[Any, Any], taken: Combinable) -> Percentiles:
    """Return p50 and p90 of what the rows took, or None where there are none."""
    rows = rows.annotate(taken=ExpressionWrapper(taken, DurationField()))
    if connection.vendor != "postgresql":
        return of_sorted(sorted(rows.order_by().values_list("taken", flat=True)))
    found = rows.aggregate(found=PercentileCont("taken"))["found"]
    return (found[0], found[1]) if found else None


def of_sorted(lengths: Sequence[timedelta]) -> Percentiles:
    """Return p50 and p90 of lengths in order, interpolated between neighbours."""
    if not lengths:
        return None
    p50, p90 = (_at(lengths, fraction) for fraction in FRACTIONS)
    return p50, p90


def _at(lengths: Sequence[timedelta], fraction: float) -> timedelta:
    place = fraction * (len(lengths) - 1)
    below = int(place)
    above = min(below + 1, len(lengths) - 1)
    return lengths[below] + (lengths[above] - lengths[below]) * (place - below)
