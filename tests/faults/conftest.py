"""Races in this process on the test database; faults of real processes on one of their own."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients import Agent
from tests.server import Installation, Outsider, Web, installed
from tracks.management.commands.audit import Audit


@pytest.fixture
def shared_database(transactional_db: None, settings: Any) -> Iterator[None]:
    """The test database for several threads; every chain on it holds in the end.

    What follows from an event is left out: it would only slow the race down.
    """
    settings.EVENT_CONSUMERS = []
    yield
    assert Audit().first_fault() is None


@pytest.fixture(scope="session")
def place() -> Iterator[Installation]:
    with installed() as place:
        yield place


@pytest.fixture(scope="session")
def web(place: Installation) -> Web:
    return place.web()


@pytest.fixture(scope="session")
def outsider(place: Installation) -> Outsider:
    return place.outsider()


@pytest.fixture(scope="session")
def key(outsider: Outsider) -> str:
    issued: str = outsider.call("issue_key")["key"]
    return issued


@pytest.fixture
def agent(web: Web, key: str) -> Agent:
    return Agent(web, key)
