"""How loudly an approver is told of a record: at once, summed up, or not at all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog

from approvals import daily
from approvals.models import Ask
from approvals.opening import NewAsk, approvers_at
from mirroring.connectors.base import Connector, ConnectorError, Person, State
from mirroring.models import Connection, Record
from tracks.addresses import canonical_address

log = structlog.get_logger(__name__)

HOUR = timedelta(hours=1)


class Manner(StrEnum):
    """How loudly somebody is told."""

    AT_ONCE = "at_once"
    SUMMED_UP = "summed_up"
    SILENT = "silent"


def with_manners(record: Record, new: NewAsk, *, is_known: bool, now: datetime) -> NewAsk:
    """Return the ask as its connection's policy has it told.

    A first load tells nobody record by record: one digest when it is over does. Who has had as many
    mails within the hour as the connection allows gets a digest, too. `is_known`: the system shows
    that the approver has been told before.
    """
    connection, addresses = record.connection, new.approvers or []
    how = manner(connection, told=partial(told_lately, connection, addresses, now=now))
    if how == Manner.SILENT:
        return replace(new, notify=False)
    if _is_loading(connection) or is_known:
        return replace(new, is_quiet=True)
    if how == Manner.AT_ONCE:
        return new
    people = approvers_at(connection.workspace_id, addresses)
    daily.sum_up([each.pk for each in people], at=now + HOUR)
    return replace(new, is_quiet=True)


def manner(connection: Connection, *, told: Callable[[], int]) -> Manner:
    """Return how somebody is told, who has had as many mails within the hour as `told` returns."""
    if connection.notices == Connection.Notices.SILENT:
        return Manner.SILENT
    if _is_loading(connection) or connection.notices == Connection.Notices.DIGEST:
        return Manner.SUMMED_UP
    return Manner.SUMMED_UP if told() >= connection.notices_per_hour else Manner.AT_ONCE


def _is_loading(connection: Connection) -> bool:
    return connection.is_polled and connection.poll.is_loading


def told_lately(connection: Connection, addresses: list[str], *, now: datetime) -> int:
    """Return how many mails about single requests of a connection somebody had within the hour."""
    return Ask.objects.filter(
        created_at__gt=now - HOUR,
        is_quiet=False,
        notify=True,
        holders__approver__canonical__in=[canonical_address(each) for each in addresses],
        track__record__connection=connection,
    ).count()


def wants_mark(record: Record) -> bool:
    """Tell whether the system is to show that a record's approver is about to be told of it."""
    connection = record.connection
    is_new = record.state == State.PENDING and not record.asked
    is_loud = connection.notices == Connection.Notices.AT_ONCE and not _is_loading(connection)
    return is_new and is_loud and connection.leaves_marks


def leave_mark(connector: Connector, record: Record) -> bool:
    """Note in the system, once, who is asked; return whether they were told of it before.

    What is new here and has the note was told of by another Sayso, or by this one before its backup
    was restored. On a record that was here before, the note may be our own, left for somebody whose
    address was not known or by a worker that died. A system that cannot take the note delays
    nobody.
    """
    if not connector.capabilities().note_once:
        return False
    marker = f"sayso-asked-{record.material_digest[:16]}"
    people = ", ".join(str(Person(**each)) for each in record.seen.get("approvers", []))
    try:
        was_there = not connector.note(record.external_id, f"Sayso asks {people}.", marker)
    except ConnectorError as error:
        log.warning("mark.failed", record=record.public_id, error=str(error))
        return False
    return was_there and record.created_at == record.last_seen_at


def sum_up_first_load(connection: Connection, *, now: datetime) -> None:
    """Let one digest tell everybody what a first load has brought them."""
    if connection.notices == Connection.Notices.SILENT:
        return
    waiting = Record.objects.filter(connection=connection, status__in=Record.WAITING)
    people = waiting.values_list("ask__holders__approver", flat=True).distinct().order_by()
    daily.sum_up([pk for pk in people if pk is not None], at=now)
