"""Writing the events of one transaction together: the same log, by fewer statements."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.conftest import Clock
from tests.factories import AGENT, TrackFactory, kinds, say
from tracks import events, wakeups
from tracks.events import record, recording_together
from tracks.management.commands.audit import Audit
from tracks.models import Dispatch, Event, EventData, Track, Workspace
from tracks.transitions import complete_track, lock_track

Captures = DjangoCaptureOnCommitCallbacks


@pytest.fixture
def tracks(workspace: Workspace) -> list[Track]:
    found = TrackFactory.create_batch(3, workspace=workspace)
    Dispatch.objects.all().delete()
    return found


def texts(track: Track) -> list[str]:
    """What was said on a track, in order."""
    events = track.events.filter(type="action.logged").order_by("seq")
    return [event.data["text"] for event in events if event.data is not None]


def every_chain_holds() -> bool:
    return Audit().first_fault() is None


def test_the_events_of_several_tracks_chain_as_ever(tracks: list[Track]) -> None:
    one, other, quiet = tracks
    with recording_together():
        for number in range(3):
            say(one, f"{number}")  # locks the track, and so reads its row, each time
            say(other, f"{number}")
    assert texts(one) == texts(other) == ["0", "1", "2"]
    assert [event.seq for event in one.events.order_by("seq")] == [1, 2, 3, 4]
    one.refresh_from_db()
    assert (one.seq, one.head_hash) == (4, one.events.get(seq=4).hash)
    quiet.refresh_from_db()
    assert quiet.seq == 1
    assert every_chain_holds()


def test_an_event_is_what_record_returned(track: Track, clock: Clock) -> None:
    with recording_together():
        event = say(track, "x")
        assert (event.seq, event.at) == (2, clock.now)
        assert not Event.objects.filter(pk=event.pk).exists()
    written = Event.objects.get(pk=event.pk)
    assert (written.hash, written.data) == (event.hash, {"text": "x", "step": None})
    row = Dispatch.objects.get(event=event)
    assert (row.attempts, row.done) == (1, [])
    assert row.next_attempt_at == clock.now + timedelta(seconds=30)


def test_a_track_that_was_locked_before_goes_on_where_another_reading_of_it_was(
    track: Track, clock: Clock
) -> None:
    with transaction.atomic(), recording_together():
        mine, now = lock_track(track.pk)
        clock.move(seconds=1)
        say(track, "by another reading")
        record(mine, "action.logged", actor=AGENT, at=now, data={"text": "mine"})
    assert texts(track) == ["by another reading", "mine"]
    assert track.events.get(seq=3).at == clock.now  # never before the event before it
    track.refresh_from_db()
    assert track.updated_at == clock.now
    assert every_chain_holds()


def test_what_comes_after_them_in_the_transaction_goes_on_from_them(track: Track) -> None:
    with transaction.atomic():
        say(track, "before")
        with recording_together():
            say(track, "together")
        say(track, "after")
    assert texts(track) == ["before", "together", "after"]
    assert every_chain_holds()


@pytest.mark.parametrize("rolled_back", [{0}, {1}, {2}, {0, 1}, {0, 1, 2}])
def test_a_savepoint_that_is_rolled_back_takes_its_events_with_it(
    tracks: list[Track], rolled_back: set[int]
) -> None:
    one, other, _ = tracks
    with recording_together():
        for number in range(3):
            with transaction.atomic():
                say(one, f"{number}")
                say(other, f"{number}")
                transaction.set_rollback(number in rolled_back)
    kept = [f"{number}" for number in range(3) if number not in rolled_back]
    assert texts(one) == texts(other) == kept
    assert Event.objects.count() == EventData.objects.count() == 3 + 2 * len(kept)
    assert Dispatch.objects.count() == 2 * len(kept)
    assert every_chain_holds()


def test_a_savepoint_inside_one_that_is_rolled_back_is_forgotten_too(track: Track) -> None:
    with recording_together():
        say(track, "kept")
        with transaction.atomic():
            with transaction.atomic():
                say(track, "released, then rolled back")
            transaction.set_rollback(True)
        say(track, "next")
    assert texts(track) == ["kept", "next"]
    assert every_chain_holds()


def test_an_exception_undoes_everything(tracks: list[Track]) -> None:
    with pytest.raises(RuntimeError, match="stop"), transaction.atomic():
        complete_and_fail(tracks[0])
    assert (Event.objects.count(), Dispatch.objects.count()) == (3, 0)
    assert not Track.objects.exclude(status="active", seq=1).exists()
    say(tracks[0], "written at once again")
    assert texts(tracks[0]) == ["written at once again"]
    assert every_chain_holds()


@recording_together()
def complete_and_fail(track: Track) -> None:
    complete_track(track_id=track.pk, workspace_id=track.workspace_id, summary=None, actor=AGENT)
    raise RuntimeError("stop")


def test_a_change_whose_events_are_lost_cannot_be_committed(track: Track) -> None:
    """AU-01."""
    with transaction.atomic():
        with suppress(RuntimeError):
            complete_and_fail(track)
        with pytest.raises(TransactionManagementError):
            Track.objects.update(title="Changed, and nobody knows")
    track.refresh_from_db()
    assert (track.title, track.status) == ("Vendor invoice batch", "active")


def test_an_inner_one_leaves_the_writing_to_the_outer_one(track: Track) -> None:
    with recording_together():
        with recording_together():
            say(track, "inner")
        assert not track.events.filter(seq=2).exists()
        say(track, "outer")
    assert texts(track) == ["inner", "outer"]
    assert every_chain_holds()


def test_the_number_of_statements_is_the_same_for_one_and_for_many(track: Track) -> None:
    statements = [statements_to_record(track, count) for count in (1, 2, 40)]
    assert statements == [4, 4, 4]  # events, what they say, their tracks, dispatches
    assert every_chain_holds()


def statements_to_record(track: Track, count: int) -> int:
    with transaction.atomic():
        mine, now = lock_track(track.pk)
        with CaptureQueriesContext(connection) as queries, recording_together():
            for _ in range(count):
                record(mine, "action.logged", actor=AGENT, at=now, data={"text": "x"})
    return len(queries)


def test_nothing_recorded_writes_nothing(track: Track) -> None:
    with transaction.atomic(), CaptureQueriesContext(connection) as queries, recording_together():
        pass
    assert len(queries) == 0


# -- what follows ----------------------------------------------------------------------------------

happened: list[str] = []


@pytest.fixture(autouse=True)
def _consumers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    happened.clear()
    settings.EVENT_CONSUMERS = [f"{__name__}.consume"]
    monkeypatch.setattr(wakeups, "publish", lambda *, track_id, **_: happened.append("woken"))


def consume(events: Sequence[Event]) -> None:
    for event in events:
        assert event.data is not None
        happened.append(event.data["text"])
        if event.data["text"] == "echo":
            say(event.track, "echoed")


def test_everybody_is_woken_after_the_commit_before_any_consumer_runs(
    tracks: list[Track], django_capture_on_commit_callbacks: Captures
) -> None:
    happened.clear()
    with django_capture_on_commit_callbacks(execute=True), recording_together():
        for track in tracks:
            say(track, track.pk.hex)
            assert happened == []
    assert happened == ["woken"] * 3 + [track.pk.hex for track in tracks]
    assert not Dispatch.objects.exists()


def test_consumers_get_them_in_parts_and_in_order(
    track: Track, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Captures
) -> None:
    Dispatch.objects.all().delete()
    happened.clear()
    monkeypatch.setattr(events, "TOGETHER", 2)
    executing = django_capture_on_commit_callbacks(execute=True)
    with CaptureQueriesContext(connection) as queries, executing, recording_together():
        for number in range(5):
            say(track, f"{number}")
    assert happened == ["woken"] * 5 + ["0", "1", "2", "3", "4"]
    forgotten = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    assert len(forgotten) == 3
    assert not Dispatch.objects.exists()


def test_nobody_is_woken_for_what_was_rolled_back(
    track: Track, django_capture_on_commit_callbacks: Captures
) -> None:
    happened.clear()
    with django_capture_on_commit_callbacks(execute=True), recording_together():
        with transaction.atomic():
            say(track, "rolled back")
            transaction.set_rollback(True)
        say(track, "kept")
    assert happened == ["woken", "kept"]


@pytest.mark.django_db(transaction=True)
def test_what_a_consumer_records_then_is_written_at_once(track: Track) -> None:
    happened.clear()
    with recording_together():
        say(track, "echo")
    assert happened == ["woken", "echo", "woken", "echoed"]
    assert kinds(track) == ["track.created", "action.logged", "action.logged"]
    assert not Dispatch.objects.exclude(event__seq=1).exists()
    assert every_chain_holds()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", [Event, EventData, Dispatch])
def test_what_cannot_be_written_undoes_everything(
    track: Track, monkeypatch: pytest.MonkeyPatch, table: Any
) -> None:
    """AU-01."""
    happened.clear()

    def fail(rows: Any) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(table.objects, "bulk_create", fail)
    with pytest.raises(RuntimeError, match="no room"), recording_together():
        say(track, "x")
    monkeypatch.undo()
    assert (kinds(track), happened) == (["track.created"], [])
    track.refresh_from_db()
    assert track.seq == 1
