"""Beat and the workers say that they live (ux.md §5)."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from celery.signals import task_postrun
from django.db import DatabaseError
from prometheus_client import CollectorRegistry
from pytest_django import DjangoAssertNumQueries

from config.metrics import DatabaseCollector
from tests.conftest import Clock
from tracks import heartbeats, tasks
from tracks.models import Heartbeat

pytestmark = pytest.mark.django_db

WORKER = "celery@one"


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """This process's own clock, in the hands of a test; nothing has been noted yet."""
    moment = [1000.0]
    monkeypatch.setattr(heartbeats.time, "monotonic", lambda: moment[0])
    monkeypatch.setattr(heartbeats, "_process", heartbeats._Process())
    return moment


def finish_task(worker: str = WORKER) -> None:
    """Tell what Celery tells when a worker has finished a task."""
    task = Mock(request=SimpleNamespace(hostname=worker))
    task_postrun.send(sender=task, task_id="1")


def seen() -> dict[str, Any]:
    return dict(Heartbeat.objects.values_list("name", "seen_at"))


def test_a_tick_is_noted_in_one_row_for_ever(clock: Clock) -> None:
    tasks.tick()
    first = clock.now
    assert seen() == {"beat": first}
    clock.move(seconds=15)
    tasks.tick()
    assert seen() == {"beat": clock.now}
    assert Heartbeat.objects.get().kind == Heartbeat.Kind.BEAT


def test_a_worker_is_seen_when_it_finishes_a_task(clock: Clock) -> None:
    finish_task()
    assert seen() == {WORKER: clock.now}
    assert Heartbeat.objects.get().kind == Heartbeat.Kind.WORKER


def test_a_busy_worker_writes_four_times_a_minute(
    clock: Clock, host: list[float], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    finish_task()
    noted = clock.now
    clock.move(seconds=15)
    host[0] += 14.9
    with django_assert_num_queries(0):
        finish_task()
    assert seen() == {WORKER: noted}
    host[0] += 0.1
    finish_task()
    assert seen() == {WORKER: clock.now}


def test_a_task_does_not_fail_because_its_worker_cannot_be_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(heartbeats, "_note", fail)
    heartbeats.note_worker(WORKER)


def test_workers_that_are_gone_are_forgotten_and_beat_is_not(
    clock: Clock, host: list[float]
) -> None:
    tasks.tick()
    finish_task("celery@old")
    clock.move(hours=1)
    host[0] += 3600
    finish_task("celery@new")
    clock.move(hours=23)
    assert tasks.purge() == 0
    clock.move(seconds=1)
    assert tasks.purge() == 1
    assert list(seen()) == ["beat", "celery@new"]


def test_metrics_show_when_they_were_seen(clock: Clock) -> None:
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    tasks.tick()
    finish_task()
    value = registry.get_sample_value("sayso_beat_last_tick_timestamp")
    assert value == clock.now.timestamp()
    name = "sayso_worker_last_seen_timestamp"
    assert registry.get_sample_value(name, {"worker": WORKER}) == clock.now.timestamp()


def test_where_beat_has_never_ticked_there_is_no_time() -> None:
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    assert registry.get_sample_value("sayso_beat_last_tick_timestamp") is None
