"""Polls, looks, hooks, answers and pushes that meet at one record: each thing happens once.

Two locks are not raced for, because something else stands behind them. The order in which store()
locks records spares deadlocks that would be tried again. An answer that finds its record while a
poll follows it up (answers.py) is planned once by the key of its push.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection as database

from approvals.models import Ask
from config.errors import DomainError
from mirroring import claimed, looking, polling, push, sync, transitions
from mirroring.connectors import connect
from mirroring.connectors.base import Item
from mirroring.connectors.servicenow import ServiceNow as ServiceNowConnector
from mirroring.models import Connection, Identity, Poll, Push, Record
from tests.factories import WorkspaceFactory, kinds
from tests.factories import answer as answer_ask
from tests.faults.racing import PATIENCE, at_once_in_database
from tests.mirroring.conftest import connect_to
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import poll
from tests.waiting.raw import until
from tracks.clock import database_now

pytestmark = pytest.mark.postgresql

OURS = "sayso.integration"
TIMES = 5


@pytest.fixture
def snow(shared_database: None, settings: Any) -> Iterator[ServiceNow]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.EVENT_CONSUMERS = ["mirroring.answers.on_events"]
    with contextlib.closing(ServiceNow()) as system:
        yield system


@pytest.fixture
def connection(snow: ServiceNow) -> Connection:
    return connect_to(snow, WorkspaceFactory())


def items(connection: Connection) -> list[Item]:
    page = connect(connection.kind, connection.whole_config).list(None, 100)
    return list(page.items)


def due(connection: Connection) -> None:
    now = database_now()
    Poll.objects.filter(pk=connection.pk).update(next_attempt_at=now, delta_at=now, sweep_at=now)


class Held:
    """The first call of a function, held once it has come to its result.

    The next to come along goes before it, until it is done or waits for the first.
    """

    def __init__(self, patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self._is_held, self._is_over = threading.Event(), threading.Event()
        self._function, self._first = getattr(owner, name), iter([True])
        patch.setattr(owner, name, lambda *args, **said: self._call(*args, **said))

    def _call(self, *args: Any, **said: Any) -> Any:
        result = self._function(*args, **said)
        if next(self._first, False):
            self._is_held.set()
            until(lambda: self._is_over.is_set() or somebody_waits(), within=PATIENCE)
        return result

    def overtake(self, *calls: Callable[[], Any]) -> None:
        """Do something while the first is held."""
        assert self._is_held.wait(PATIENCE)
        try:
            for call in calls:
                call()
        finally:
            self._is_over.set()


def somebody_waits() -> bool:
    """Tell whether another transaction waits for this one.

    Not by pg_stat_activity: a transaction sees that as it was when first asked, which is before
    whoever comes later has connected.
    """
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def no_failure(results: list[Any]) -> None:
    failures = [each for each in results if isinstance(each, Exception)]
    assert not [each for each in failures if not isinstance(each, DomainError)], failures


def asked_once(count: int) -> None:
    assert (Record.objects.count(), Ask.objects.filter(status="open").count()) == (count, count)
    assert Ask.objects.count() == count


def test_of_four_pollers_one_reads(connection: Connection, snow: ServiceNow) -> None:
    for number in range(5):
        snow.open(f"Request {number}")
    no_failure(at_once_in_database(*[partial(polling.run, connection.pk)] * 4))
    asked_once(5)
    assert sum("sysparm_query=state" in each and "limit=100" in each for each in snow.requests) == 1


def test_a_poller_whose_lease_ran_out_stores_nothing(
    connection: Connection, snow: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read its page when another comes along, to which the system says otherwise."""
    ref = snow.open("12 laptops", price="100.00")
    slow = Poll.claim(connection.pk)
    assert slow is not None
    slow.connection = connection
    held = Held(monkeypatch, ServiceNowConnector, "list")

    def change() -> None:
        snow.document_of(ref).price = "900.00"
        snow.touch(ref)
        due(connection)

    overtaking = partial(held.overtake, change, partial(polling.run, connection.pk))
    late, _ = at_once_in_database(polling.Poller(slow).delta, overtaking)
    assert isinstance(late, claimed.Overtaken)
    assert Record.objects.get().seen["amount"] == "900.00"
    asked_once(1)


