"""SIGTERM lets every waiter go with what it would read now, and the process is gone at once."""

import time
from collections.abc import Iterator

import pytest

from tests.clients import Agent
from tests.server import Installation, Web
from tests.waiting.raw import Connection
from tests.waiting.sse import Stream

AT_ONCE = 2.0  # seconds; it takes 0.3, and 5 are allowed


@pytest.fixture
def web(place: Installation) -> Iterator[Web]:
    """A server of this test alone: it is stopped in it."""
    web = place.another_web()
    yield web
    web.kill()


def test_waiters_are_told_that_the_ask_is_open(web: Web, agent: Agent) -> None:
    asks = [agent.ask() for _ in range(3)]
    waiting = [agent.waiting(f"/asks/{ask['id']}?wait=25") for ask in asks]

    assert web.stop() < AT_ONCE

    for ask, each in zip(asks, waiting, strict=True):
        response = each.response()
        assert response.status_code == 200
        assert response.headers["Connection"] == "close"
        assert response.json() == ask


def test_a_feed_is_told_that_there_is_nothing_new(web: Web, agent: Agent) -> None:
    track = agent.track()
    waiting = agent.waiting(f"/tracks/{track['id']}/events?after=1&wait=25")

    assert web.stop() < AT_ONCE

    assert waiting.response().json() == {"data": [], "last_seq": 1}


def test_a_live_page_ends_properly(web: Web, agent: Agent) -> None:
    with Stream(web, agent.track()["url"]) as stream:
        stream.next_change()

        assert web.stop() < AT_ONCE

        assert stream.next_change() is None


def test_idle_connections_do_not_keep_the_process(web: Web, agent: Agent) -> None:
    with Connection(web) as silent, Connection(web) as idle:
        assert idle.request("GET /healthz").status == 200

        assert web.stop() < AT_ONCE

        assert silent.is_closed_within(1)
        assert idle.is_closed_within(1)


def test_a_body_that_never_comes_does_not_keep_the_process(web: Web, key: str) -> None:
    with Connection(web) as slow:
        slow.begin("POST /api/v1/tracks", f"Authorization: Bearer {key}", "Content-Length: 100")
        time.sleep(0.2)

        assert web.stop() < 5


def test_a_request_under_way_is_finished(web: Web, agent: Agent) -> None:
    # Hashing the password takes longer than the signal's way.
    waiting = agent.posting("/tracks", {"title": "Batch", "password": "correct horse"})

    assert web.stop() < AT_ONCE

    assert waiting.response().status_code == 201


def test_two_thousand_waiters_are_let_go_in_time(web: Web, agent: Agent, key: str) -> None:
    path = f"/api/v1/asks/{agent.ask()['id']}?wait=25"
    connections = [Connection(web) for _ in range(2000)]
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
