"""A waiting request holds no thread and no database connection, however many there are."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.clients import Agent
from tests.server import Installation, Web
from tests.waiting.raw import Connection

WAITERS = 300
# The main thread, the event loop's resolver, those that read for waiters, those that run Django,
# those of Redis and of work in the background.
MOST_THREADS = 12


@pytest.fixture(scope="module")
def crowded(place: Installation, key: str) -> Iterator[Web]:
    """A server at which asks, feeds and live pages wait."""
    web = place.another_web()
    agent = Agent(web, key)
    ask = agent.ask()
    slug = ask["url"].rpartition("/")[2]
    paths = [
        f"/api/v1/asks/{ask['id']}?wait=25",
        f"/api/v1/tracks/{ask['track_id']}/events?after=2&wait=25",
        f"/t/{slug}/live",
    ]
    connections = [Connection(web) for _ in range(WAITERS)]
    for index, connection in enumerate(connections):
        connection.begin(f"GET {paths[index % 3]}", f"Authorization: Bearer {key}")
    time.sleep(2)
    yield web
    web.stop()


def test_threads_are_few(crowded: Web) -> None:
    assert crowded.threads() <= MOST_THREADS


def test_other_requests_are_served(crowded: Web, key: str) -> None:
    assert Agent(crowded, key).track()["status"] == "active"


def test_new_waiters_are_served(crowded: Web, key: str) -> None:
    agent = Agent(crowded, key)
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")
    agent.http.post(f"/asks/{ask['id']}/cancel")
    assert waiting.response(within=5).json()["status"] == "cancelled"


@pytest.mark.postgresql
def test_database_connections_are_few(crowded: Web, place: Installation) -> None:
    with psycopg.connect(place.env["DATABASE_URL"]) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        row = connection.execute(query).fetchone()
    assert row is not None
    # Those of the session's other processes are counted, too: a server has at most seven.
    assert row[0] <= 30


@pytest.mark.sqlite
def test_database_files_are_few(crowded: Web, place: Installation) -> None:
    assert len(crowded.open_files(place.database)) <= 8
