"""Work of this layer that a worker does."""

from celery import shared_task

from mirroring import received
from mirroring.models import InboundHook

BATCH = 500


@shared_task
def sweep_hooks() -> int:
    """Apply messages whose process died or failed before it had applied them."""
    due = InboundHook.due(limit=BATCH)
    for pk in due:
        received.apply(pk)
    return len(due)


@shared_task
def purge() -> int:
    """Forget messages that were applied long ago."""
    return received.purge_old()
