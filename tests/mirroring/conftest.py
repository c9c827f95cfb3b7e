"""Systems are on loopback here, which the operator admits; and time can be let pass."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from mirroring.connectors import http
from mirroring.connectors.auth import forget_tokens
from mirroring.connectors.declarative import directory
from mirroring.models import Connection, Record
from tests.conftest import Clock
from tests.mirroring.emulators.servicenow import ACCOUNTS, ServiceNow
from tests.mirroring.mirror import answer, connect, consume, poll, record_of
from tracks import clock as tracks_clock
from tracks.models import Workspace

Later = Callable[..., None]


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Settings) -> Iterator[None]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    forget_tokens()
    directory.forget()
    yield
    forget_tokens()
    directory.forget()


@pytest.fixture(autouse=True)
def _pauses_are_kept_by_the_clock_of_the_test(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a system asks for in one test holds up no other, and ends when its clock says so."""
    monkeypatch.setattr(http, "_budgets", {})
    if "clock" in request.fixturenames:
        clock: Clock = request.getfixturevalue("clock")
        monkeypatch.setattr(http, "steady", lambda: clock.now.timestamp())


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Let the database's clock run ahead: later(hours=1). The system's own runs as it does."""
    ahead = [timedelta()]

    def move(**by: float) -> None:
        ahead[0] += timedelta(**by)

    monkeypatch.setattr(tracks_clock, "_read_clock", lambda: datetime.now(UTC) + ahead[0])
    return move


@pytest.fixture
def snow(clock: Clock) -> Iterator[ServiceNow]:
    """A ServiceNow that goes by the clock of the test."""
    with contextlib.closing(ServiceNow()) as system:
        system.clock.follow(lambda: clock.now)
        yield system


@pytest.fixture
def connection(workspace: Workspace, snow: ServiceNow) -> Connection:
    """A connection to it of which nothing has been read yet."""
    return connect_to(snow, workspace)


@pytest.fixture
def waiting(connection: Connection, snow: ServiceNow) -> Record:
    """Rita's request, of which Alice is asked."""
    poll(connection)
    ref = snow.open("12 laptops")
    poll(connection)
    consume()
    return record_of(connection, ref)


@pytest.fixture
def decided(waiting: Record) -> Record:
    """The same, approved here by Alice and not written back yet."""
    answer(waiting, True)
    return waiting


def connect_to(snow: ServiceNow, workspace: Workspace, **settings: Any) -> Connection:
    """Connect a workspace to an emulated ServiceNow."""
    ((username, password),) = ACCOUNTS.items()
    config = {"base_url": snow.url, "username": username}
    more = {"name": "ServiceNow", "requests_per_minute": 1_000_000, **settings}
    return connect(workspace, "servicenow", config, secrets={"password": password}, **more)
