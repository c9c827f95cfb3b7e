"""Every change of connections, records and pushes. The only module that writes a status.

Lock order: Connection, Poll, Record, Push, then what approvals and tracks lock.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from config.crypto import new_secret
from config.errors import DomainError
from mirroring import seen
from mirroring.connectors.base import Item
from mirroring.models import PUSH, Alert, Connection, ConnectionSecret, Identity, Poll, Push, Record
from tracks.clock import database_now
from tracks.ids import random_base62
from tracks.transactions import transition
from tracks.work import poke_after_commit

SECRET_PREFIX = "whsec_"  # noqa: S105  of Standard Webhooks
TOKEN_PREFIX, TOKEN_LENGTH = "cbt_", 43
UNSIGNED_EVERY = timedelta(seconds=10)
OVERLAP = timedelta(days=1)
ASKED_ANEW = "It was asked anew before this could be written."
LONGEST_HISTORY = 50  # of what attempts to write a decision back came to


class ConnectionNameTaken(DomainError):
    code, status = "name_taken", 409
    title = "The workspace has a connection of this name."


class PushNotStuck(DomainError):
    code, status = "push_not_stuck", 409
    title = "The decision is on its way, or there is nothing left to write."


# -- connections -----------------------------------------------------------------------------------


@transition
def create_connection(
    *,
    workspace_id: UUID,
    name: str,
    kind: str = PUSH,
    config: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    **settings: Any,
) -> tuple[Connection, str]:
    """Make a connection and return it with the secret that its inbound webhooks are signed with.

    `config` and `secrets` are what its connector is told, checked by the caller; `settings` are
    fields of the connection.
    """
    if Connection.objects.filter(workspace_id=workspace_id, name=name).exists():
        raise ConnectionNameTaken()
    now = database_now()
    connection = Connection(
        workspace_id=workspace_id,
        name=name,
        kind=kind,
        config=dict(config or {}),
        created_at=now,
        **settings,
    )
    connection.seal(secrets or {})
    connection.save(force_insert=True)
    begin_polling(connection, now=now)
    return connection, add_secret(connection, now=now)


def begin_polling(connection: Connection, *, now: datetime) -> None:
    """Let a connection with a connector be polled from now on; again is harmless."""
    if connection.is_polled:
        Poll.objects.get_or_create(
            connection=connection,
            defaults={"delta_at": now, "sweep_at": now, "check_at": now, "next_attempt_at": now},
        )


@transition
def pause_polling(poll: Poll, *, reason: str, now: datetime, **fields: Any) -> None:
    """Stop polling until somebody has looked, and tell them; the caller's lease is still good."""
    paused = {"paused_at": now, "pause_reason": reason}
    if not poll.write_outcome(**fields | paused | {"next_attempt_at": None}):
        return
    alert = Alert.objects.create(
        connection_id=poll.pk, reason=reason, created_at=now, next_attempt_at=now
    )
    poke_after_commit("mirroring.tasks.send_alert", str(alert.pk))


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


# -- records ---------------------------------------------------------------------------------------


def new_record(connection: Connection, item: Item, *, now: datetime) -> Record:
    """Return the record of an approval that was not here before, not written yet."""
    record = Record(connection=connection, external_id=item.external_id, created_at=now)
    take_in(record, item, now=now)
    return record


def take_in(record: Record, item: Item, *, now: datetime) -> None:
    """Put what the system says now on a record, to be followed up. Writes nothing yet.

    Born claimed, as a dispatch is: whoever stores it follows it up straight after the commit, and
    the sweep does what a dead process left.
    """
    record.revision, record.state = item.revision, item.state.value
    record.material_digest, record.seen = item.material_digest, seen.to_json(item)
    record.requester = item.requester.email if item.requester else None
    record.url, record.last_seen_at = item.url, now
    record.next_attempt_at = now + Record.LEASE


TAKEN_IN = (
    *("revision", "state", "material_digest", "seen", "requester", "url", "last_seen_at"),
    *("looked_at", "next_attempt_at"),
)


def write_followed(record: Record, *, now: datetime, **fields: Any) -> Record:
    """Write what came of a record that was followed up; nothing is left to do about it."""
    fields = {"next_attempt_at": None, "attempts": 0, "last_error": ""} | fields
    if "status" in fields:
        is_settled = fields["status"] not in Record.UNSETTLED
        fields["settled_at"] = (record.settled_at or now) if is_settled else None
    for name, value in fields.items():
        setattr(record, name, value)
    record.save(update_fields=list(fields))
    return record


def move_record(*, ask_id: UUID, successor_id: UUID) -> None:
    """Let a waiting record wait for the ask that has taken over."""
    waiting = Record.objects.filter(ask_id=ask_id, status__in=Record.WAITING)
    waiting.update(ask_id=successor_id)


