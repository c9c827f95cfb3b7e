"""Every change of connections, records and what was posted. The only module that writes a status.

Lock order: Connection, then what approvals and tracks lock.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from config.crypto import new_secret
from config.errors import DomainError
from mirroring.items import Item
from mirroring.models import Connection, ConnectionSecret, Record
from tracks.clock import database_now
from tracks.ids import random_base62
from tracks.transactions import transition

SECRET_PREFIX = "whsec_"  # noqa: S105  of Standard Webhooks
TOKEN_PREFIX, TOKEN_LENGTH = "cbt_", 43
UNSIGNED_EVERY = timedelta(seconds=10)
OVERLAP = timedelta(days=1)


class ConnectionNameTaken(DomainError):
    code, status = "name_taken", 409
    title = "The workspace has a connection of this name."


@transition
def create_connection(
    *, workspace_id: UUID, name: str, kind: str = Connection.Kind.PUSH
) -> tuple[Connection, str]:
    """Make a connection and return it with its signing secret."""
    if Connection.objects.filter(workspace_id=workspace_id, name=name).exists():
        raise ConnectionNameTaken()
    now = database_now()
    connection = Connection.objects.create(
        workspace_id=workspace_id, name=name, kind=kind, created_at=now
    )
    return connection, add_secret(connection, now=now)


def add_secret(connection: Connection, *, now: datetime) -> str:
    """Give a connection its first or next current secret."""
    key = new_secret(SECRET_PREFIX)
    ConnectionSecret.objects.create(connection=connection, key=key, created_at=now)
    return key


@transition
def rotate_secret(*, connection_id: UUID, overlap: timedelta) -> str:
    """Replace the secret; earlier ones are accepted for at most the overlap."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
    now = database_now()
    end = now + overlap
    connection.secrets.filter(expires_at__gt=end).update(expires_at=end)
    connection.secrets.filter(expires_at=None).update(expires_at=end)
    connection.secrets.filter(expires_at__lte=now).delete()
    return add_secret(connection, now=now)


def set_bearer_token(connection: Connection) -> str:
    """Let a connection's sender come in with a bearer token, too; the one before ends."""
    token = TOKEN_PREFIX + random_base62(TOKEN_LENGTH)
    connection.bearer_hash = token_hash(token)
    connection.save(update_fields=["bearer_hash"])
    return token


def token_hash(token: str) -> str:
    """Return what is stored of a bearer token."""
    return hashlib.sha256(token.encode()).hexdigest()


def take_unsigned_turn(connection: Connection) -> bool:
    """Count an unsigned message; False when there was one within the last ten seconds."""
    now = database_now()
    rows = Connection.objects.filter(pk=connection.pk)
    free = rows.filter(unsigned_at=None) | rows.filter(unsigned_at__lte=now - UNSIGNED_EVERY)
    return free.update(unsigned_at=now) == 1


def new_record(connection: Connection, item: Item, *, now: datetime) -> Record:
    """Return the record of an approval that was not here before, not written yet."""
    return Record(connection=connection, external_id=item.external_id, created_at=now)


def write_record(record: Record, item: Item, *, now: datetime, **fields: Any) -> Record:
    """Write what an approval looks like now, and what came of it here."""
    record.revision, record.last_seen_at = item.revision, now
    record.approvers, record.requester, record.url = [item.approver], item.requester, item.url
    for name, value in fields.items():
        setattr(record, name, value)
    record.save()
    return record


def move_record(*, ask_id: UUID, successor_id: UUID) -> None:
    """Let a waiting record wait for the ask that has taken over."""
    waiting = Record.objects.filter(ask_id=ask_id, status=Record.Status.PENDING)
    waiting.update(ask_id=successor_id)


def settle_record(*, ask_id: UUID, status: Record.Status) -> bool:
    """Write how the ask of a waiting record ended; False if no record waits for it."""
    waiting = Record.objects.filter(ask_id=ask_id, status=Record.Status.PENDING)
    return waiting.update(status=status) == 1
