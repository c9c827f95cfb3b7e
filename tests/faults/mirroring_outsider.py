"""tests.outsider for installations that mirror: connects a system, and says what came of it."""

from collections import Counter
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.db.models import F  # noqa: E402

from approvals.models import Notification  # noqa: E402
from config.mailbox.models import Message  # noqa: E402
from mirroring.models import Connection, Poll, Push, Record  # noqa: E402
from tests.factories import answer  # noqa: E402
from tests.mirroring.mirror import connect  # noqa: E402
from tests.outsider import DOES, main  # noqa: E402
from tracks.clock import database_now  # noqa: E402
from tracks.management.commands.audit import Audit  # noqa: E402
from tracks.models import Dispatch, Event, Workspace  # noqa: E402
from tracks.work import poke  # noqa: E402

GENEROUS = 1_000_000  # requests a minute: no test waits for a budget


def connect_system(*, url: str, username: str, password: str) -> str:
    """Let a new workspace mirror a ServiceNow, and nobody else mirror anything."""
    Connection.objects.update(enabled=False)
    workspace = Workspace.objects.create(name=f"Mirrors {url}")
    config = {"base_url": url, "username": username}
    made = {"secrets": {"password": password}, "requests_per_minute": GENEROUS}
    return str(connect(workspace, "servicenow", config, **made).pk)


def poll(*, connection: str) -> None:
    """Let a connection be asked now what is new."""
    now = database_now()
    Poll.objects.filter(pk=connection).update(delta_at=now, next_attempt_at=now)
    wake()


def wake() -> None:
    """Wake the workers, as beat does."""
    poke("mirroring.tasks.work")


def lapse(*, seconds: float, since_sent: bool = False) -> None:
    """Let so much time pass for leases, and perhaps since a decision was sent."""
    passed = timedelta(seconds=seconds)
    for rows in (Poll, Record, Push, Dispatch, Notification):
        due = rows._default_manager.filter(next_attempt_at__isnull=False)
        due.update(next_attempt_at=F("next_attempt_at") - passed)
    if since_sent:
        Push.objects.update(sent_at=F("sent_at") - passed)


def is_passed(*, connection: str) -> bool:
    """Tell whether a pass has been over, and the run that ended it, too."""
    poll = Poll.objects.get(pk=connection)
    rests_until = min(poll.delta_at, poll.sweep_at, poll.check_at)
    is_over = poll.loaded_at is not None and poll.pass_started_at is None
    return is_over and poll.next_attempt_at == rests_until


def decide(*, connection: str, ref: str) -> None:
    """Approve a record as its approver."""
    record = Record.objects.select_related("ask").get(connection=connection, external_id=ref)
    assert record.ask is not None
    answer(record.ask)


def records(*, connection: str) -> dict[str, dict[str, Any]]:
    """Return what there is of each record, by the system's own id."""
    rows = Record.objects.filter(connection=connection).select_related("track")
    return {row.external_id: _described(row) for row in rows}


def _described(record: Record) -> dict[str, Any]:
    if record.track is None:
        return {"status": record.status, "events": {}, "mails": []}
    events = Event.objects.filter(track=record.track).exclude(type__startswith="step.")
    types = events.values_list("type", flat=True)
    sent = Message.objects.filter(text__contains=record.track.slug).order_by("pk")
    return {
        "status": record.status,
        "events": dict(Counter(types)),
        "mails": [f"{', '.join(mail.to)}: {mail.subject}" for mail in sent],
    }


def push(*, connection: str) -> dict[str, str]:
    """Return how the one decision stands, and what its last attempt came to."""
    made = Push.objects.get(record__connection=connection)
    return {"status": made.status, "what": made.history[-1]["what"] if made.history else ""}


def fault() -> str | None:
    """Return what is wrong with the chains of events, as `audit verify` finds it."""
    found = Audit().first_fault()
    return None if found is None else str(found)


DOES |= {
    each.__name__: each
    for each in (connect_system, poll, wake, lapse, is_passed, decide, records, push, fault)
}

if __name__ == "__main__":
    main()