def settle_record(*, ask_id: UUID, status: Record.Status, now: datetime) -> bool:
    """Write how the ask of a waiting record ended; False if no record waits for it.

    What changed in the system while it was asked is followed up after that.
    """
    waiting = Record.objects.filter(ask_id=ask_id, status__in=Record.WAITING)
    settled_at = None if status in Record.UNSETTLED else now
    if waiting.update(status=status, settled_at=settled_at) == 0:
        return False
    moved_on = Record.objects.filter(~Q(asked_digest=F("material_digest")), ask_id=ask_id)
    moved_on.update(next_attempt_at=now)
    return True


@transition
def name_address(identity: Identity, address: str) -> int:
    """Say who somebody is whom the system names without an address; return how many waited for it.

    The address is checked by the caller.
    """
    identity.address = address
    identity.save(update_fields=["address"])
    now, named = database_now(), []
    waiting = Record.objects.filter(
        connection=identity.connection_id,
        status__in=(Record.Status.NEEDS_HUMAN, *Record.WAITING),
    )
    for record in waiting.select_for_update(no_key=True).order_by("pk"):
        if _fill_in(record.seen, identity):
            record.requester = (record.seen.get("requester") or {}).get("email")
            record.next_attempt_at = now
            named.append(record)
    Record.objects.bulk_update(named, ["seen", "requester", "next_attempt_at"])
    poke_after_commit("mirroring.tasks.work")
    return len(named)


def _fill_in(said: dict[str, Any], identity: Identity) -> bool:
    """Put an address beside somebody's id; tell whether that says anything new."""
    people = [*said.get("approvers", []), *filter(None, [said.get("requester")])]
    new = {"email": identity.address}
    unnamed = [each for each in people if each["id"] == identity.external_id and each | new != each]
    for each in unnamed:
        each.update(new)
    return bool(unnamed)


# -- pushes ----------------------------------------------------------------------------------------


def plan_push(record: Record, **decision: Any) -> Push:
    """Write down that a decision is to be written back; planned twice it is one."""
    push, _ = Push.objects.get_or_create(ask=record.ask, defaults={"record": record, **decision})
    return push


def write_push(
    push: Push, status: Push.Status, *, now: datetime, what: str, **outcome: Any
) -> bool:
    """Write what an attempt came to; False if the lease ran out and another worker took over."""
    entry = {"at": now.isoformat(), "what": what, "detail": outcome.get("last_error", "")}
    push.history = [*push.history, entry][-LONGEST_HISTORY:]
    if not push.write_outcome(status=status, history=push.history, **outcome):
        return False
    push.status = status
    for name, value in outcome.items():
        setattr(push, name, value)
    return True


def write_decided(
    record: Record, *, status: Record.Status, now: datetime, reason: str = ""
) -> None:
    """Write what became of a record's decision. Should the system open it again, it is asked again.

    The row is locked by the caller.
    """
    record.status, record.reason, record.asked_digest = status, reason, ""
    record.settled_at = None if status in Record.UNSETTLED else now
    record.save(update_fields=["status", "reason", "asked_digest", "settled_at"])


def hold_decided(record: Record, *, reason: str) -> None:
    """Keep a decided record for a person. The row is locked by the caller."""
    record.status, record.reason = Record.Status.NEEDS_HUMAN, reason
    record.save(update_fields=["status", "reason"])


def give_up_stuck(record: Record) -> None:
    """Write back nothing more of earlier answers: the record's question is asked anew.

    The row is locked by the caller.
    """
    stuck = Push.objects.filter(record=record, status=Push.Status.NEEDS_HUMAN)
    stuck.update(status=Push.Status.CHANGED, next_attempt_at=None, last_error=ASKED_ANEW)


@transition
def push_again(push: Push) -> None:
    """Try once more to write back what a system would not take."""
    record = Record.objects.select_for_update(no_key=True).get(pk=push.record_id)
    now = database_now()
    stuck = Push.objects.filter(pk=push.pk, status=Push.Status.NEEDS_HUMAN)
    if not stuck.update(status=Push.Status.PENDING, next_attempt_at=now, attempts=0):
        raise PushNotStuck()
    if record.ask_id == push.ask_id:
        record.status, record.reason = Record.Status.DECIDING, ""
        record.save(update_fields=["status", "reason"])
    poke_after_commit("mirroring.tasks.work")


def hurry_pushes(connection: Connection, *, now: datetime) -> int:
    """Try at once what waits for a system that is back; return how much that is.

    What is due within a lease may be in a worker's hands; it comes soon enough.
    """
    waiting = Push.objects.filter(record__connection=connection, status=Push.Status.PENDING)
    return waiting.filter(next_attempt_at__gt=now + Push.LEASE).update(next_attempt_at=now)


def due_again(record_ids: Sequence[UUID], *, now: datetime) -> int:
    """Let records be followed up anew, as when staff have mended what was wrong."""
    return Record.objects.filter(pk__in=record_ids).update(next_attempt_at=now)
