"""One installation and one web server for all tests of waiting."""

from collections.abc import Iterator

import pytest

from tests.clients import Agent
from tests.server import Installation, Outsider, Web, installed


@pytest.fixture(scope="session")
def place() -> Iterator[Installation]:
    with installed() as place:
        yield place


@pytest.fixture(scope="session")
def web(place: Installation) -> Web:
    return place.web()


@pytest.fixture(scope="session")
def outsider(place: Installation) -> Outsider:
    """Another process on the same database, which publishes through Redis if there is one."""
    return place.outsider()


@pytest.fixture(scope="session")
def key(outsider: Outsider) -> str:
    issued: str = outsider.call("issue_key")["key"]
    return issued


@pytest.fixture
def agent(web: Web, key: str) -> Agent:
    return Agent(web, key)
