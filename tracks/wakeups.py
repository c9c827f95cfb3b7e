"""Waking whoever waits for a track or an ask, in this process and in all others.

A wake-up says "look again" and carries no answer: the database does. Losing one costs a fraction
of a second, since waiting processes also watch the database (`tracks.watcher`).
"""

import asyncio
import time
from collections.abc import Iterable
from functools import cache
from uuid import UUID

import redis
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

Waiters = dict[UUID, set[asyncio.Future[None]]]

CHANNEL = "sayso:wakeups"
# Seconds for which this thread leaves the interpreter to the waiter that it has woken: what comes
# next, the consumers, would take every second turn from it.
HEAD_START = 0.004
PAUSE_AFTER_FAILURE = 5.0  # seconds without Redis, so that its absence costs one timeout, not many


def publish(*, track_id: UUID, closed_ask: UUID | None = None) -> None:
    """Wake the waiters of a track, and of the ask that has just closed on it."""
    keys = [track_id] if closed_ask is None else [closed_ask, track_id]
    hub.wake_from_any_thread(keys)
    if settings.REDIS_URL:
        _publish_elsewhere(" ".join(key.hex for key in keys))
    if closed_ask is not None and hub.awaits(closed_ask):
        time.sleep(HEAD_START)


def resolve(future: asyncio.Future[None]) -> None:
    """Let whoever awaits the future go on; twice is once."""
    if not future.done():
        future.set_result(None)


class Subscription:
    """One waiter among those of its key. Small: there are thousands."""

    __slots__ = ("_future", "_key", "_waiters")

    def __init__(self, waiters: Waiters, key: UUID, future: asyncio.Future[None]) -> None:
        self._waiters, self._key, self._future = waiters, key, future

    def __enter__(self) -> asyncio.Future[None]:
        self._waiters.setdefault(self._key, set()).add(self._future)
        return self._future

    def __exit__(self, *_: object) -> None:
        others = self._waiters[self._key]
        others.discard(self._future)
        if not others:
            del self._waiters[self._key]


class Hub:
    """The waiters of this process: a future each, found by the key they wait for."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: Waiters = {}
        self.is_closing = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve the waiters of this event loop."""
        self._loop = loop
        self._waiters = {}
        self.is_closing = False

    def subscribed(self, key: UUID) -> "Subscription":
        """Return a context that holds a future; it is done once something happened to the key."""
        assert self._loop is not None
        future = self._loop.create_future()
        if self.is_closing:
            future.set_result(None)
        return Subscription(self._waiters, key, future)

    @property
    def has_waiters(self) -> bool:
        """Tell whether anything is waited for here."""
        return bool(self._waiters)

    def awaits(self, key: UUID) -> bool:
        """Tell whether somebody waits for a key here."""
        return key in self._waiters

    def wake(self, keys: Iterable[UUID]) -> None:
        """Wake the waiters of these keys. Only from the event loop's own thread."""
        for key in keys:
            for future in self._waiters.get(key, ()):
                resolve(future)

    def wake_from_any_thread(self, keys: list[UUID]) -> None:
        """Wake the waiters of these keys from a thread that serves a request."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.wake, keys)

    def close(self) -> None:
        """Let every waiter go, now and later: the process is about to stop."""
        self.is_closing = True
        self.wake(self._waiters)

    def close_from_any_thread(self) -> None:
        """The same from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.close)


hub = Hub()


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None
    )


class _Pause:
    until = 0.0


def _publish_elsewhere(message: str) -> None:
    if time.monotonic() < _Pause.until:
        return
    try:
        _redis().publish(CHANNEL, message)
    except redis.RedisError as error:
        _Pause.until = time.monotonic() + PAUSE_AFTER_FAILURE
        log.warning("wakeup.not_published", error=repr(error))
