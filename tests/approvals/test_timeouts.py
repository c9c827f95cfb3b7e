"""Deadlines that pass: recorded once by the sweep or by the next write (CO-06 to CO-08)."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from approvals import sweeps, tasks, transitions
from approvals.models import Ask
from approvals.transitions import record_timeout, record_timeouts, settle_overdue
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, kinds, say
from tests.statements import explained, is_statement
from tracks import wakeups
from tracks.clock import rfc3339
from tracks.ids import new_id
from tracks.management.commands.audit import Audit
from tracks.models import Dispatch, Event, Track
from tracks.tasks import sweep_dispatches


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
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The tracks on which a sweep records together, in its order."""
    batches: list[list[Any]] = []

    def record(*, track_ids: Any) -> None:
        batches.append(list(track_ids))
        record_timeouts(track_ids=track_ids)

    monkeypatch.setattr(transitions, "record_timeouts", record)
    return batches


def overdue(workspace: Any, *seconds: int) -> list[Ask]:
    """Open asks that end after so many seconds, each on a track of its own."""
    return [
        AskFactory(track=TrackFactory(workspace=workspace), timeout_seconds=each)
        for each in seconds
    ]


def test_one_run_drains_all_batches_the_oldest_first(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch, recorded: list[list[Any]]
) -> None:
    asks = overdue(workspace, 5, 1, 4, 2, 3, 3, 3)
    monkeypatch.setattr(sweeps, "TOGETHER", 3)
    clock.move(seconds=5)
    assert tasks.sweep_overdue() == 7
    ordered = [ask.track_id for ask in sorted(asks, key=lambda ask: (ask.ends_at, ask.pk))]
    assert recorded == [ordered[:3], ordered[3:6], ordered[6:]]
    assert tasks.sweep_overdue() == 0


