"""What was posted to a connection: stored, acknowledged, then applied."""

import hashlib
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction

from mirroring import connecting, posted, strict_json, sync, usage
from mirroring.connectors.base import BadConfig, ConnectorError, Gone, Item
from mirroring.models import Connection, HintedHook, InboundHook, Record
from tracks.clock import database_now
from tracks.transactions import after_commit
from tracks.work import poke_after_commit

log = structlog.get_logger(__name__)

LONGEST_PAUSE = timedelta(hours=1)
KEPT = timedelta(days=90)
MOST_LOOKS = 10


def known(
    connection: Connection, *, proof: InboundHook.Proof, webhook_id: str
) -> InboundHook | None:
    """Return the message that came under an id, if one did."""
    return InboundHook.objects.filter(
        connection=connection, proof=proof, webhook_id=webhook_id
    ).first()


@transaction.atomic
def accept(
    connection: Connection,
    *,
    proof: InboundHook.Proof,
    webhook_id: str,
    body: bytes,
    is_hint: bool = False,
) -> tuple[InboundHook, bool]:
    """Store a message, or return the one that came under its id; False when there was one.

    Born claimed, as a dispatch is: this process applies it straight after the commit, and the sweep
    applies what a dead process left. A hint is left to those who may talk to the system.
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
            "is_hint": is_hint,
            "attempts": 0 if is_hint else 1,
            "next_attempt_at": now if is_hint else now + InboundHook.LEASE,
        },
    )
    if created and is_hint:
        poke_after_commit("mirroring.tasks.work", str(hook.pk))
    elif created:
        after_commit(_apply, hook)
    return hook, created


def digest(body: bytes) -> str:
    """Return what tells two bodies apart."""
    return hashlib.sha256(body).hexdigest()


def due(*, limit: int) -> list[UUID]:
    """Return the messages that are due and can be applied without a word to the system."""
    rows = InboundHook.objects.filter(next_attempt_at__lte=database_now(), is_hint=False)
    return list(rows.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def apply(pk: UUID) -> None:
    """Apply a message unless another process does or it is not due."""
    hook = InboundHook.claim(pk)
    if hook is not None:
        _apply(hook)


@usage.counted()
def look(pk: UUID) -> None:
    """Look at the approval that a message names, unless another thread does.

    Never inside a transaction. A system that cannot be read is asked again, a few times: what is
    missed then, the next poll or sweep finds.
    """
    hook = HintedHook.claim(pk)
    if hook is None:
        return
    if not hook.connection.enabled:
        hook.put_off(after=connecting.PUT_OFF)
        return
    try:
        record = _look(hook)
    except Exception as error:
        if not isinstance(error, ConnectorError | BadConfig):
            log.exception("hint.failed", hook=str(pk))
        _look_later(hook, str(error) or repr(error))
        return
    hook.write_outcome(
        next_attempt_at=None, applied_at=database_now(), record=record, last_error=""
    )


def _look_later(hook: InboundHook, error: str) -> None:
    if hook.attempts < MOST_LOOKS:
        hook.retry(after=min(timedelta(seconds=2**hook.attempts), LONGEST_PAUSE), error=error)
    else:
        hook.write_outcome(next_attempt_at=None, last_error=error[:2000])


def _look(hook: InboundHook) -> Record | None:
    """Keep the approval as it is now, and follow it up; None where nothing of it was ever here."""
    read_at = database_now()
    item = _looked_up(hook)
    if item is None:
        return None
    sync.keep(connection_id=hook.connection_id, items=[item], read_at=read_at)
    record = _known(hook, item.external_id)
    return record and sync.follow(record_id=record.pk)


def _looked_up(hook: InboundHook) -> Item | None:
    hint = posted.read(hook.connection, strict_json.read(hook.body.encode()))
    assert isinstance(hint, posted.Hint)
    try:
        return connecting.connector_for(hook.connection).get(hint.external_id)
    except Gone:
        known = _known(hook, hint.external_id)
        return connecting.gone(sync.item_of(known)) if known else None


def _known(hook: InboundHook, external_id: str) -> Record | None:
    rows = Record.objects.filter(connection=hook.connection_id, external_id=external_id)
    return rows.first()


def _apply(hook: InboundHook) -> None:
    try:
        item = posted.read(hook.connection, strict_json.read(hook.body.encode()))
        assert not isinstance(item, posted.Hint)
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
