"""One Redis subscription a process: what other processes commit wakes the waiters of this one."""

import asyncio
from uuid import UUID

import redis.asyncio
import structlog
from django.conf import settings

from tracks.wakeups import CHANNEL, Hub

log = structlog.get_logger(__name__)

PAUSE = 1.0  # seconds between attempts to reach Redis


async def run(hub: Hub) -> None:
    """Listen until cancelled; while Redis is away, the watcher of the database stands in."""
    while True:
        try:
            await _listen(hub)
        except (redis.RedisError, OSError) as error:
            log.warning("subscriber.lost", error=repr(error))
            await asyncio.sleep(PAUSE)


async def _listen(hub: Hub) -> None:
    async with redis.asyncio.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as feed:
        await feed.subscribe(CHANNEL)
        async for message in feed.listen():
            if message["type"] == "message":
                hub.wake(_keys(message["data"]))


def _keys(message: bytes) -> list[UUID]:
    """Return the keys in a message; what is no wake-up wakes nobody, and does no harm."""
    try:
        return [UUID(key) for key in message.decode().split()]
    except ValueError:
        return []