def test_a_run_ends_when_it_has_gone_on_for_long_and_the_next_goes_on(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch, recorded: list[list[Any]]
) -> None:
    asks = overdue(workspace, 1, 2, 3)
    clock.move(seconds=5)
    seconds = (1.2 * number for number in range(9))
    monkeypatch.setattr(sweeps, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    monkeypatch.setattr(sweeps, "TOGETHER", 1)
    assert tasks.sweep_overdue() == 1  # began at 0 s; looked at the clock at 1.2, 2.4 and 3.6 s
    assert recorded == [[asks[0].track_id]]
    monkeypatch.undo()
    assert tasks.sweep_overdue() == 2


def test_many_are_recorded_as_one_is(clock: Clock, workspace: Any) -> None:
    """One reading of the clock, each closed at its own end, each track's chain moved on."""
    asks = overdue(workspace, 1, 2, 3)
    say(asks[1].track, "before")
    clock.move(seconds=5)
    assert tasks.sweep_overdue() == 3
    for ask in asks:
        ask.refresh_from_db()
        assert (ask.status, ask.closed_at) == ("timeout", ask.ends_at)
        event = Event.objects.get(track=ask.track_id, type="input_request.timeout")
        assert event.at == clock.now
        assert event.data == {
            "ask_id": ask.public_id,
            "status": "timeout",
            "kind": "confirm",
            "expires_at": rfc3339(ask.expires_at),
            "escalated_to": None,
        }
    say(asks[1].track, "after")
    assert kinds(asks[1].track)[2:] == ["action.logged", "input_request.timeout", "action.logged"]
    assert Audit().first_fault() is None


def test_those_that_have_a_successor_are_fewer_in_a_transaction(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch, recorded: list[list[Any]]
) -> None:
    escalated = [escalating(workspace) for _ in range(3)]
    plain = overdue(workspace, 10, 10)
    monkeypatch.setattr(sweeps, "ESCALATED_TOGETHER", 2)
    clock.move(seconds=10)
    assert tasks.sweep_overdue() == 5
    assert recorded == [
        [ask.track_id for ask in asks] for asks in (plain, escalated[:2], escalated[2:])
    ]
    assert all(kinds(ask.track)[2:] == ["input_request.timeout"] for ask in plain)
    for ask in escalated:
        assert kinds(ask.track)[2:] == [
            "input_request.timeout",
            "ask.escalated",
            "input_request.created",
        ]
        successor = Ask.objects.get(track=ask.track, status="open")
        assert (successor.escalated_from, successor.created_at) == (ask, clock.now)
    assert Audit().first_fault() is None


def escalating(workspace: Any) -> Ask:
    """An ask that somebody else is asked after ten seconds."""
    ask: Ask = AskFactory(
        track=TrackFactory(workspace=workspace),
        timeout_seconds=60,
        escalate_to=["ceo@acme.com"],
        escalate_after_seconds=10,
    )
    return ask


def test_nothing_that_is_not_due_any_more_is_touched(clock: Clock, workspace: Any) -> None:
    """Between the sweep's reading and its locks an ask was answered, another one was opened."""
    answered, later, due = overdue(workspace, 60, 90, 30)
    answer(answered)
    AskFactory(track=answered.track, timeout_seconds=3600)
    clock.move(seconds=60)
    record_timeouts(track_ids=[answered.track_id, later.track_id, due.track_id])
    assert list(Ask.objects.filter(status="timeout")) == [due]
    with nothing_written():
        record_timeouts(track_ids=[answered.track_id, later.track_id, due.track_id])


@pytest.mark.django_db(transaction=True)
def test_a_track_that_cannot_be_swept_holds_up_no_other(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recording them together fails and leaves no trace; one by one, only that track fails."""
    one, broken, other = overdue(workspace, 1, 2, 3)
    record = transitions._record_timeout

    def fail(ask: Ask, **options: Any) -> Any:
        if ask == broken:
            raise RuntimeError("a row nobody can read")
        return record(ask, **options)

    monkeypatch.setattr(transitions, "_record_timeout", fail)
    clock.move(seconds=5)
    with capture_logs() as logs:
        assert tasks.sweep_overdue() == 3
    assert set(Ask.objects.filter(status="timeout")) == {one, other}
    for ask in (one, other):
        assert kinds(ask.track)[2:] == ["input_request.timeout"]
    assert kinds(broken.track)[2:] == []
    assert [each["event"] for each in logs] == ["sweep.not_together", "sweep.failed"]
    assert logs[1]["subject"] == str(broken.track_id)
    monkeypatch.undo()
    clock.move(seconds=1)
    assert tasks.sweep_overdue() == 1
    assert Audit().first_fault() is None


@pytest.mark.django_db(transaction=True)
def test_its_statements_do_not_grow_with_what_is_due_but_by_the_consumers(
    clock: Clock, workspace: Any
) -> None:
    """Two consumers ask their own question of each event; nothing else is per track."""
    statements = []
    for number in (1, 10, 50):
        overdue(workspace, *[1] * number)
        clock.move(seconds=1)
        with CaptureQueriesContext(connection) as queries:
            assert tasks.sweep_overdue() == number
        statements.append(sum(is_statement(query["sql"]) for query in queries))
    slack, mirroring = 1, 1
    assert [
        count - number * (slack + mirroring)
        for count, number in zip(statements, (1, 10, 50), strict=True)
    ] == [OF_A_BATCH] * 3
    assert not Dispatch.objects.filter(event__type="input_request.timeout").exists()


# What is due, before and after; the tracks' locks; the asks, and their end; events, what they say,
# their tracks, dispatches; who listens for webhooks; and the dispatches again when all is done.
OF_A_BATCH = 11


@pytest.mark.django_db(transaction=True)
def test_what_a_process_has_committed_before_it_died_is_followed_up(
    clock: Clock, workspace: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EVENT_CONSUMERS = [f"{__name__}.remember"]
    asks = overdue(workspace, 1, 1, 1)
    remembered.clear()
    clock.move(seconds=1)
    with monkeypatch.context() as dying:
        dying.setattr("tracks.events._run_consumers", lambda _: None)
        assert tasks.sweep_overdue() == 3
    clock.move(seconds=30, milliseconds=-1)
    assert (sweep_dispatches(), remembered) == (0, [])
    clock.move(milliseconds=1)
    assert sweep_dispatches() == 3
    assert sorted(remembered) == sorted(ask.track_id for ask in asks)
    assert not Dispatch.objects.exists()


remembered: list[Any] = []


def remember(events: Sequence[Event]) -> None:
    remembered.extend(event.track_id for event in events)


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
    for behind in (None, sweeps._Due(clock.now, new_id(), new_id(), [])):
        with CaptureQueriesContext(connection) as queries:
            sweeps._overdue(behind=behind)
        sql = queries.captured_queries[-1]["sql"]
        plan = explained(sql)
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
