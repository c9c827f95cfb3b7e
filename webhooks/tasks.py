"""Work of this layer that a worker does, poked and swept."""

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_shutdown

from tracks.hands import Hands
from webhooks import courier, notices
from webhooks.keeping import purge_old
from webhooks.models import OwnerNotice

GRACE = 2.0  # seconds for what is under way once the worker is told to stop

_notices = Hands(OwnerNotice, notices.send)


@shared_task
def deliver() -> None:
    """Wake this process's courier: it takes what is due, in its own time and not a worker's."""
    courier.wake()


@shared_task
def send_notice(notice_id: str) -> None:
    """Send one notice to the owner of a workspace, unless another worker does."""
    _notices.take([UUID(notice_id)])


@shared_task
def sweep_notices() -> int:
    """Send notices that are due and were not sent when they were poked."""
    return _notices.take_due()


@shared_task
def purge() -> int:
    """Forget deliveries that were made 90 days ago."""
    return purge_old()


@worker_process_shutdown.connect
@worker_shutdown.connect
def stop_courier(**_: Any) -> None:
    """Let the courier write down what has come back."""
    courier.stop(within=GRACE)
