"""When a connection pauses, and what happens at once when it is resumed."""

import pytest

from mirroring import operating
from mirroring.models import Connection, Poll, Push
from tests.conftest import Clock
from tests.factories import AGENT
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import answer, consume, poll, push_due, record_of

pytestmark = pytest.mark.django_db


def seal(connection: Connection, password: str) -> None:
    connection.seal({"password": password})
    connection.save()


def fail(connection: Connection, snow: ServiceNow, clock: Clock, *, times: int) -> Poll:
    """Let the system fail at several polls."""
    for _ in range(times):
        clock.move(hours=1)
        snow.faults.add(faults.SERVER_ERROR)
        standing = poll(connection)
    return standing


def refuse(connection: Connection, clock: Clock, *, times: int) -> Poll:
    """Let the account be refused at several polls."""
    seal(connection, "wrong")
    for _ in range(times):
        clock.move(hours=1)
        standing = poll(connection)
    return standing


def test_failures_of_the_system_are_no_refusals(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    """Five refusals in a row pause it, whatever was before them."""
    poll(connection)
    assert fail(connection, snow, clock, times=4).failures == 4
    standing = refuse(connection, clock, times=1)
    assert (standing.failures, standing.error_kind, standing.paused_at) == (1, "auth", None)
    assert refuse(connection, clock, times=3).paused_at is None
    standing = refuse(connection, clock, times=1)
    assert (standing.failures, standing.paused_at) == (5, clock.now)


def test_refusals_in_between_do_not_add_up(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    poll(connection)
    for _ in range(2):
        assert refuse(connection, clock, times=4).paused_at is None
        seal(connection, "sayso-password")
        assert fail(connection, snow, clock, times=1).failures == 5


def test_once_it_is_resumed_what_waits_is_written_at_once(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    poll(connection)
    ref = snow.open("12 laptops")
    poll(connection)
    consume()
    answer(record_of(connection, ref), True)
    refuse(connection, clock, times=5)
    for _ in range(6):
        (made,) = push_due()
    assert made.next_attempt_at is not None
    assert (made.next_attempt_at - clock.now).total_seconds() == 3600
    seal(connection, "sayso-password")
    operating.resume(connection, actor=AGENT)
    assert Push.objects.get().next_attempt_at == clock.now
    (made,) = push_due()
    assert made.status == "confirmed"
