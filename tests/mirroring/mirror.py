"""What tests of mirroring do over and over: polling, pushing, answering as an approver would."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from approvals.models import Ask
from mirroring import polling, push, sync, transitions
from mirroring.models import Connection, Poll, Push, Record
from tests.factories import answer as answer_ask
from tests.factories import evidence_of
from tracks.clock import database_now
from tracks.events import dispatch
from tracks.models import Dispatch, Workspace

LATER = timedelta(days=1)


def connect(workspace: Workspace, kind: str, config: dict[str, str], **more: Any) -> Connection:
    """Connect a workspace to a system, as staff do."""
    made = {"name": "Request Tracker", "kind": kind, "config": config, **more}
    return transitions.create_connection(workspace_id=workspace.pk, **made)[0]


def poll(connection: Connection, *, sweep: bool = False) -> Poll:
    """Let a connection be due now, and run it until its pass is over; return how it stands."""
    now = database_now()
    Poll.objects.filter(pk=connection.pk).update(
        delta_at=now,
        check_at=now + LATER,
        sweep_at=now if sweep else now + LATER,
        next_attempt_at=now,
    )
    for _ in range(1000):
        polling.run(connection.pk)
        standing = Poll.objects.get(pk=connection.pk)
        is_put_off = standing.next_attempt_at is None or standing.next_attempt_at > database_now()
        if standing.pass_started_at is None or is_put_off:
            return standing
    raise AssertionError("the pass has no end")


def consume() -> None:
    """Run the consumers of whatever has happened, as the committing process would have."""
    for event_id in list(Dispatch.objects.values_list("pk", flat=True)):
        Dispatch.objects.filter(pk=event_id).update(next_attempt_at=database_now())
        dispatch(event_id)


def follow_due() -> None:
    """Do what follows from every record of which something is due."""
    for pk in Record.due(limit=1000):
        sync.follow_due(pk)


def answer(record: Record, value: bool | str = True, **said: Any) -> Ask:
    """Answer the open ask of a record as its first approver."""
    record.refresh_from_db()
    assert record.ask is not None, (record.status, record.reason, record.last_error)
    ask = Ask.objects.select_related("track").get(pk=record.ask.pk)
    seat = ask.seats.select_related("approver")[0]
    answer_ask(ask, value, evidence=evidence_of(seat.approver), **said)
    consume()
    return ask


def push_due() -> list[Push]:
    """Carry out every decision, as if its time had come; return how they stand."""
    for pk in list(Push.objects.filter(next_attempt_at__isnull=False).values_list("pk", flat=True)):
        Push.objects.filter(pk=pk).update(next_attempt_at=database_now())
        push.carry_out(pk)
    return list(Push.objects.order_by("created_at", "pk"))


def keep_expired(connection_id: UUID | str, external_ids: Iterable[str]) -> None:
    """Let approvals have been mirrored, and have expired."""
    now = database_now()
    made = (
        Record(
            connection_id=connection_id,
            external_id=each,
            revision="1",
            status=Record.Status.EXPIRED,
            created_at=now,
            last_seen_at=now,
        )
        for each in external_ids
    )
    Record.objects.bulk_create(made, batch_size=2000)


def record_of(connection: Connection, external_id: str) -> Record:
    """Return a record by the system's own id."""
    return Record.objects.select_related("track", "ask", "connection").get(
        connection=connection, external_id=external_id
    )
