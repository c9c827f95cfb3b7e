"""A database that goes away during a wait: 503 with Retry-After, and the next request is right."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from tests.clients import Agent
from tests.server import Installation, Outsider
from tests.waiting.raw import until

pytestmark = pytest.mark.postgresql

GONE_WITHIN = 5000  # milliseconds: a backend that is about to end still looks healthy


@contextmanager
def away(place: Installation) -> Iterator[None]:
    """Throw every client out of the database and let nobody in."""
    _allow(place, allow=False)
    _disconnect(place)
    try:
        yield
    finally:
        _allow(place, allow=True)


def _allow(place: Installation, *, allow: bool) -> None:
    statement = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    name = sql.Identifier(place.database)
    with psycopg.connect(place.admin_url, autocommit=True) as connection:
        connection.execute(statement.format(name, sql.Literal(allow)))


def _disconnect(place: Installation) -> None:
    with psycopg.connect(place.admin_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE datname = %s",
            [GONE_WITHIN, place.database],
        )


def test_a_wait_that_ends_without_a_database_is_refused(agent: Agent, place: Installation) -> None:
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=1")

    with away(place):
        response = waiting.response()

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert agent.http.get(f"/asks/{ask['id']}?wait=1").json() == ask


def test_the_refusal_is_that_of_a_request_that_does_not_wait(
    agent: Agent, place: Installation
) -> None:
    ask = agent.ask()
    with away(place):
        plain = agent.http.get(f"/asks/{ask['id']}")
        waiting = agent.http.get(f"/asks/{ask['id']}?wait=1")

    bodies = [response.json() for response in (plain, waiting)]
    for body in bodies:
        assert body.pop("request_id").startswith("req_")
    assert bodies[0] == bodies[1]
    assert plain.status_code == waiting.status_code == 503
    assert plain.headers["Retry-After"] == waiting.headers["Retry-After"]


def test_lost_connections_are_replaced_during_a_wait(agent: Agent, place: Installation) -> None:
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")

    _disconnect(place)
    assert agent.http.post(f"/asks/{ask['id']}/cancel").status_code == 200

    assert waiting.response(within=5).json()["status"] == "cancelled"


def test_a_change_while_nobody_could_look_is_found_afterwards(
    agent: Agent, place: Installation, fresh_outsider: Outsider
) -> None:
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")

    with away(place):
        pass
    fresh_outsider.call("answer", ask=ask["id"])

    assert waiting.response(within=5).json()["status"] == "answered"


@pytest.fixture
def fresh_outsider(place: Installation) -> Outsider:
    """Another process that tells nobody what it does but the database."""
    outsider = place.outsider(REDIS_URL="")
    outsider.call("unissued_key")
    return outsider


@pytest.fixture(autouse=True)
def _everyone_is_back(agent: Agent) -> Iterator[None]:
    yield
    until(lambda: agent.http.get("/asks").status_code == 200)
