"""Rows that are claimed, and the pokes that make them quick."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from kombu.exceptions import OperationalError as BrokerError
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.conftest import Clock
from tests.factories import TrackFactory, say
from tracks import work
from tracks.models import Dispatch, Track


@pytest.fixture
def row(track: Track, clock: Clock) -> Dispatch:
    """A row that is due now and was tried once."""
    Dispatch.objects.all().delete()
    event = say(track, "x")
    Dispatch.objects.update(next_attempt_at=clock.now)
    return Dispatch.objects.get(event=event)


def test_claiming_moves_the_row_by_its_lease_and_counts_the_try(
    row: Dispatch, clock: Clock
) -> None:
    claimed = Dispatch.claim(row.pk)
    assert claimed is not None
    assert (claimed.attempts, claimed.next_attempt_at) == (2, clock.now + timedelta(seconds=30))


def test_a_claimed_row_is_nobody_elses_until_the_lease_is_over(row: Dispatch, clock: Clock) -> None:
    assert Dispatch.claim(row.pk) is not None
    assert Dispatch.claim(row.pk) is None
    clock.move(seconds=29, milliseconds=999)
    assert Dispatch.claim(row.pk) is None
    clock.move(milliseconds=1)
    assert Dispatch.claim(row.pk) is not None


def test_several_are_claimed_at_once_but_for_what_another_has(row: Dispatch, clock: Clock) -> None:
    others = [say(row.event.track, "x"), say(row.event.track, "y")]
    Dispatch.objects.filter(pk=others[0].pk).update(next_attempt_at=clock.now - timedelta(hours=1))
    pks = [row.pk, *(other.pk for other in others)]
    claimed = Dispatch.claim_all(pks)
    assert [each.pk for each in claimed] == [others[0].pk, row.pk]  # the oldest first
    lease = clock.now + timedelta(seconds=30)
    assert [(each.attempts, each.next_attempt_at) for each in claimed] == [(2, lease)] * 2
    for each in claimed:
        each.refresh_from_db()
    assert [(each.attempts, each.next_attempt_at) for each in claimed] == [(2, lease)] * 2
    assert Dispatch.claim_all(pks) == []


def test_a_row_that_is_not_due_or_done_or_gone_is_not_claimed(row: Dispatch, clock: Clock) -> None:
    clock.move(milliseconds=-1)
    assert Dispatch.claim(row.pk) is None
    Dispatch.objects.all().delete()
    clock.move(days=1)
    assert Dispatch.claim(row.pk) is None


def test_an_outcome_is_written_by_who_holds_the_row(row: Dispatch, clock: Clock) -> None:
    slow = Dispatch.claim(row.pk)
    clock.move(seconds=30)
    quick = Dispatch.claim(row.pk)
    assert slow is not None
    assert quick is not None
    assert slow.write_outcome(last_error="slow") is False
    assert quick.write_outcome(last_error="quick") is True
    assert Dispatch.objects.get(pk=row.pk).last_error == "quick"


def test_a_retry_is_due_later_and_keeps_what_went_wrong(row: Dispatch, clock: Clock) -> None:
    claimed = Dispatch.claim(row.pk)
    assert claimed is not None
    assert claimed.retry(after=timedelta(minutes=5), error="x" * 3000)
    claimed.refresh_from_db()
    assert claimed.next_attempt_at == clock.now + timedelta(minutes=5)
    assert claimed.last_error == "x" * 2000


def test_the_oldest_is_due_first(row: Dispatch, clock: Clock) -> None:
    older = TrackFactory(workspace=row.event.track.workspace)
    Dispatch.objects.filter(event__track=older).update(
        next_attempt_at=clock.now - timedelta(seconds=1)
    )
    assert Dispatch.due(limit=9) == [older.events.get().pk, row.pk]
    assert Dispatch.due(limit=1) == [older.events.get().pk]


# -- pokes -----------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    tasks: list[Any] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, args, **options: tasks.append((name, args, options))
    )
    return tasks


def test_a_poke_asks_for_a_task_by_name_once(sent: list[Any]) -> None:
    work.poke("a.task", "1")
    assert sent == [("a.task", ("1",), {"retry": False, "ignore_result": True})]


def test_without_a_broker_a_poke_is_only_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """CO-18."""

    def refuse(*_: Any, **__: Any) -> None:
        raise BrokerError("no broker")

    monkeypatch.setattr(current_app, "send_task", refuse)
    work.poke("a.task", "1")


def test_a_poke_after_commit_waits_for_it(
    db: None, sent: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        work.poke_after_commit("a.task", "1")
        assert sent == []
    assert len(sent) == 1


ran: list[str] = []


def note(text: str) -> None:
    ran.append(f"{text} in {threading.current_thread().name.rpartition('_')[0]}")


def fail(text: str) -> None:
    raise RuntimeError(text)


def test_the_embedded_run_does_at_once_what_a_person_waits_for(
    settings: Settings, sent: list[Any]
) -> None:
    ran.clear()
    settings.IN_PROCESS_TASKS = {f"{__name__}.note", f"{__name__}.fail"}
    work.poke(f"{__name__}.fail", "x")
    work.poke(f"{__name__}.note", "y")
    work._background().submit(int).result(timeout=10)  # one thread, so what came before is done
    assert (ran, sent) == (["y in background"], [])
