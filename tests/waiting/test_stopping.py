"""SIGTERM lets every waiter go with what it would read now, and the process is gone at once."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.clients import Agent
from tests.server import Installation, Web
from tests.waiting.raw import Connection
from tests.waiting.sse import Stream

AT_ONCE = 2.0  # seconds; it takes 0.3, and 5 are allowed
CROWD = 2000


@dataclass
class Stopped:
    """What became of those who were connected when the server was told to stop."""

    took: float
    track: dict[str, Any]
    asks: list[dict[str, Any]]
    answers: list[httpx2.Response]
    feed: httpx2.Response
    under_way: httpx2.Response
    stream_ended: bool
    silent_was_closed: bool
    idle_was_closed: bool


@pytest.fixture(scope="module")
def stopped(place: Installation, key: str) -> Stopped:
    web = place.another_web()
    agent = Agent(web, key)
    asks, track = [agent.ask() for _ in range(3)], agent.track()
    with Connection(web) as silent, Connection(web) as idle, Stream(web, track["url"]) as stream:
        idle.request("GET /healthz")
        stream.next_change()
        waiting = [agent.waiting(f"/asks/{ask['id']}?wait=25") for ask in asks]
        feed = agent.waiting(f"/tracks/{track['id']}/events?after=1&wait=25")
        # Hashing the password takes longer than the signal's way.
        under_way = agent.posting("/tracks", {"title": "Batch", "password": "correct horse"})
        return Stopped(
            took=web.stop(),
            track=track,
            asks=asks,
            answers=[each.response() for each in waiting],
            feed=feed.response(),
            under_way=under_way.response(),
            stream_ended=stream.next_change() is None,
            silent_was_closed=silent.is_closed_within(1),
            idle_was_closed=idle.is_closed_within(1),
        )


def test_it_is_gone_at_once(stopped: Stopped) -> None:
    assert stopped.took < AT_ONCE


def test_waiters_are_told_that_the_ask_is_open(stopped: Stopped) -> None:
    assert [answer.status_code for answer in stopped.answers] == [200, 200, 200]
    assert [answer.json() for answer in stopped.answers] == stopped.asks
    assert {answer.headers["Connection"] for answer in stopped.answers} == {"close"}


def test_a_feed_is_told_that_there_is_nothing_new(stopped: Stopped) -> None:
    assert stopped.feed.json() == {"data": [], "last_seq": 1}


def test_a_live_page_ends_properly(stopped: Stopped) -> None:
    assert stopped.stream_ended


def test_idle_connections_are_closed(stopped: Stopped) -> None:
    assert (stopped.silent_was_closed, stopped.idle_was_closed) == (True, True)


def test_a_request_under_way_is_finished(stopped: Stopped) -> None:
    assert stopped.under_way.status_code == 201


@pytest.fixture
def web(place: Installation) -> Iterator[Web]:
    """A server of one test: it is stopped in it."""
    web = place.another_web()
    yield web
    web.kill()


def test_a_body_that_never_comes_does_not_keep_the_process(web: Web, key: str) -> None:
    with Connection(web) as slow:
        slow.begin("POST /api/v1/tracks", f"Authorization: Bearer {key}", "Content-Length: 100")
        time.sleep(0.2)

        assert web.stop() < 5


def test_a_crowd_is_let_go_in_time(web: Web, agent: Agent, key: str) -> None:
    path = f"/api/v1/asks/{agent.ask()['id']}?wait=25"
    connections = [Connection(web) for _ in range(CROWD)]
    for connection in connections:
        connection.begin(f"GET {path}", f"Authorization: Bearer {key}")
    time.sleep(3)

    assert web.stop() < 5

    assert {connection.answer().status for connection in connections} == {200}


def test_a_server_that_started_again_takes_the_next_wait(web: Web, agent: Agent) -> None:
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=25")
    web.stop()
    assert waiting.response().json()["status"] == "open"

    web.restart()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=25")
    agent.http.post(f"/asks/{ask['id']}/cancel")

    assert waiting.response().json()["status"] == "cancelled"
