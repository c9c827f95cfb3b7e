"""What became of the asks of records: written on the records, and answers on their way back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from approvals.models import Ask
from approvals.receipts import label
from mirroring import push, telling, transitions
from mirroring.models import Record
from tracks.clock import database_now
from tracks.events import listens_to
from tracks.ids import known_id
from tracks.models import Event

ENDS = {
    "input_request.timeout": Record.Status.EXPIRED,
    "input_request.cancelled": Record.Status.CANCELLED,
}


@listens_to("input_request.answered", *ENDS)
def on_events(events: Sequence[Event]) -> None:
    """Write on records how their asks ended, and plan to write answers back to their systems."""
    for event in events:
        _ended(event)


def _ended(event: Event) -> None:
    if event.data is None:
        return
    ask_id = known_id("ask", event.data["ask_id"])
    if event.data.get("escalated_to"):
        successor = known_id("ask", event.data["escalated_to"])
        transitions.move_record(ask_id=ask_id, successor_id=successor)
    elif event.type == "input_request.answered":
        _answered(event, ask_id)
    else:
        transitions.settle_record(ask_id=ask_id, status=ENDS[event.type], now=database_now())


def _answered(event: Event, ask_id: UUID) -> None:
    records = Record.objects.select_for_update(of=("self",), no_key=True)
    waiting = records.filter(ask_id=ask_id, status__in=Record.WAITING)
    record = waiting.select_related("connection", "ask", "track").first()
    if record is None or event.data is None or record.ask is None:
        return
    now = database_now()
    value = event.data["value"]
    if record.connection.is_polled:
        push.plan(record, event, now=now)
        status = Record.Status.DECIDING
    else:
        status = Record.Status.REJECTED if value is False else Record.Status.APPROVED
    transitions.settle_record(ask_id=ask_id, status=status, now=now)
    # Whoever has the link reads the step: it names nobody.
    by = " by the people who run Sayso" if event.data.get("overridden") else ""
    telling.decided(record, f"{_word(record.ask, value)}{by}")


def _word(ask: Ask, value: Any) -> str:
    if isinstance(value, bool):
        return "Approved" if value else "Denied"
    return label(ask, value)
