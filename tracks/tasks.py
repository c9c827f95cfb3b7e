"""Periodic work of this layer."""

from typing import Any

from celery import Task, shared_task
from celery.signals import task_postrun, worker_process_shutdown, worker_shutdown

from tracks import events, hands, heartbeats
from tracks.idempotency import purge_idempotency_keys
from tracks.models import Dispatch

BATCH = 500
GRACE = 10.0  # seconds for mails that are under way once the worker is told to stop


@shared_task
def sweep_dispatches() -> int:
    """Run the consumers of events whose process died or failed before all had run."""
    due = Dispatch.due(limit=BATCH)
    events.dispatch(*due)
    return len(due)


@shared_task
def tick() -> None:
    """Note that beat asks, and that a worker hears it."""
    heartbeats.tick()


@task_postrun.connect
def note_worker(sender: Task, **_: Any) -> None:
    """Note that this worker has just finished a task, whichever it was."""
    heartbeats.note_worker(sender.request.hostname or "")


@shared_task
def purge() -> int:
    """Forget idempotency keys too old to be asked for, and workers that are no more."""
    return purge_idempotency_keys() + heartbeats.purge()


@worker_process_shutdown.connect
@worker_shutdown.connect
def stop_hands(**_: Any) -> None:
    """Let what is being handed over arrive, and be written down."""
    hands.stop(within=GRACE)
