"""Looking again at one record before somebody decides on it: once a minute, within two seconds."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from approvals.models import Ask
from approvals.sources import Freshness, Look
from mirroring import looking, transitions
from mirroring.models import Connection, Record
from tests.approvals.person import Person, answer_path, path_of
from tests.conftest import Clock
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.server import Asked
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import consume, poll, record_of
from tracks.models import Track, Workspace

# What a thread writes has to be seen by the others.
pytestmark = pytest.mark.django_db(transaction=True)

WITHIN = 5.0  # for a look that is to succeed, on a slow machine


@pytest.fixture(autouse=True)
def _looks_are_over(transactional_db: None) -> Iterator[None]:
    """Wait for looks that a page did not wait for, before the tables are emptied."""
    yield
    looking._threads().shutdown()
    looking._threads.cache_clear()


@pytest.fixture
def record(connection: Connection, snow: ServiceNow, clock: Clock) -> Record:
    """A record that was read two minutes ago."""
    poll(connection)
    ref = snow.open("12 laptops", price="100.00")
    poll(connection)
    consume()
    clock.move(minutes=2)
    snow.requests.clear()
    return record_of(connection, ref)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page wait as long as a slow machine takes."""
    monkeypatch.setattr("approvals.sources.WITHIN", WITHIN)


