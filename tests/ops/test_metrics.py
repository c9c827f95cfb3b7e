"""The numbers of /metrics."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pytest_django import DjangoAssertNumQueries

from config import metrics
from config.metrics import DatabaseCollector
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, config_of
from tracks.models import Dispatch, Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def numbers() -> CollectorRegistry:
    """What a scrape reads; the first one of a test is remembered for ten seconds."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    return registry


def _ask(workspace: Workspace, risk: str | None = None, **fields: Any) -> Any:
    config = config_of("confirm") | ({"risk": risk} if risk else {})
    return AskFactory(track=TrackFactory(workspace=workspace), config=config, **fields)


def test_asks_are_counted_as_everybody_sees_them(
    workspace: Workspace, clock: Clock, numbers: CollectorRegistry
) -> None:
    _ask(workspace, "high")
    _ask(workspace, "high", due_at=clock.now)
    _ask(workspace)
    answer(_ask(workspace, "low"))
    _ask(workspace, "low", timeout_seconds=30)
    clock.move(seconds=30)

    def asks(status: str) -> float | None:
        return numbers.get_sample_value("sayso_asks", {"status": status})

    assert [asks(each) for each in ("open", "answered", "timeout", "cancelled")] == [3, 1, 1, 0]

    def still_open(risk: str) -> float | None:
        return numbers.get_sample_value("sayso_asks_open", {"risk": risk})

    assert [still_open(each) for each in ("low", "medium", "high", "none")] == [0, 0, 2, 1]
    assert numbers.get_sample_value("sayso_asks_overdue") == 1
    assert numbers.get_sample_value("sayso_asks_oldest_open_seconds") == 30


def test_a_timeout_that_nobody_records_is_seen(
    workspace: Workspace, clock: Clock, numbers: CollectorRegistry
) -> None:
    _ask(workspace, timeout_seconds=30)
    clock.move(seconds=37)
    assert numbers.get_sample_value("sayso_timeouts_oldest_seconds") == 7


def test_the_time_to_an_answer_is_a_histogram(
    workspace: Workspace, clock: Clock, numbers: CollectorRegistry
) -> None:
    for seconds in (10, 11, 4000):
        ask = _ask(workspace, timeout_seconds=86400)
        clock.move(seconds=seconds)
        answer(ask)

    def bucket(edge: str) -> float | None:
        name = "sayso_time_to_answer_seconds_bucket"
        return numbers.get_sample_value(name, {"le": edge})

    assert [bucket(edge) for edge in ("10", "60", "3600", "14400", "+Inf")] == [1, 2, 2, 3, 3]
    assert numbers.get_sample_value("sayso_time_to_answer_seconds_sum") == 4021


def test_what_waits_to_be_done_is_seen_with_its_age(
    workspace: Workspace, clock: Clock, numbers: CollectorRegistry
) -> None:
    track = TrackFactory(workspace=workspace)
    event = Event.objects.get(track=track)
    Dispatch.objects.update_or_create(event=event, defaults={"next_attempt_at": clock.now})
    clock.move(minutes=5)
    assert numbers.get_sample_value("sayso_dispatch_depth") == Dispatch.objects.count()
    assert numbers.get_sample_value("sayso_dispatch_oldest_seconds") == 300
    assert numbers.get_sample_value("sayso_notifications_pending") == 0
    assert numbers.get_sample_value("sayso_notifications_oldest_seconds") == 0


def test_the_database_is_read_once_in_ten_seconds(
    numbers: CollectorRegistry,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    moment = [1000.0]
    monkeypatch.setattr(metrics.time, "monotonic", lambda: moment[0])
    list(numbers.collect())
    moment[0] += metrics.CACHED - 0.1
    with django_assert_num_queries(0):
        list(numbers.collect())
    moment[0] += 0.1
    with pytest.raises(pytest.fail.Exception), django_assert_num_queries(0):
        list(numbers.collect())


def test_the_version_is_the_projects() -> None:
    (info,) = [each for each in metrics._read() if each.name == "sayso_build_info"]
    assert info.samples[0].labels["version"] == "0.1.0"
