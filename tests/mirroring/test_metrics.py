"""What /metrics says of connections, records and decisions on their way back."""

import pytest
from prometheus_client import CollectorRegistry
from pytest_django import DjangoAssertNumQueries

from config.metrics import DatabaseCollector
from mirroring import metrics
from mirroring.models import Connection, Poll, Record, RequestCount
from tests.conftest import Clock
from tests.mirroring.conftest import connect_to
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import answer, poll, push_due, record_of
from tracks.models import Workspace

pytestmark = pytest.mark.django_db


def number(metric: str, /, **labels: str) -> float | None:
    """Return a number as a fresh scrape shows it."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    return registry.get_sample_value(metric, labels)


def labels(connection: Connection) -> dict[str, str]:
    return {"connection": connection.public_id, "name": "ServiceNow"}


def test_a_system_is_as_old_as_its_latest_whole_picture(
    connection: Connection, clock: Clock
) -> None:
    of = labels(connection)
    clock.move(seconds=30)
    assert number("sayso_connector_lag_seconds", **of) == 30
    assert number("sayso_connector_last_success_timestamp", **of) == 0
    poll(connection)
    passed_at = clock.now
    clock.move(seconds=90)
    assert number("sayso_connector_lag_seconds", **of) == 90
    assert number("sayso_connector_last_success_timestamp", **of) == passed_at.timestamp()
    assert number("sayso_connector_interval_seconds", **of) == 60
    assert number("sayso_connector_paused", **of) == 0
    assert number("sayso_connector_failures", kind="", **of) is None


def test_failures_and_a_pause_are_seen(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    of = labels(connection)
    poll(connection)
    snow.faults.add(faults.SERVER_ERROR, times=2)
    for _ in range(2):
        poll(connection)
    assert number("sayso_connector_failures", kind="server", **of) == 2
    poll(connection)
    assert number("sayso_connector_failures", kind="server", **of) is None
    Poll.objects.update(paused_at=clock.now, next_attempt_at=None)
    assert number("sayso_connector_paused", **of) == 1


def test_a_connection_that_is_switched_off_alarms_nobody(connection: Connection) -> None:
    Connection.objects.update(enabled=False)
    assert number("sayso_connector_lag_seconds", **labels(connection)) is None


def test_records_and_pushes_are_counted_and_the_oldest_has_its_age(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    refs = [snow.open(f"Request {each}") for each in range(3)]
    poll(connection)
    answer(record_of(connection, refs[0]))
    push_due()
    Record.objects.update(next_attempt_at=None)
    Record.objects.filter(external_id=refs[2]).update(next_attempt_at=clock.now)
    clock.move(seconds=10)
    answer(record_of(connection, refs[1]))
    clock.move(seconds=20)
    found = [number("sayso_records", status=each) for each in ("pending", "deciding", "approved")]
    assert found == [1, 1, 1]
    assert number("sayso_records", status="conflict") == 0
    assert number("sayso_records_due") == 1
    assert number("sayso_records_due_oldest_seconds") == 30
    found = [number("sayso_pushes", status=each) for each in ("pending", "confirmed", "conflict")]
    assert found == [1, 1, 0]
    assert number("sayso_pushes_oldest_seconds") == 20
    push_due()
    assert number("sayso_pushes_oldest_seconds") == 0


def test_what_is_sent_to_a_system_and_what_it_lets_through(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    of = labels(connection)
    assert number("sayso_connector_requests_last_minute", **of) is None
    poll(connection)
    assert number("sayso_connector_requests_last_minute", **of) == len(snow.requests)
    assert number("sayso_connector_ratelimit_remaining", **of) is None
    for remaining in (40, 39):
        clock.move(minutes=2)
        RequestCount.objects.create(connection=connection, at=clock.now, remaining=remaining)
    assert number("sayso_connector_requests_last_minute", **of) == 0
    assert number("sayso_connector_ratelimit_remaining", **of) == 39


def test_the_number_of_queries_does_not_grow_with_the_connections(
    connection: Connection,
    snow: ServiceNow,
    workspace: Workspace,
    clock: Clock,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    connect_to(snow, workspace, name="Another")
    with django_assert_num_queries(7):
        list(metrics.read(clock.now))
