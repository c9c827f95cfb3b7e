"""What the webhooks layer tells the home of the admin."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from tracks.home.figures import Count, Link, Numbers, Oldest, Scope
from webhooks.models import Delivery

# Longer than all retries of a delivery take, so that one that is given up stays in sight for days.
LOOKS_BACK = timedelta(days=7)


def failed_of_late(deliveries: QuerySet[Delivery], now: datetime) -> QuerySet[Delivery]:
    """Keep what was not taken, while somebody would send it again."""
    failed = (Delivery.Status.FAILED, Delivery.Status.EXHAUSTED)
    return deliveries.filter(
        status__in=failed, created_at__gte=now - LOOKS_BACK, endpoint__deleted_at=None
    )


def to_deliver(deliveries: QuerySet[Delivery], now: datetime) -> QuerySet[Delivery]:
    """Keep what should be on its way."""
    return deliveries.filter(next_attempt_at__lte=now)


def tell(scope: Scope) -> Numbers:
    """Tell how many deliveries have failed of late, and since when the oldest is due."""
    deliveries = scope.limit(Delivery.objects.all(), by="endpoint__workspace")
    return Numbers(
        act_now=[
            Count(
                label="Failed webhooks",
                rows=failed_of_late(deliveries, scope.now),
                link=Link("webhooks.delivery", {"trouble": "failed"}),
                is_alarm=True,
            )
        ],
        waiting=[
            Oldest(
                label="Webhooks to deliver",
                rows=to_deliver(deliveries, scope.now),
                since="next_attempt_at",
                link=Link("webhooks.delivery", {"trouble": "due"}),
            )
        ],
    )
