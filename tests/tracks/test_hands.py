"""What talks to a mail server has threads of its own: one that hangs holds up nobody else."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.factories import TrackFactory, say
from tracks import hands as module
from tracks.clock import database_now
from tracks.hands import THREADS, Hands
from tracks.models import Dispatch

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 20.0


@pytest.fixture
def _no_threads_for_mail() -> None:
    """Here they are what is looked at."""


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


class Relay:
    """Keeps whoever talks to it until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun: list[Any] = []
        self.done: list[Any] = []

    def talk(self, pk: Any) -> None:
        """Hang, and say what came of it in the end."""
        row = Dispatch.claim(pk)
        self.begun.append(pk)
        assert self.let_go.wait(PATIENCE)
        assert row is not None
        row.write_outcome(next_attempt_at=None)
        self.done.append(pk)


@pytest.fixture
def relay() -> Iterator[Relay]:
    found = Relay()
    yield found
    found.let_go.set()


@pytest.fixture
def hands(relay: Relay) -> Iterator[Hands]:
    made = Hands(Dispatch, relay.talk)
    yield made
    relay.let_go.set()
    module.stop(within=PATIENCE)


@pytest.fixture
def rows(db: None) -> list[Any]:
    """Rows that are due, two more than there are threads, the oldest first."""
    track, now = TrackFactory(), database_now()
    events = [say(track, str(number)) for number in range(THREADS + 2)]
    Dispatch.objects.all().delete()
    ages = range(len(events), 0, -1)
    made = [
        Dispatch(event=event, next_attempt_at=now - timedelta(seconds=age))
        for event, age in zip(events, ages, strict=True)
    ]
    return [row.pk for row in Dispatch.objects.bulk_create(made)]


def test_whoever_hands_rows_over_does_not_wait_and_all_are_done_once(
    hands: Hands, relay: Relay, rows: list[Any]
) -> None:
    assert hands.take_due() == len(rows)
    until(lambda: len(relay.begun) == THREADS)
    assert (sorted(relay.begun), relay.done) == (sorted(rows[:THREADS]), [])
    assert hands.take_due() == 0  # two wait for a thread, and nobody else has claimed them
    assert hands.take(rows) == 0
    relay.let_go.set()
    until(lambda: len(relay.done) == len(rows))
    assert sorted(relay.begun) == sorted(rows)
    assert Dispatch.due(limit=9) == []


def test_what_fails_is_logged_and_may_be_taken_again(rows: list[Any]) -> None:
    tried: list[Any] = []

    def fail(pk: Any) -> None:
        tried.append(pk)
        raise RuntimeError(pk)

    failing = Hands(Dispatch, fail)
    with capture_logs() as logs:
        for number in (1, 2):
            assert failing.take(rows[:1]) == 1
            until(lambda: not failing._in_hand)
            assert tried == rows[:1] * number
    assert [(each["event"], each["what"], each["pk"]) for each in logs] == [
        ("hands.failed", "Dispatch", str(rows[0]))
    ] * 2


def test_who_is_told_to_stop_ends_what_is_under_way_and_begins_nothing(
    hands: Hands, relay: Relay, rows: list[Any]
) -> None:
    hands.take(rows)
    until(lambda: len(relay.begun) == THREADS)
    threading.Timer(0.1, relay.let_go.set).start()
    module.stop(within=PATIENCE)
    assert sorted(relay.done) == sorted(relay.begun) == sorted(rows[:THREADS])
    assert Dispatch.due(limit=9) == rows[THREADS:]  # for another worker


def test_who_is_told_to_stop_does_not_wait_for_ever(
    hands: Hands, relay: Relay, rows: list[Any]
) -> None:
    hands.take(rows)
    until(lambda: len(relay.begun) == THREADS)
    module.stop(within=0)
    assert relay.done == []
