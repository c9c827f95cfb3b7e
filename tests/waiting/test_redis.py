"""Redis makes wake-ups fast and is needed for nothing: it may come and go."""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from config import subscriber
from tracks import wakeups
from tracks.wakeups import hub, publish

NAME = f"sayso-tests-{os.getpid()}"
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def server(settings: Any) -> Iterator[redis.Redis]:
    """The Redis of this run, and a subscriber's connection that can be told from all others."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    settings.REDIS_URL += f"?client_name={NAME}"
    yield client
    client.close()


def subscribers(server: redis.Redis) -> list[str]:
    """Return the ids of our subscriber's connections."""
    clients: Any = server.client_list(_type="pubsub")
    return [client["id"] for client in clients if client["name"] == NAME]


@pytest.mark.redis
def test_a_subscription_that_breaks_is_taken_up_again(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "PAUSE", 0.01)

    async def scene() -> None:
        hub.attach(asyncio.get_running_loop())
        listening = asyncio.create_task(subscriber.run(hub))
        first = await one(server)
        server.client_kill_filter(_id=first)
        assert await one(server, other_than=first) != first
        key = uuid4()
        with hub.subscribed(key) as woken:
            await asyncio.wait_for(published_until(woken, server, key), 20)
        listening.cancel()

    asyncio.run(scene())


async def published_until(woken: asyncio.Future[None], server: redis.Redis, key: UUID) -> None:
    """Publish until it is heard: what is said while a subscription is taken up goes to nobody,
    and the client may take it up twice, once by itself and once because it was told to.
    """
    while not woken.done():
        server.publish(wakeups.CHANNEL, f"{uuid4().hex} {key.hex}")
        await asyncio.wait([woken], timeout=0.05)


async def one(server: redis.Redis, *, other_than: str = "") -> str:
    """Wait until our subscriber is connected, and return the id of its connection."""
    for _ in range(500):
        found = [each for each in subscribers(server) if each != other_than]
        if found:
            return found[0]
        await asyncio.sleep(0.01)
    raise AssertionError("nobody subscribed")


@pytest.mark.redis
def test_what_is_no_wake_up_does_no_harm(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        hub.attach(asyncio.get_running_loop())
        listening = asyncio.create_task(subscriber.run(hub))
        await one(server)
        key = uuid4()
        with hub.subscribed(key) as woken:
            server.publish(wakeups.CHANNEL, "nonsense")
            server.publish(wakeups.CHANNEL, key.hex)
            await asyncio.wait_for(woken, 5)
        listening.cancel()

    asyncio.run(scene())


@pytest.fixture
def without_redis(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = NOWHERE
    wakeups._redis.cache_clear()
    wakeups._Pause.until = 0.0
    yield
    wakeups._redis.cache_clear()
    wakeups._Pause.until = 0.0


def test_without_redis_those_here_are_woken_and_nothing_fails(without_redis: None) -> None:
    async def scene() -> None:
        hub.attach(asyncio.get_running_loop())
        ask = uuid4()
        with hub.subscribed(ask) as woken:
            await asyncio.to_thread(publish, track_id=uuid4(), closed_ask=ask)
            await asyncio.wait_for(woken, 5)

    asyncio.run(scene())


def test_the_absence_of_redis_costs_one_attempt_in_a_while(
    without_redis: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[str] = []
    monkeypatch.setattr(wakeups.log, "warning", lambda event, **_: complaints.append(event))

    started = time.monotonic()
    for _ in range(20):
        publish(track_id=uuid4())

    assert complaints == ["wakeup.not_published"]
    assert time.monotonic() - started < 2


def test_a_subscriber_without_redis_keeps_trying(
    without_redis: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "PAUSE", 0.01)
    complaints: list[str] = []
    monkeypatch.setattr(subscriber.log, "warning", lambda event, **_: complaints.append(event))

    async def scene() -> None:
        listening = asyncio.create_task(subscriber.run(hub))
        while len(complaints) < 2:
            await asyncio.sleep(0.01)
        listening.cancel()

    asyncio.run(asyncio.wait_for(scene(), 20))
    assert set(complaints) == {"subscriber.lost"}
