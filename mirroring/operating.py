"""What staff, agents and commands do with a connection and its records.

All but a look leave it to the next run to talk to the system. Each is harmless when done twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Least

from mirroring import looking, standing, sync, transitions
from mirroring.connection_form import SETTINGS
from mirroring.connectors.base import BadConfig, ConnectorError, State
from mirroring.connectors.rewinding import back_to
from mirroring.models import Connection, Identity, Poll, Push, Record
from mirroring.refusals import (
    ConnectionDisabled,
    ConnectionPaused,
    NothingToAsk,
    NotPolled,
    SystemFailed,
)
from tracks.actors import Actor
from tracks.clock import database_now, rfc3339
from tracks.entries import note
from tracks.transactions import transition
from tracks.work import poke_after_commit

WORK = "mirroring.tasks.work"
# Nobody is asked of these any more, and the system may wait all the same.
ASKED_AGAIN = (Record.Status.EXPIRED, Record.Status.CANCELLED, Record.Status.NEEDS_HUMAN)


@transition
def poll_now(connection: Connection, *, actor: Actor, reason: str = "") -> str:
    """Let the system be asked what is new at once, whenever that was due."""
    refuse_unless_polled(connection)
    now = database_now()
    _make_due(connection.pk, now, delta_at=now)
    _note(connection, "polled", actor=actor, at=now, reason=reason)
    return "It is asked what is new."


def refuse_unless_polled(connection: Connection) -> None:
    """Raise the refusal that says why a connection is not polled right now."""
    poll = standing.poll_of(connection)
    if poll is None:
        raise NotPolled()
    if not connection.enabled:
        raise ConnectionDisabled()
    if poll.paused_at is not None:
        raise ConnectionPaused(f"The connection is paused: {poll.pause_reason}")


@transition
def rewind(
    connection: Connection, *, actor: Actor, reason: str, since: datetime | None = None
) -> str:
    """Let the next pass begin anew, at the start or with what has changed since a time.

    What is known already changes nothing. Only systems that are read by time know one; the others
    begin at the start, as does a pass that is on its way from there.
    """
    refuse_unless_polled(connection)
    now = database_now()
    polls = Poll.objects.filter(pk=connection.pk)
    row = polls.select_for_update().get()
    cursor = None if since is None else back_to(since, row.cursor)
    # Whoever is reading right now loses the row, and does not write its cursor over this one.
    anew = {"cursor": cursor, "pass_started_at": None, "pass_count": 0}
    polls.update(**anew, delta_at=now, next_attempt_at=now, attempts=F("attempts") + 1)
    poke_after_commit(WORK, str(connection.pk))
    said = {} if since is None else {"since": rfc3339(since)}
    _note(connection, "rewound", actor=actor, at=now, reason=reason, **said)
    if since is None or cursor is None:
        return "The next pass begins anew, at the start."
    return f"The next pass reads what has changed since {since:%Y-%m-%d %H:%M:%S} {since.tzinfo}."


@transition
def pause(connection: Connection, *, actor: Actor, reason: str) -> str:
    """Stop polling until somebody resumes it. Answers are kept, and still written back."""
    if standing.poll_of(connection) is None:
        raise NotPolled()
    now = database_now()
    running = Poll.objects.filter(pk=connection.pk, paused_at=None)
    # Whoever is reading right now loses the row: `attempts` is the token of the lease.
    paused = running.update(
        paused_at=now, pause_reason=reason, next_attempt_at=None, attempts=F("attempts") + 1
    )
    if paused:
        _note(connection, "paused", actor=actor, at=now, reason=reason)
    return "It is paused."


@transition
def resume(connection: Connection, *, actor: Actor, reason: str = "") -> str:
    """Poll again, at once, and write back what waits: whatever was wrong is mended."""
    if standing.poll_of(connection) is None:
        raise NotPolled()
    now = database_now()
    mended = {"paused_at": None, "pause_reason": "", "failures": 0, "last_error": ""}
    _make_due(connection.pk, now, delta_at=now, check_at=now, **mended)
    transitions.hurry_pushes(connection, now=now)
    _note(connection, "resumed", actor=actor, at=now, reason=reason)
    return "It is polled again."


@transition
def accept_missing(connection: Connection, *, actor: Actor, reason: str = "") -> str:
    """Say that what is gone from the system is really gone: the next sweep closes it."""
    refuse_unless_polled(connection)
    now = database_now()
    # What was held is looked at once more, however short ago that was.
    Record.objects.filter(connection=connection, status__in=Record.UNSETTLED).update(looked_at=None)
    _make_due(connection.pk, now, sweep_at=now, accepts_missing=True)
    _note(connection, "missing_accepted", actor=actor, at=now, reason=reason)
    return "What is gone will be closed."


@transition
def go_live(connection: Connection, *, notices: str, actor: Actor, reason: str) -> str:
    """End the shadow mode: approvers are told of what comes from now on."""
    now = database_now()
    Connection.objects.filter(pk=connection.pk).update(notices=notices)
    _note(connection, "went_live", actor=actor, at=now, reason=reason, notices=notices)
    return "Approvers are told of what comes from now on."


@transition
def shadow(connection: Connection, *, actor: Actor, reason: str) -> str:
    """Let what comes in from now on wait in queues without a word to anybody."""
    now = database_now()
    Connection.objects.filter(pk=connection.pk).update(notices=Connection.Notices.SILENT)
    _note(connection, "shadowed", actor=actor, at=now, reason=reason)
    return "Nobody is told of what comes in from now on."


@transition
def change(
    connection: Connection,
    *,
    config: Mapping[str, str],
    secrets: Mapping[str, str],
    changed: Sequence[str],
    actor: Actor,
) -> None:
    """Keep changed settings; `changed` names them for the log.

    A poll that rests begins at once, and so does what is to be written back.
    """
    connection.config = dict(config)
    connection.seal(secrets)
    connection.save(update_fields=[*SETTINGS, "config", "sealed_config"])
    now = database_now()
    transitions.begin_polling(connection, now=now)
    poll = standing.poll_of(connection)
    if poll is not None and connection.enabled and poll.paused_at is None:
        _make_due(connection.pk, now, delta_at=now, check_at=now)
        transitions.hurry_pushes(connection, now=now)
    _note(connection, "changed", actor=actor, at=now, reason="", fields=list(changed))


# -- records ---------------------------------------------------------------------------------------


@transition
def retry_push(record: Record, *, actor: Actor, reason: str) -> str:
    """Try once more to write back a decision that the system would not take."""
    push = held_push(sync.lock(record.pk))
    if push is None:
        raise transitions.PushNotStuck()
    transitions.push_again(push)
    _note_record(record, "push_retried", actor=actor, at=database_now(), reason=reason)
    return "It is written back again."


def held_push(record: Record) -> Push | None:
    """Return the decision of a record that its system would not take, if staff have to see to it.

    Once somebody is asked again, it is theirs that counts.
    """
    if record.status != Record.Status.NEEDS_HUMAN:
        return None
    return record.pushes.filter(ask=record.ask_id, status=Push.Status.NEEDS_HUMAN).first()


@transition
def ask_again(record: Record, *, actor: Actor, reason: str) -> str:
    """Ask anew about an approval that waits there and of which nobody is asked here."""
    record = sync.lock(record.pk)
    if not can_ask_again(record):
        raise NothingToAsk()
    now = database_now()
    record.asked_digest, record.next_attempt_at = "", now
    record.save(update_fields=["asked_digest", "next_attempt_at"])
    record = sync.follow(record_id=record.pk)
    _note_record(record, "asked_again", actor=actor, at=now, reason=reason)
    if record.status == Record.Status.NEEDS_HUMAN:
        return f"It cannot be asked: {record.reason}"
    return f"{', '.join(record.approvers)} is asked."


def can_ask_again(record: Record) -> bool:
    """Tell whether an approval waits in its system, and nobody is asked about it here."""
    return record.state == State.PENDING and record.status in ASKED_AGAIN


def look_again(record: Record, *, actor: Actor, reason: str) -> str:
    """Read one approval as it is now; never inside a transaction."""
    if not record.connection.is_polled:
        raise NotPolled()
    if not record.connection.enabled:
        raise ConnectionDisabled()
    try:
        seen = looking.look_now(record.pk)
    except (ConnectorError, BadConfig) as error:
        raise SystemFailed(error) from None
    _note_record(seen, "looked_at", actor=actor, at=database_now(), reason=reason)
    return f"The system says: {seen.state}. Its status here: {seen.get_status_display()}."


def _note_record(record: Record, what: str, *, actor: Actor, at: datetime, reason: str) -> None:
    workspace_id = record.connection.workspace_id
    type, subject = f"record.{what}", record.public_id
    note(workspace_id, type, subject=subject, actor=actor, at=at, reason=reason)


@transition
def name_address(identity: Identity, *, address: str, actor: Actor, reason: str) -> str:
    """Say who somebody is whom the system names without an address."""
    waiting = transitions.name_address(identity, address)
    # The log says who was named, and not their address: it is kept longer than people are.
    said = {"external_id": identity.external_id, "waiting": waiting}
    _note(
        identity.connection, "person_named", actor=actor, at=database_now(), reason=reason, **said
    )
    return f"{waiting} waiting approval{'' if waiting == 1 else 's'} followed up."


# -- rows ------------------------------------------------------------------------------------------


def _make_due(pk: UUID, now: datetime, **fields: Any) -> None:
    """Change when jobs are due, and wake a poll that rests. One that runs sees to them itself."""
    rests = Q(next_attempt_at=None) | Q(next_attempt_at=Least("delta_at", "sweep_at", "check_at"))
    polls = Poll.objects.filter(pk=pk)
    if not polls.filter(rests).update(**fields, next_attempt_at=now):
        polls.update(**fields)
    poke_after_commit(WORK, str(pk))


def _note(
    connection: Connection, what: str, *, actor: Actor, at: datetime, reason: str, **data: Any
) -> None:
    said = {**data, "reason": reason} if reason else data
    note(
        connection.workspace_id,
        f"connection.{what}",
        subject=connection.public_id,
        actor=actor,
        at=at,
        **said,
    )