@pytest.fixture
def hanging(snow: ServiceNow, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the system hang until the function that this returns is called."""
    serve, goes_on, has_answered = snow.serve, threading.Event(), threading.Event()

    def hang(asked: Asked) -> Any:
        goes_on.wait(20)
        try:
            return serve(asked)
        finally:
            has_answered.set()

    def go_on() -> None:
        goes_on.set()
        assert has_answered.wait(20)

    monkeypatch.setattr(snow, "serve", hang)
    return go_on


def look(record: Record, *, within: float = WITHIN) -> Look:
    assert record.track is not None
    return looking.look(record.track.pk, within=within)


def reads(snow: ServiceNow, record: Record) -> int:
    """Return how often the record was read by itself."""
    return sum(record.external_id in each for each in snow.requests)


def test_what_was_read_within_the_minute_is_fresh(
    connection: Connection, record: Record, snow: ServiceNow, clock: Clock
) -> None:
    looked = look(record)
    assert (looked.freshness, looked.at) == (Freshness.LOOKED, clock.now)
    assert reads(snow, record) == 1
    seen_at = clock.now
    clock.move(seconds=59)
    assert look(record) == Look(Freshness.FRESH, seen_at)
    assert reads(snow, record) == 1
    clock.move(seconds=1)
    assert look(record).freshness == Freshness.LOOKED
    assert reads(snow, record) == 2


def test_a_slow_system_is_waited_for_no_longer_and_asked_once(
    record: Record, snow: ServiceNow, clock: Clock, hanging: Callable[[], None]
) -> None:
    read_at = record.last_seen_at
    assert look(record, within=0.2) == Look(Freshness.SLOW, read_at)
    # Whoever comes next is not told that it is fresh: nothing has been read yet.
    assert look(record, within=0.2) == Look(Freshness.SLOW, read_at)
    hanging()
    _until(lambda: Record.objects.get().last_seen_at == clock.now)
    assert look(record) == Look(Freshness.FRESH, clock.now)
    assert reads(snow, record) == 1


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_so():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came")


def test_a_system_that_fails_leaves_everything_as_it_was(
    record: Record, snow: ServiceNow, clock: Clock
) -> None:
    snow.faults.add(faults.SERVER_ERROR)
    assert look(record) == Look(Freshness.FAILED, record.last_seen_at)
    again = Record.objects.get()
    assert (again.status, again.last_seen_at) == ("pending", record.last_seen_at)
    assert look(record).freshness == Freshness.SLOW  # it is not asked again within the minute
    clock.move(minutes=1)
    assert look(record).freshness == Freshness.LOOKED


def test_a_system_whose_last_poll_failed_is_not_called_slow(
    connection: Connection, record: Record, snow: ServiceNow
) -> None:
    snow.faults.add(faults.SERVER_ERROR)
    assert poll(connection).failures == 1
    snow.faults.add(faults.SERVER_ERROR)
    for _ in range(2):  # the other within the minute
        assert look(record) == Look(Freshness.FAILED, record.last_seen_at)


def test_what_was_decided_there_is_settled_by_the_look(record: Record, snow: ServiceNow) -> None:
    snow.decide(record.external_id, "approved", by="bob")
    assert look(record).freshness == Freshness.LOOKED
    record.refresh_from_db()
    assert (record.status, Ask.objects.get().status) == ("approved", "cancelled")
    snow.requests.clear()
    assert look(record).freshness == Freshness.FRESH  # nothing waits any more
    assert snow.requests == []


def test_what_is_gone_is_withdrawn(record: Record, snow: ServiceNow) -> None:
    snow.touch(record.external_id, is_restricted=True)
    assert look(record).freshness == Freshness.LOOKED
    record.refresh_from_db()
    assert (record.status, Ask.objects.get().status) == ("cancelled", "cancelled")


def test_a_connection_that_is_switched_off_is_not_asked(
    record: Record, connection: Connection, snow: ServiceNow
) -> None:
    Connection.objects.update(enabled=False)
    assert look(record).freshness == Freshness.FRESH
    assert snow.requests == []


def test_an_agents_track_has_nothing_to_look_at(track: Track) -> None:
    assert looking.look(track.pk, within=WITHIN) == Look(Freshness.FRESH)


def test_what_is_posted_to_us_cannot_be_looked_at(workspace: Workspace, record: Record) -> None:
    push, _ = transitions.create_connection(workspace_id=workspace.pk, name="Expenses")
    Record.objects.update(connection=push)
    assert look(record).freshness == Freshness.FRESH


# -- the page -------------------------------------------------------------------------------------


def verified(record: Record) -> Person:
    assert record.ask is not None
    person = Person()
    person.verify(record.ask)
    return person


def settle_looks(snow: ServiceNow, clock: Clock) -> None:
    """Let the look of signing in be long past."""
    clock.move(minutes=2)
    snow.requests.clear()


def test_opening_the_page_looks_once_a_minute_whoever_opens_it(
    record: Record, snow: ServiceNow, clock: Clock, patient: None
) -> None:
    assert record.ask is not None
    people = [verified(record), verified(record)]
    settle_looks(snow, clock)
    for person in people * 2:
        assert person.get(path_of(record.ask)).form("/answer")
    assert reads(snow, record) == 1
    clock.move(minutes=1)
    people[1].get(path_of(record.ask))
    assert reads(snow, record) == 2


def test_strangers_and_head_never_make_it_look(
    record: Record, snow: ServiceNow, clock: Clock, patient: None
) -> None:
    assert record.ask is not None
    me = verified(record)
    settle_looks(snow, clock)
    Person().get(path_of(record.ask))
    me.client.head(path_of(record.ask))
    assert snow.requests == []


def test_a_page_that_is_opened_after_it_was_decided_there_says_who_and_when(
    record: Record, snow: ServiceNow, clock: Clock, patient: None
) -> None:
    assert record.ask is not None
    me = verified(record)
    settle_looks(snow, clock)
    snow.decide(record.external_id, "approved", by="bob")
    page = me.get(path_of(record.ask))
    assert "This request is already resolved" in page.text
    assert "Approved in ServiceNow by bob on Sun 22 Nov 2026, 10:0" in page.text
    assert "Approved in ServiceNow by bob" in page.text.partition("What has happened")[2], page.text
    assert record.url is not None
    assert f'href="{record.url}"' in page.html.replace("&amp;", "&")
    assert not any(form.action.endswith("/answer") for form in page.forms)


def test_an_answer_to_what_was_decided_there_a_moment_ago_is_refused(
    record: Record, snow: ServiceNow, clock: Clock, patient: None
) -> None:
    assert record.ask is not None
    me = verified(record)
    form = me.get(path_of(record.ask)).form("/answer")
    settle_looks(snow, clock)
    snow.decide(record.external_id, "rejected", by="bob")
    page = me.post(answer_path(record.ask), form.fields | {"value": "true"})
    assert page.status == 409
    assert "Your answer was not recorded." in page.text
    assert "Denied in ServiceNow by bob on" in page.text
    assert Ask.objects.get().status == "cancelled"


def test_a_slow_system_is_named_and_the_answer_is_taken(
    record: Record,
    snow: ServiceNow,
    clock: Clock,
    hanging: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert record.ask is not None
    monkeypatch.setattr("approvals.sources.WITHIN", 0.3)
    me = verified(record)
    clock.move(minutes=2)
    page = me.get(path_of(record.ask))
    assert "ServiceNow is slow to answer. What you see was read at 1" in page.text
    form = page.form("/answer")
    done = me.post(answer_path(record.ask), form.fields | {"value": "true"})
    assert done.status == 303
    assert Ask.objects.get().status == "answered"
    hanging()
