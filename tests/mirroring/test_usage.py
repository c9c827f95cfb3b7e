"""What was sent to a system is added up over all processes, and not written request by request."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from mirroring import looking, received, tasks, trying, usage
from mirroring.connectors.tally import Limit, Tally
from mirroring.dry_run import dry_run
from mirroring.models import Connection, InboundHook, RequestCount
from tests.conftest import Clock
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import answer, poll, push_due, record_of

pytestmark = pytest.mark.django_db


def sent_to(connection: Connection, clock: Clock) -> tuple[int, int]:
    """Return what was sent in the last minute and in the last hour."""
    found = usage.usage_of(connection, now=clock.now)
    return found.minute, found.hour


def a_process_sends(connection: Connection, count: int, tally: Tally | None = None) -> None:
    """Let one more process send so many requests, and write that down."""
    tally = tally or Tally()
    for _ in range(count):
        tally.count()
    usage._keep_safely(connection.pk, tally)


def test_every_request_is_counted_whatever_it_is_for(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    ref = snow.open("12 laptops")
    sent = []

    def has_sent() -> int:
        sent.append(sent_to(connection, clock)[1])
        assert sent[-1] == len(snow.requests)
        return sent[-1] - (sent[-2] if sent[1:] else 0)

    poll(connection)
    assert has_sent() > 0
    looking.look_now(record_of(connection, ref).pk)
    assert has_sent() > 0
    said, how = json.dumps({"external_id": ref}).encode(), InboundHook.Proof.SIGNATURE
    hint, _ = received.accept(connection, proof=how, webhook_id="msg_1", body=said, is_hint=True)
    received.look(hint.pk)
    assert has_sent() > 0
    answer(record_of(connection, ref))
    push_due()
    assert has_sent() > 0
    trying.test(connection)
    assert has_sent() > 0
    dry_run(connection, from_start=True)
    assert has_sent() > 0


def test_a_run_that_fails_has_sent_something_all_the_same(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    snow.faults.add(faults.SERVER_ERROR)
    poll(connection)
    assert sent_to(connection, clock) == (len(snow.requests), len(snow.requests)) == (1, 1)


def test_processes_add_to_one_row(connection: Connection, clock: Clock) -> None:
    a_process_sends(connection, 3)
    a_process_sends(connection, 4)
    assert sent_to(connection, clock) == (7, 7)
    assert RequestCount.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_lose_nothing(connection: Connection, clock: Clock) -> None:
    def write() -> None:
        try:
            for _ in range(5):
                a_process_sends(connection, 2)
        finally:
            database.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sent_to(connection, clock) == (40, 40)


def test_what_was_sent_is_written_once_and_not_each_time(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    with CaptureQueriesContext(database) as queries:
        a_process_sends(connection, 1000)
    assert len([each for each in queries if "requestcount" in each["sql"]]) == 2


def test_a_minute_and_an_hour_pass(connection: Connection, clock: Clock) -> None:
    a_process_sends(connection, 5)
    clock.move(seconds=45)
    a_process_sends(connection, 7)
    assert sent_to(connection, clock) == (12, 12)
    clock.move(seconds=15)
    assert sent_to(connection, clock) == (7, 12)
    clock.move(minutes=1)
    assert sent_to(connection, clock) == (0, 12)
    clock.move(minutes=58, seconds=30)
    assert sent_to(connection, clock) == (0, 7)
    clock.move(hours=1)
    assert sent_to(connection, clock) == (0, 0)


def test_what_was_sent_two_hours_ago_is_forgotten(connection: Connection, clock: Clock) -> None:
    a_process_sends(connection, 5)
    clock.move(hours=1, minutes=59)
    assert tasks.purge() == 0
    clock.move(minutes=2)
    assert tasks.purge() == 1
    assert not RequestCount.objects.exists()


def test_the_word_of_the_system_is_kept_until_it_says_another(
    connection: Connection, clock: Clock
) -> None:
    first = Tally()
    first.hear(Limit(remaining=40, most=100, resets_in=30.0), 90.0)
    a_process_sends(connection, 1, first)
    clock.move(minutes=5)
    second = Tally()
    second.hear(Limit(remaining=12), None)
    a_process_sends(connection, 1, second)
    a_process_sends(connection, 1)
    found = usage.usage_of(connection, now=clock.now)
    assert found.limit is not None
    assert (found.limit.remaining, found.limit.most, found.limit.resets_at) == (12, None, None)
    assert found.pause is not None
    assert found.pause.paused_until is not None
    ends = clock.now - timedelta(minutes=5) + timedelta(seconds=90)
    assert abs(found.pause.paused_until - ends) < timedelta(seconds=1)


def test_a_count_that_cannot_be_written_harms_nothing(
    connection: Connection, snow: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("no room")

    monkeypatch.setattr(usage, "_keep", fail)
    snow.open("12 laptops")
    assert poll(connection).failures == 0
    assert connection.records.count() == 1
