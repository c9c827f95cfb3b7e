"""How long deliveries are kept (contract §2.5)."""

from datetime import timedelta
from uuid import UUID

from tracks.clock import database_now
from webhooks.models import Delivery, Endpoint, SigningKey

KEPT = timedelta(days=90)
BATCH = 1000


def purge_old() -> int:
    """Forget deliveries that are 90 days old; return how many. Forget keys that sign no more."""
    now = database_now()
    SigningKey.objects.filter(expires_at__lte=now).delete()
    count = 0
    while old := _old_deliveries():
        Delivery.objects.filter(pk__in=old).delete()
        count += len(old)
    Endpoint.objects.filter(deleted_at__lt=now - KEPT, deliveries=None).delete()
    return count


def _old_deliveries() -> list[UUID]:
    old = Delivery.objects.filter(created_at__lt=database_now() - KEPT, next_attempt_at=None)
    return list(old.values_list("pk", flat=True)[:BATCH])
