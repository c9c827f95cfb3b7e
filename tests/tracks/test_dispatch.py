"""What follows from an event: consumers in order, once each, late rather than never."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from approvals import notify
from approvals.models import Notification
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, say
from tracks import events, tasks, wakeups
from tracks.events import listens_to
from tracks.models import Dispatch, Event, Track, Workspace
from tracks.transitions import complete_track, log_action

called: list[str] = []
broken: set[str] = set()


def consume(name: str, events: Sequence[Event]) -> None:
    for event in events:
        called.append(f"{name} {event.type}")
        if name in broken:
            raise RuntimeError(f"{name} is broken")


def first(events: Sequence[Event]) -> None:
    consume("first", events)


def second(events: Sequence[Event]) -> None:
    consume("second", events)


def third(events: Sequence[Event]) -> None:
    consume("third", events)


@pytest.fixture(autouse=True)
def _consumers(settings: Settings) -> None:
    called.clear()
    broken.clear()
    settings.EVENT_CONSUMERS = [f"{__name__}.{name}" for name in ("first", "second", "third")]


@pytest.fixture
def happens(
    track: Track, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Callable[..., Event]:
    """Let something happen on a track, committed by a process that lives on or dies."""
    Dispatch.objects.all().delete()

    def happen(*, process_dies: bool = False) -> Event:
        with django_capture_on_commit_callbacks(execute=not process_dies):
            return say(track, "x")

    return happen


def test_consumers_run_in_order_after_the_commit_and_the_row_is_gone(happens: Any) -> None:
    happens()
    assert called == ["first action.logged", "second action.logged", "third action.logged"]
    assert not Dispatch.objects.exists()


def test_nothing_runs_before_the_commit(track: Track) -> None:
    say(track, "x")
    assert called == []


def test_a_failing_consumer_delays_only_itself(happens: Any, clock: Clock) -> None:
    broken.add("second")
    event = happens()
    assert [each.split()[0] for each in called] == ["first", "second", "third"]
    row = Dispatch.objects.get()
    assert row.event == event
    assert row.done == [f"{__name__}.first", f"{__name__}.third"]
    assert row.last_error == f"{__name__}.second: RuntimeError('second is broken')"
    assert row.next_attempt_at == clock.now + timedelta(seconds=2)


def test_the_sweep_runs_only_what_is_missing_and_then_removes_the_row(
    happens: Any, clock: Clock
) -> None:
    broken.add("second")
    happens()
    called.clear()
    assert tasks.sweep_dispatches() == 0
    clock.move(seconds=2)
    assert tasks.sweep_dispatches() == 1
    assert called == ["second action.logged"]
    assert Dispatch.objects.get().attempts == 2
    broken.clear()
    clock.move(seconds=4)
    assert tasks.sweep_dispatches() == 1
    assert called == ["second action.logged"] * 2
    assert not Dispatch.objects.exists()


def test_the_pauses_double_up_to_five_minutes(happens: Any, clock: Clock) -> None:
    broken.add("first")
    happens()
    pauses = []
    for _ in range(11):
        row = Dispatch.objects.get()
        pause = (row.next_attempt_at - clock.now).total_seconds()
        pauses.append(pause)
        clock.move(seconds=pause)
        tasks.sweep_dispatches()
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_what_a_failing_consumer_wrote_is_undone(
    happens: Any, settings: Settings, track: Track
) -> None:
    settings.EVENT_CONSUMERS = [f"{__name__}.writes_and_fails"]
    happens()
    track.refresh_from_db()
    assert track.title == "Vendor invoice batch"


def writes_and_fails(events: Sequence[Event]) -> None:
    Track.objects.filter(pk=events[0].track_id).update(title="Half done")
    raise RuntimeError


def test_a_process_that_dies_after_the_commit_is_replaced_when_its_lease_is_over(
    happens: Any, clock: Clock
) -> None:
    """WH-21 for every consumer."""
    happens(process_dies=True)
    clock.move(seconds=29, milliseconds=999)
    assert (tasks.sweep_dispatches(), called) == (0, [])
    clock.move(milliseconds=1)
    assert tasks.sweep_dispatches() == 1
    assert called == ["first action.logged", "second action.logged", "third action.logged"]
    assert not Dispatch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_never_dispatched(track: Track, clock: Clock) -> None:
    """WH-20 for every consumer."""
    called.clear()

    @transaction.atomic
    def fails_after_the_change() -> None:
        say(track, "x")
        raise RuntimeError("after the change")

    with pytest.raises(RuntimeError, match="after the change"):
        fails_after_the_change()
    clock.move(days=1)
    assert tasks.sweep_dispatches() == 0
    assert called == []
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_failing_consumer_cannot_fail_the_request(track: Track) -> None:
    broken.update({"first", "second", "third"})
    event = say(track, "x")
    assert Event.objects.filter(pk=event.pk).exists()
    assert Dispatch.objects.get(event=event).done == []


@pytest.mark.django_db(transaction=True)
def test_a_waiting_agent_is_woken_before_any_consumer_runs(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    called.clear()
    monkeypatch.setattr(wakeups, "publish", lambda **_: called.append("woken"))
    say(track, "x")
    assert called[0] == "woken"
    assert len(called) == 4


# -- several at once -------------------------------------------------------------------------------


@pytest.fixture
def due(workspace: Workspace, clock: Clock) -> list[Event]:
    """Events whose process has died, on tracks of their own."""
    tracks = TrackFactory.create_batch(3, workspace=workspace)
    Dispatch.objects.all().delete()
    events = [say(track, f"{number}") for number, track in enumerate(tracks)]
    clock.move(seconds=30)
    return events


def test_a_consumer_gets_all_events_before_the_next_consumer_does(due: list[Event]) -> None:
    assert tasks.sweep_dispatches() == 3
    assert [each.split()[0] for each in called] == ["first"] * 3 + ["second"] * 3 + ["third"] * 3
    assert not Dispatch.objects.exists()


def test_a_transaction_takes_so_many_and_no_more(
    due: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TOGETHER", 2)
    assert tasks.sweep_dispatches() == 3
    order = [each.split()[0] for each in called]
    assert order == ["first"] * 2 + ["second"] * 2 + ["third"] * 2 + ["first", "second", "third"]
    assert not Dispatch.objects.exists()


def test_one_event_that_a_consumer_cannot_take_delays_no_other(
    due: list[Event], settings: Settings, clock: Clock
) -> None:
    """All or none in one transaction, and then each in its own."""
    settings.EVENT_CONSUMERS = [f"{__name__}.first", f"{__name__}.renames_all_but_one"]
    assert tasks.sweep_dispatches() == 3
    assert called == ["first action.logged"] * 3
    assert [Track.objects.get(pk=event.track_id).title for event in due] == [
        "0",
        "Vendor invoice batch",
        "2",
    ]
    row = Dispatch.objects.get()
    assert (row.event, row.done, row.attempts) == (due[1], [f"{__name__}.first"], 2)
    assert row.last_error == f"{__name__}.renames_all_but_one: RuntimeError('not this one')"
    assert row.next_attempt_at == clock.now + timedelta(seconds=4)


def renames_all_but_one(events: Sequence[Event]) -> None:
    for event in events:
        assert event.data is not None
        Track.objects.filter(pk=event.track_id).update(title=event.data["text"])
        if event.data["text"] == "1":
            raise RuntimeError("not this one")


def test_the_sweep_takes_no_more_statements_for_more_events(
    workspace: Workspace, clock: Clock
) -> None:
    counts = []
    for number in (1, 10, 50):
        track = TrackFactory(workspace=workspace)
        Dispatch.objects.all().delete()
        for _ in range(number):
            say(track, "x")
        clock.move(seconds=30)
        with CaptureQueriesContext(connection) as queries:
            assert tasks.sweep_dispatches() == number
        counts.append(sum("SAVEPOINT" not in query["sql"] for query in queries))
    assert counts == [5] * 3  # what is due, claim it (two), its events, delete it
    assert not Dispatch.objects.exists()


def test_rows_of_several_attempts_are_all_removed(due: list[Event], clock: Clock) -> None:
    broken.add("second")
    events.dispatch(due[0].pk)
    broken.clear()
    clock.move(minutes=5)
    assert tasks.sweep_dispatches() == 3
    assert not Dispatch.objects.exists()


@pytest.mark.parametrize("name", ["first", "no_such_consumer"])
def test_a_consumer_that_cannot_be_found_delays_only_itself(
    due: list[Event], settings: Settings, name: str
) -> None:
    settings.EVENT_CONSUMERS = [f"{__name__}.{name}", f"{__name__}.second"]
    assert tasks.sweep_dispatches() == 3
    assert called.count("second action.logged") == 3
    assert Dispatch.objects.count() == (3 if name == "no_such_consumer" else 0)


# -- what a consumer listens to --------------------------------------------------------------------


@listens_to("track.completed")
def listening(events: Sequence[Event]) -> None:
    consume("listening", events)


def test_a_consumer_gets_the_events_that_it_listens_to(
    happens: Any, settings: Settings, track: Track, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EVENT_CONSUMERS = [f"{__name__}.listening", f"{__name__}.second"]
    happens()
    assert called == ["second action.logged"]
    with django_capture_on_commit_callbacks(execute=True):
        complete_track(
            track_id=track.pk, workspace_id=track.workspace_id, summary=None, actor=AGENT
        )
    assert called[1:] == ["listening track.completed", "second track.completed"]
    assert not Dispatch.objects.exists()


def test_no_transaction_is_opened_for_whom_an_event_does_not_concern(
    happens: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EVENT_CONSUMERS = [f"{__name__}.listening"]
    with CaptureQueriesContext(connection) as queries:
        happens()
    assert not any("SAVEPOINT" in query["sql"] for query in queries)


# -- claims ----------------------------------------------------------------------------------------


def test_two_sweeps_at_once_share_no_row(happens: Any, clock: Clock) -> None:
    """CO-08: claiming moves the row, so the second sweep finds nothing to do."""
    event = happens(process_dies=True)
    clock.move(seconds=30)
    assert Dispatch.claim(event.pk) is not None
    assert Dispatch.claim(event.pk) is None
    events.dispatch(event.pk)
    assert called == []


def test_a_process_that_outlived_its_lease_overwrites_nothing(happens: Any, clock: Clock) -> None:
    event = happens(process_dies=True)
    clock.move(seconds=30)
    slow = Dispatch.claim(event.pk)
    clock.move(seconds=30)
    assert Dispatch.claim(event.pk) is not None
    assert slow is not None
    assert slow.write_outcome(last_error="too late") is False
    events._run_consumers([slow])
    assert Dispatch.objects.get().last_error == ""


def test_the_sweep_goes_by_due_time_not_by_number(
    track: Track, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CO-13."""
    Dispatch.objects.all().delete()
    for text in ("one", "two", "three"):
        say(track, text)
    rows = list(Dispatch.objects.order_by("pk"))
    for row, seconds in zip(rows, (3, 1, 2), strict=True):
        Dispatch.objects.filter(pk=row.pk).update(
            next_attempt_at=clock.now + timedelta(seconds=seconds)
        )
    clock.move(seconds=3)
    assert Dispatch.due(limit=10) == [rows[1].pk, rows[2].pk, rows[0].pk]
    assert Dispatch.due(limit=2) == [rows[1].pk, rows[2].pk]
    monkeypatch.setattr(tasks, "BATCH", 2)
    assert [tasks.sweep_dispatches() for _ in range(3)] == [2, 1, 0]