def test_what_was_read_earlier_and_is_stored_meanwhile_is_no_last_word(
    connection: Connection, snow: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two store at once what they read, the later one by a look at the one approval."""
    snow.open("12 laptops", price="100.00")
    poll(connection)
    (item,) = items(connection)
    read_at = database_now()
    early = replace(item, revision="2", title="13 laptops")
    late = replace(item, revision="3", title="14 laptops")
    held = Held(monkeypatch, sync, "_lock")

    def keep(item: Item, after: int) -> None:
        at = read_at + timedelta(milliseconds=after)
        sync.keep(connection_id=connection.pk, items=[item], read_at=at)

    overtaking = partial(held.overtake, partial(keep, late, 2))
    assert at_once_in_database(partial(keep, early, 1), overtaking) == [None, None]
    assert Record.objects.get().title == "14 laptops"


def test_the_same_page_stored_by_several_is_stored_once(
    connection: Connection, snow: ServiceNow
) -> None:
    for number in range(20):
        snow.open(f"Request {number}")
    page = items(connection)
    keeping = [
        partial(sync.keep, connection_id=connection.pk, items=page),
        partial(sync.keep, connection_id=connection.pk, items=page[::-1]),
    ]
    no_failure(at_once_in_database(*keeping * 2))
    pks = list(Record.objects.values_list("pk", flat=True))
    no_failure(at_once_in_database(*[partial(sync.follow_together, pks)] * 3))
    asked_once(20)


def test_a_poll_and_messages_bring_one_record_once(
    connection: Connection, snow: ServiceNow
) -> None:
    for number in range(TIMES):
        snow.open(f"Request {number}")
        (item,) = (each for each in items(connection) if each.title == f"Request {number}")
        due(connection)
        applying = partial(sync.apply, connection_id=connection.pk, item=item)
        no_failure(at_once_in_database(applying, partial(polling.run, connection.pk), applying))
    asked_once(TIMES)


def settled(record: Record) -> None:
    """Let everything come to its end."""
    for _ in range(3):
        now = database_now()
        Push.objects.exclude(next_attempt_at=None).update(next_attempt_at=now)
        Record.objects.exclude(next_attempt_at=None).update(next_attempt_at=now)
        for pk in Push.due(limit=10):
            push.carry_out(pk)
        for pk in Record.due(limit=10):
            sync.follow_due(pk)
    record.refresh_from_db()
    assert record.next_attempt_at is None


def test_an_answer_meets_a_decision_made_there(connection: Connection, snow: ServiceNow) -> None:
    poll(connection)
    for number in range(TIMES):
        ref = snow.open(f"Request {number}")
        poll(connection)
        record = Record.objects.select_related("ask__track").get(external_id=ref)
        assert record.ask is not None
        snow.decide(ref, "rejected", by="bob")
        due(connection)
        results = at_once_in_database(
            partial(answer_ask, record.ask, True),
            partial(polling.run, connection.pk),
            partial(looking.look_now, record.pk),
        )
        no_failure(results)
        settled(record)
        assert (record.status, len(snow.decisions[ref])) == ("rejected", 1)
        record.ask.refresh_from_db()
        pushes = list(Push.objects.filter(record=record).values_list("status", flat=True))
        assert (record.ask.status, pushes) in (("cancelled", []), ("answered", ["stale"]))


def test_a_worker_whose_lease_ran_out_writes_no_decision(
    connection: Connection, snow: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has looked when another comes along, and would send what that one has sent."""
    poll(connection)
    ref = snow.open("12 laptops")
    poll(connection)
    record = Record.objects.select_related("ask__track", "track").get()
    assert record.ask is not None
    assert record.track is not None
    answer_ask(record.ask, True)
    (made,) = Push.objects.all()
    held = Held(monkeypatch, ServiceNowConnector, "get")
    lapse = partial(Push.objects.update, next_attempt_at=database_now())
    carrying = partial(push.carry_out, made.pk)
    assert at_once_in_database(carrying, partial(held.overtake, lapse, carrying)) == [None, None]
    settled(record)
    assert [each.by for each in snow.decisions[ref]] == [OURS]
    assert kinds(record.track).count("record.confirmed") == 1


def test_an_address_becomes_known_while_it_is_polled(
    connection: Connection, snow: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever fills it in has read the record when a poll brings another title."""
    who = snow.user("dan", "Dan", "")
    ref = snow.open("12 laptops", approver=who)
    poll(connection)
    held = Held(monkeypatch, transitions, "_fill_in")

    def change() -> None:
        snow.document_of(ref).short_description = "13 laptops"
        snow.touch(ref)
        due(connection)

    identity = Identity.objects.get(external_id=who)
    naming = partial(transitions.name_address, identity, "dan@corp.example")
    overtaking = partial(held.overtake, change, partial(polling.run, connection.pk))
    assert at_once_in_database(naming, overtaking) == [1, None]
    poll(connection)
    record = Record.objects.get()
    settled(record)
    assert (record.status, record.approvers) == ("pending", ["dan@corp.example"])
    assert record.title == "13 laptops"
    asked_once(1)


def test_what_changed_is_asked_anew_once(connection: Connection, snow: ServiceNow) -> None:
    """The worker that was to write the answer back meets a poll and a look."""
    for number in range(TIMES):
        ref = snow.open(f"Request {number}", price="100.00")
        poll(connection)
        record = Record.objects.select_related("ask__track").get(external_id=ref)
        assert record.ask is not None
        answer_ask(record.ask, True)
        snow.document_of(ref).price = "900.00"
        snow.touch(ref)
        (made,) = Push.objects.filter(record=record)
        due(connection)
        results = at_once_in_database(
            partial(push.carry_out, made.pk),
            partial(polling.run, connection.pk),
            partial(looking.look_now, record.pk),
        )
        no_failure(results)
        settled(record)
        made.refresh_from_db()
        assert (made.status, record.status) == ("changed", "changed")
        assert Ask.objects.filter(track=record.track).count() == 2
        assert snow.decisions.get(ref) is None


def test_two_find_at_once_that_the_lease_of_a_poll_is_over(
    connection: Connection, snow: ServiceNow
) -> None:
    Poll.objects.filter(pk=connection.pk).update(
        attempts=1, next_attempt_at=database_now() - timedelta(seconds=1)
    )
    claims = at_once_in_database(*[partial(Poll.claim, connection.pk)] * 4)
    assert [each.attempts for each in claims if each is not None] == [2]
