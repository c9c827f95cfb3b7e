"""What the admin's lists show of endpoints: how the last day went, and what went wrong last."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from tracks.ids import earliest_id
from webhooks.models import Delivery, Endpoint

DAY = timedelta(hours=24)
ARRIVED = Q(status=Delivery.Status.DELIVERED)
FAILED = Q(status__in=(Delivery.Status.FAILED, Delivery.Status.EXHAUSTED))
SHOWN = 25  # deliveries on the page of an endpoint


def with_last_day(endpoints: QuerySet[Endpoint], now: datetime) -> QuerySet[Endpoint]:
    """Add how many deliveries of the last day arrived or failed, and the last error of a week."""
    return endpoints.annotate(
        arrived=_number(ARRIVED, now),
        failed=_number(FAILED, now),
        failed_with=Subquery(_newest_failed(now).values("last_error")[:1]),
    )


def _of_endpoint(now: datetime, *, within: timedelta) -> QuerySet[Delivery]:
    # Keys begin with the time: the index by endpoint and key finds those of late.
    floor = earliest_id(now - within - DAY)
    return Delivery.objects.filter(
        endpoint=OuterRef("pk"), pk__gte=floor, created_at__gte=now - within
    )


def _number(which: Q, now: datetime) -> Any:
    rows = _of_endpoint(now, within=DAY).filter(which).order_by().values("endpoint")
    counted = rows.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _newest_failed(now: datetime) -> QuerySet[Delivery]:
    return _of_endpoint(now, within=7 * DAY).filter(FAILED).order_by("-pk")


def latest(endpoint: Endpoint) -> list[Delivery]:
    """Return the newest deliveries to an endpoint, each with its attempts."""
    newest = Delivery.objects.filter(endpoint=endpoint).order_by("-pk")
    return list(newest.prefetch_related("tried")[:SHOWN])