# -- the notice, the first real consumer -----------------------------------------------------------


def test_the_notice_is_planned_once_however_often_the_consumer_runs(
    track: Track, settings: Settings, clock: Clock
) -> None:
    ask = AskFactory(track=track)
    event = Event.objects.get(track=track, type="input_request.created")
    for _ in range(3):
        notify.on_events([event])
    notification = Notification.objects.get()
    assert (notification.ask, notification.kind) == (ask, "ask")
    assert notification.approver.address == "cfo@acme.com"
    assert notification.next_attempt_at == event.at


def test_an_agent_that_delivers_the_address_itself_gets_no_notice_sent(track: Track) -> None:
    AskFactory(track=track, notify=False)
    notify.on_events([Event.objects.get(track=track, type="input_request.created")])
    assert not Notification.objects.exists()


def test_other_events_plan_no_notice(track: Track) -> None:
    log_action(track_id=track.pk, workspace_id=track.workspace_id, text="x", step=None, actor=AGENT)
    for event in Event.objects.filter(track=track):
        notify.on_events([event])
    assert not Notification.objects.exists()


def test_an_erased_event_plans_no_notice(track: Track) -> None:
    AskFactory(track=track)
    event = Event.objects.get(track=track, type="input_request.created")
    event.content.delete()
    notify.on_events([Event.objects.get(pk=event.pk)])
    assert not Notification.objects.exists()
