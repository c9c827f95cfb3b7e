"""What waits is looked at one by one: some systems change or end an approval without a trace."""

from datetime import timedelta

import pytest

from approvals.models import Ask
from mirroring import sweeping
from mirroring.models import Connection, Poll
from tests.conftest import Clock
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import poll, record_of

pytestmark = pytest.mark.django_db


def test_what_is_gone_without_a_trace_is_found_by_the_sweep(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    ref = snow.open("12 laptops")
    poll(connection)
    snow.touch(ref, is_restricted=True)
    clock.move(minutes=13)
    poll(connection, sweep=True)
    record = record_of(connection, ref)
    assert record.status == "cancelled"
    assert record.ask is not None
    assert record.ask.status == "cancelled"
    # Since when, nobody knows: not since its last change.
    assert record.ask.cancel_reason == "Withdrawn in ServiceNow on Sun 22 Nov 2026, 10:13 UTC."


def test_when_nearly_all_is_gone_at_once_nothing_is_closed_until_staff_say_so(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    """mirroring.md §2.8: an account that has gone blind must not close everything."""
    for number in range(6):
        snow.touch(snow.open(f"Request {number}"), is_restricted=False)
    poll(connection)
    for ref in list(snow.table.rows):
        snow.touch(ref, is_restricted=True)
    clock.move(minutes=13)
    standing = poll(connection, sweep=True)
    assert Ask.objects.filter(status="open").count() == 6
    assert standing.warning.startswith("6 of 6 approvals that wait here are gone from the system")
    Poll.objects.update(accepts_missing=True)
    clock.move(minutes=13)
    standing = poll(connection, sweep=True)
    assert Ask.objects.filter(status="open").count() == 0
    assert (standing.warning, standing.accepts_missing) == ("", False)


def test_more_than_a_run_looks_at_are_looked_at_soon_with_half_of_the_budget(
    connection: Connection, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_MOST", 2)
    Connection.objects.update(requests_per_minute=120)
    refs = [snow.open(f"Request {number}", price="100.00") for number in range(5)]
    poll(connection)
    clock.move(minutes=13)
    snow.open("9 monitors")  # moves the next pass behind the others
    poll(connection)
    for ref in refs:  # their approvals do not show it
        snow.document_of(ref).price = "900.00"
    clock.move(minutes=13)
    for changed in (2, 4):
        standing = poll(connection, sweep=True)
        assert _changed() == changed
        assert standing.sweep_at == clock.now + timedelta(seconds=2)
        clock.move(seconds=2)
    standing = poll(connection, sweep=True)
    assert _changed() == 5
    assert clock.now + timedelta(minutes=10) < standing.sweep_at < clock.now + timedelta(minutes=14)


def _changed() -> int:
    return Ask.objects.filter(cancel_reason__contains="changed").count()
