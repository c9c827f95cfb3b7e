"""Periodic work of this layer."""

from celery import shared_task

from tracks import events
from tracks.idempotency import purge_idempotency_keys
from tracks.models import Dispatch

BATCH = 500


@shared_task
def sweep_dispatches() -> int:
    """Run the consumers of events whose process died or failed before all had run."""
    due = Dispatch.due(limit=BATCH)
    for event_id in due:
        events.dispatch(event_id)
    return len(due)


@shared_task
def purge() -> int:
    """Forget idempotency keys that are too old to be asked for."""
    return purge_idempotency_keys()
