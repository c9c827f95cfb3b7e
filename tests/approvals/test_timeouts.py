"""Deadlines that pass: recorded once by the sweep or by the next write (CO-06 to CO-08)."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from approvals import sweeps, tasks, transitions
from approvals.models import Ask
from approvals.transitions import record_timeout, settle_overdue
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, kinds, say
from tracks import wakeups
from tracks.ids import new_id
from tracks.models import Event, Track


@pytest.fixture
def track(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace)


@pytest.fixture
def ask(track: Track) -> Ask:
    return AskFactory(track=track, timeout_seconds=60)


def test_the_sweep_records_what_is_overdue_and_nothing_else(
    ask: Ask, track: Track, clock: Clock, workspace: Any
) -> None:
    """CO-06."""
    later = AskFactory(track=TrackFactory(workspace=workspace), timeout_seconds=61)
    clock.move(seconds=60, milliseconds=-1)
    with nothing_written():
        assert tasks.sweep_overdue() == 0
    clock.move(milliseconds=1)
    assert tasks.sweep_overdue() == 1
    ask.refresh_from_db()
    later.refresh_from_db()
    assert (ask.status, ask.closed_at) == ("timeout", ask.expires_at)
    assert later.status == "open"
    event = Event.objects.get(track=track, type="input_request.timeout")
    assert (event.actor_type, event.actor_name, event.at) == ("system", "sayso", clock.now)
    assert event.data == {
        "ask_id": ask.public_id,
        "status": "timeout",
        "kind": "confirm",
        "expires_at": "2026-11-22T10:01:00.000Z",
        "escalated_to": None,
    }


def test_it_is_recorded_at_the_deadline_however_late_it_is_noticed(
    ask: Ask, track: Track, clock: Clock
) -> None:
    """CO-07: workers were down for two hours."""
    clock.move(hours=2)
    tasks.sweep_overdue()
    ask.refresh_from_db()
    assert ask.closed_at == ask.expires_at
    event = Event.objects.get(track=track, type="input_request.timeout")
    assert event.at == clock.now
    track.refresh_from_db()
    assert track.updated_at == clock.now  # who waits for changes since then finds it


def test_it_is_recorded_exactly_once_whoever_comes(ask: Ask, track: Track, clock: Clock) -> None:
    """CO-08."""
    clock.move(seconds=60)
    for _ in range(3):
        tasks.sweep_overdue()
        record_timeout(track_id=track.pk)
        say(track, "x")
    assert kinds(track).count("input_request.timeout") == 1


def test_a_sweep_that_comes_second_finds_nothing_to_do(
    ask: Ask, track: Track, clock: Clock
) -> None:
    """Two sweeps read the same list; the second gets the lock when the first is done."""
    clock.move(seconds=60)
    record_timeout(track_id=track.pk)
    with nothing_written():
        record_timeout(track_id=track.pk)
        with transaction.atomic():
            settle_overdue(track, now=clock.now)


@pytest.mark.parametrize("value", [True, False])
def test_what_was_answered_in_time_is_not_overdue(
    ask: Ask, track: Track, clock: Clock, value: bool
) -> None:
    answer(ask, value)
    clock.move(days=1)
    with nothing_written():
        assert tasks.sweep_overdue() == 0


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tracks on which a sweep records, in its order."""
    order: list[Any] = []

    def record(*, track_id: Any) -> None:
        order.append(track_id)
        record_timeout(track_id=track_id)

    monkeypatch.setattr(transitions, "record_timeout", record)
    return order


def overdue(workspace: Any, *seconds: int) -> list[Ask]:
    """Open asks that end after so many seconds, each on a track of its own."""
    return [
        AskFactory(track=TrackFactory(workspace=workspace), timeout_seconds=each)
        for each in seconds
    ]


def test_one_run_drains_all_batches_the_oldest_first(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch, recorded: list[Any]
) -> None:
    asks = overdue(workspace, 5, 1, 4, 2, 3, 3, 3)
    monkeypatch.setattr(sweeps, "BATCH", 2)
    clock.move(seconds=5)
    assert tasks.sweep_overdue() == 7
    ordered = sorted(asks, key=lambda ask: (ask.ends_at, ask.pk))
    assert recorded == [ask.track_id for ask in ordered]
    assert tasks.sweep_overdue() == 0


def test_a_run_ends_when_it_has_gone_on_for_long_and_the_next_goes_on(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch, recorded: list[Any]
) -> None:
    asks = overdue(workspace, 1, 2, 3)
    clock.move(seconds=5)
    seconds = (1.2 * number for number in range(9))
    monkeypatch.setattr(sweeps, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    assert tasks.sweep_overdue() == 1  # began at 0 s; looked at the clock at 1.2, 2.4 and 3.6 s
    assert recorded == [asks[0].track_id]
    monkeypatch.undo()
    assert tasks.sweep_overdue() == 2


def test_a_track_that_cannot_be_swept_holds_up_no_other(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, *others = overdue(workspace, 1, 2, 3)

    def record(*, track_id: Any) -> None:
        if track_id == broken.track_id:
            raise RuntimeError("a row nobody can read")
        record_timeout(track_id=track_id)

    monkeypatch.setattr(transitions, "record_timeout", record)
    monkeypatch.setattr(sweeps, "BATCH", 1)
    clock.move(seconds=5)
    assert tasks.sweep_overdue() == 3
    assert set(Ask.objects.filter(status="timeout")) == set(others)
    monkeypatch.undo()
    assert tasks.sweep_overdue() == 1


def test_beat_asks_for_it_often_enough_to_record_within_five_seconds(settings: Any) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["sweep-overdue"]
    assert entry == {
        "task": "approvals.tasks.sweep_overdue",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    }


@pytest.mark.postgresql
def test_its_cost_follows_the_number_of_what_is_due(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep reads the index of open asks by their end, however many are stored."""
    overdue(workspace, 1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # a table this small is read whole
    for behind in (None, (clock.now, new_id())):
        with CaptureQueriesContext(connection) as queries:
            sweeps._overdue(behind=behind)
        sql = queries.captured_queries[-1]["sql"]
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Index Scan using ask_due" in plan
        assert "ends_at <=" in plan.partition("Index Cond:")[2].splitlines()[0]


def test_the_next_ask_of_the_track_has_its_own_deadline(
    ask: Ask, track: Track, clock: Clock
) -> None:
    clock.move(seconds=60)
    second = AskFactory(track=track, timeout_seconds=60)
    clock.move(seconds=60, milliseconds=-1)
    assert tasks.sweep_overdue() == 0
    clock.move(milliseconds=1)
    assert tasks.sweep_overdue() == 1
    second.refresh_from_db()
    assert second.closed_at == second.expires_at
    assert kinds(track).count("input_request.timeout") == 2


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_the_ask_is_woken(
    ask: Ask, track: Track, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[dict[str, Any]] = []
    monkeypatch.setattr(wakeups, "publish", lambda **keys: woken.append(keys))
    clock.move(seconds=60)
    tasks.sweep_overdue()
    assert woken == [{"track_id": track.pk, "closed_ask": ask.pk}]


def test_presented_shows_the_deadline_and_stores_nothing(
    ask: Ask, track: Track, clock: Clock
) -> None:
    clock.move(seconds=60)
    with nothing_written():
        shown = Ask.objects.presented().get()
        assert (shown.shown_status, shown.shown_closed_at) == ("timeout", ask.expires_at)
    assert shown.status == "open"
