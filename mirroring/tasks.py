"""Work of this layer that a worker does, poked and swept."""

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_shutdown

from mirroring import alerts, keeping, received, service
from mirroring.models import Alert
from tracks.hands import Hands

BATCH = 500

_alerts = Hands(Alert, alerts.send)


@shared_task
def work(*_: str) -> int:
    """Wake this process's threads: they take what is due, in their own time and not a worker's."""
    return service.wake()


@shared_task
def sweep_hooks() -> int:
    """Apply messages whose process died or failed before it had applied them."""
    due = received.due(limit=BATCH)
    for pk in due:
        received.apply(pk)
    return len(due)


@shared_task
def send_alert(alert_id: str) -> None:
    """Tell whoever looks after a workspace that a connection does not work any more."""
    _alerts.take([UUID(alert_id)])


@shared_task
def sweep_alerts() -> int:
    """Send those that were not sent when they were poked."""
    return _alerts.take_due()


@shared_task
def close_settled() -> int:
    """Close the tracks of records that were settled some days ago."""
    return keeping.close_settled()


@shared_task
def purge() -> int:
    """Forget what was received, what runs did, and what was sent, long ago."""
    return received.purge_old() + keeping.purge_runs() + keeping.purge_counts()


@worker_process_shutdown.connect
@worker_shutdown.connect
def stop_service(**_: Any) -> None:
    """Begin nothing more."""
    service.stop()
