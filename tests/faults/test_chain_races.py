"""Many write to one track at once: its chain has no gap, no fork, and other tracks go on."""

import threading
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from config.errors import Unavailable
from tests.factories import TrackFactory, kinds, say
from tests.faults.racing import at_once_in_database, count
from tracks.models import Event, Track
from tracks.models.track import GENESIS
from tracks.transactions import transition
from tracks.transitions import lock_track

WRITERS = 50


def test_fifty_writers_make_one_chain(shared_database: None) -> None:
    track = TrackFactory()

    results = at_once_in_database(
        *[partial(say, track, f"line {number}") for number in range(WRITERS)]
    )

    assert count(results) == {"Event": WRITERS}
    events = Event.objects.filter(track=track).order_by("seq")
    assert [event.seq for event in events] == list(range(1, WRITERS + 2))
    hashes = [event.hash for event in events]
    assert [event.prev_hash for event in events] == [GENESIS, *hashes[:-1]]
    track.refresh_from_db()
    assert (track.seq, track.head_hash) == (WRITERS + 1, hashes[-1])


@pytest.mark.postgresql
def test_a_writer_on_another_track_does_not_wait(shared_database: None) -> None:
    held, other = TrackFactory(), TrackFactory()
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            lock_track(held.pk)
            is_held.set()
            may_go.wait(30)

    def write() -> None:
        is_held.wait(30)
        say(other, "This one is free.")
        may_go.set()  # not before the other track was written to

    results = at_once_in_database(hold, write)

    assert results == [None, None]
    assert kinds(other) == ["track.created", "action.logged"]


@pytest.mark.postgresql
def test_the_victim_of_a_deadlock_tries_again(shared_database: None) -> None:
    one, other = TrackFactory(), TrackFactory()
    have_one_each = threading.Barrier(2)
    tries: list[Track] = []

    @transition
    def lock_both(first: Track, second: Track) -> None:
        tries.append(first)
        lock_track(first.pk)
        if len(tries) <= 2:
            have_one_each.wait(30)
        lock_track(second.pk)

    results = at_once_in_database(partial(lock_both, one, other), partial(lock_both, other, one))

    assert results == [None, None]
    assert len(tries) == 3


@pytest.mark.postgresql
def test_after_three_deadlocks_it_is_refused_as_unavailable(shared_database: None) -> None:
    tries = []

    @transition
    def fail() -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$")

    results = at_once_in_database(fail)

    assert isinstance(results[0], Unavailable)
    assert len(tries) == 3


@pytest.mark.postgresql
def test_another_fault_of_the_database_is_not_tried_again(shared_database: None) -> None:
    tries = []

    @transition
    def fail() -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END $$")

    results = at_once_in_database(fail)

    assert isinstance(results[0], OperationalError)
    assert len(tries) == 1
