"""What was posted to a connection: stored, acknowledged, then applied."""

import hashlib
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction

from mirroring import expenses, strict_json, sync
from mirroring.models import Connection, InboundHook
from tracks.clock import database_now

log = structlog.get_logger(__name__)

LONGEST_PAUSE = timedelta(hours=1)
KEPT = timedelta(days=90)


def known(
    connection: Connection, *, proof: InboundHook.Proof, webhook_id: str
) -> InboundHook | None:
    """Return the message that came under an id, if one did."""
    return InboundHook.objects.filter(
        connection=connection, proof=proof, webhook_id=webhook_id
    ).first()


@transaction.atomic
def accept(
    connection: Connection, *, proof: InboundHook.Proof, webhook_id: str, body: bytes
) -> tuple[InboundHook, bool]:
    """Store a message, or return the one that came under its id; False when there was one.

    Born claimed, as a dispatch is: this process applies it straight after the commit, and the sweep
    applies what a dead process left.
    """
    now = database_now()
    hook, created = InboundHook.objects.get_or_create(
        connection=connection,
        proof=proof,
        webhook_id=webhook_id,
        defaults={
            "body": body.decode(),
            "body_digest": digest(body),
            "received_at": now,
            "attempts": 1,
            "next_attempt_at": now + InboundHook.LEASE,
        },
    )
    if created:
        transaction.on_commit(partial(_apply, hook), robust=True)
    return hook, created


def digest(body: bytes) -> str:
    """Return what tells two bodies apart."""
    return hashlib.sha256(body).hexdigest()


def apply(pk: UUID) -> None:
    """Apply a message unless another process does or it is not due."""
    hook = InboundHook.claim(pk)
    if hook is not None:
        _apply(hook)


def _apply(hook: InboundHook) -> None:
    try:
        item = expenses.read_item(strict_json.read(hook.body.encode()))
        record = sync.apply(connection_id=hook.connection_id, item=item)
    except Exception as error:
        log.exception("inbound.failed", hook=str(hook.pk))
        pause = min(timedelta(seconds=2**hook.attempts), LONGEST_PAUSE)
        hook.retry(after=pause, error=repr(error))
    else:
        hook.write_outcome(
            next_attempt_at=None, applied_at=database_now(), record=record, last_error=""
        )


def purge_old() -> int:
    """Forget messages that were applied and are 90 days old; return how many."""
    old = InboundHook.objects.filter(received_at__lt=database_now() - KEPT, next_attempt_at=None)
    return old.delete()[0]
