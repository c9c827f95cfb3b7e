"""Whoever waits is woken by the commit: in this process, from another, with and without Redis.

A wait lasts 20 seconds and none of these tests takes as long. Servers that are `unwatched` have no
watcher, so that nothing but the wake-up itself can have ended the wait.
"""

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.clients import Agent, Browser
from tests.server import Installation, Outsider, Web
from tests.waiting.sse import Stream

UNWATCHED = "tests.waiting.unwatched"
SOON = 5.0  # seconds; the wait would take 20


@pytest.fixture(scope="module")
def alone(place: Installation) -> Iterator[Web]:
    """A server that hears of nothing but its own commits."""
    web = place.another_web(module=UNWATCHED, REDIS_URL="")
    yield web
    web.stop()


@pytest.fixture(scope="module")
def through_redis(place: Installation) -> Iterator[Web]:
    """A server that hears of other processes through Redis only."""
    web = place.another_web(module=UNWATCHED)
    yield web
    web.stop()


@pytest.fixture(scope="module")
def through_the_database(place: Installation) -> Iterator[Web]:
    """A server that hears of other processes through the database only."""
    web = place.another_web(REDIS_URL="")
    yield web
    web.stop()


def test_an_answer_on_the_page_wakes_the_agent(alone: Web, outsider: Outsider, key: str) -> None:
    agent = Agent(alone, key)
    ask = agent.ask()
    browser = Browser(alone, outsider, ask["id"])
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")

    assert browser.answer("true").status_code == 303

    body = waiting.response(within=SOON).json()
    assert body["status"] == "answered"
    assert body["answer"]["value"] is True


def test_cancelling_wakes_the_agent(alone: Web, key: str) -> None:
    agent = Agent(alone, key)
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")

    agent.http.post(f"/asks/{ask['id']}/cancel")

    assert waiting.response(within=SOON).json()["status"] == "cancelled"


def test_an_event_wakes_the_feed(alone: Web, key: str) -> None:
    agent = Agent(alone, key)
    track = agent.track()
    waiting = agent.waiting(f"/tracks/{track['id']}/events?after=1&wait=20")

    agent.http.post(f"/tracks/{track['id']}/actions", json={"text": "Parsed."})

    body = waiting.response(within=SOON).json()
    assert [event["type"] for event in body["data"]] == ["action.logged"]
    assert body["last_seq"] == 2


def test_an_event_wakes_the_live_page(alone: Web, key: str) -> None:
    agent = Agent(alone, key)
    track = agent.track()
    with Stream(alone, track["url"]) as stream:
        assert stream.next_change() == {"seq": 1, "ask": None, "status": None, "closed": False}

        ask = agent.ask(track=track["id"])

        change = {"seq": 2, "ask": ask["id"], "status": "open", "closed": False}
        assert stream.next_change() == change


def test_each_of_many_waiters_is_woken(alone: Web, key: str) -> None:
    agent = Agent(alone, key)
    ask = agent.ask()
    waiting = [agent.waiting(f"/asks/{ask['id']}?wait=20") for _ in range(5)]

    agent.http.post(f"/asks/{ask['id']}/cancel")

    assert {each.response(within=SOON).json()["status"] for each in waiting} == {"cancelled"}


def test_nobody_else_is_woken(alone: Web, key: str) -> None:
    agent = Agent(alone, key)
    ask = agent.ask()
    other = agent.waiting(f"/asks/{agent.ask()['id']}?wait=1")

    agent.http.post(f"/asks/{ask['id']}/cancel")

    assert other.is_waiting()
    assert other.response().json()["status"] == "open"


@pytest.mark.redis
def test_another_process_wakes_the_agent_through_redis(
    through_redis: Web, outsider: Outsider, key: str
) -> None:
    agent = Agent(through_redis, key)
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")

    outsider.call("answer", ask=ask["id"])

    assert waiting.response(within=SOON).json()["status"] == "answered"


def test_another_process_wakes_the_agent_through_the_database(
    through_the_database: Web, outsider: Outsider, key: str
) -> None:
    agent = Agent(through_the_database, key)
    ask = agent.ask()
    waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")

    outsider.call("answer", ask=ask["id"])

    assert waiting.response(within=SOON).json()["status"] == "answered"


def test_another_process_wakes_the_feed_through_the_database(
    through_the_database: Web, outsider: Outsider, key: str
) -> None:
    agent = Agent(through_the_database, key)
    track = agent.track()
    waiting = agent.waiting(f"/tracks/{track['id']}/events?after=1&wait=20")

    outsider.call("act", track=track["id"])

    body = waiting.response(within=SOON).json()
    assert [event["type"] for event in body["data"]] == ["action.logged"]


def test_waking_takes_milliseconds(alone: Web, outsider: Outsider, key: str) -> None:
    """Half of them at least: a machine that does other things may hold up the rest."""
    agent = Agent(alone, key)
    taken = []
    for ask in [agent.ask(notify=False) for _ in range(9)]:
        waiting = agent.waiting(f"/asks/{ask['id']}?wait=20")
        answered = agent.http.post(f"/asks/{ask['id']}/cancel").json()["closed_at"]
        waiting.response()
        taken.append(waiting.at - datetime.fromisoformat(answered).timestamp())
    assert sorted(taken)[4] < 0.2
