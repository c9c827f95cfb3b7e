"""The paths that wait, as the router serves them."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from approvals.live import LiveState, read_state
from approvals.wait import read_waiting
from config import requestid
from config.errors import Invalid, NotFound
from config.incoming import Incoming, Receive, Send
from config.logs import redacted_path
from config.params import whole_param
from config.replies import refuse, send_json, start_stream
from tracks.api import LONGEST_WAIT, feed_window
from tracks.authentication import Identity, count_request, identify, key_of_request, remembered
from tracks.ids import parse_public_id
from tracks.models.workspace import KeyParts
from tracks.wait import read_feed
from tracks.waiting import Reading, in_thread, read_until_news
from tracks.wakeups import hub

log = structlog.get_logger("sayso.requests")

# Seconds until a live page hears something and must show its right to look again (SE-16: 30).
HEARTBEAT = 15.0

_ASK = re.compile(r"/api/v1/asks/([^/]+)")
_FEED = re.compile(r"/api/v1/tracks/([^/]+)/events")
_LIVE = re.compile(r"/t/([^/]+)/live")

Read = Callable[[UUID, UUID], Awaitable[Reading]]


def waiting_answer(
    incoming: Incoming, receive: Receive, send: Send
) -> Coroutine[Any, Any, int] | None:
    """Return what answers a request that waits, or None for all others."""
    if incoming.method != "GET":
        return None
    if match := _LIVE.fullmatch(incoming.path):
        return _live(match[1], incoming, receive, send)
    if (match := _ASK.fullmatch(incoming.path)) and (seconds := _seconds(incoming)):
        return _ask(match[1], incoming, send, seconds)
    if (match := _FEED.fullmatch(incoming.path)) and (seconds := _seconds(incoming)):
        return _feed(match[1], incoming, send, seconds)
    return None


def _seconds(incoming: Incoming) -> int:
    """Return how long a request wants to wait; what is no such number is Django's to refuse."""
    try:
        return whole_param(incoming.params, "wait", lowest=1, highest=LONGEST_WAIT, default=0)
    except Invalid:
        return 0


async def logged(incoming: Incoming, answer: Coroutine[Any, Any, int]) -> None:
    """Answer a request that waits and write one log line about it."""
    started = time.monotonic()
    requestid.current.set(requestid.new())
    status = await answer
    log.info(
        "request",
        method=incoming.method,
        path=redacted_path(incoming.path),
        status=status,
        duration_ms=round((time.monotonic() - started) * 1000, 1),
        request_id=requestid.current.get(),
    )


def _ask(ask_id: str, incoming: Incoming, send: Send, seconds: int) -> Coroutine[Any, Any, int]:
    key = parse_public_id("ask", ask_id)
    return _wait(key, incoming, send, seconds, scope="asks:read", read=read_waiting)


def _feed(track_id: str, incoming: Incoming, send: Send, seconds: int) -> Coroutine[Any, Any, int]:
    async def read(key: UUID, workspace_id: UUID) -> Reading:
        window = feed_window(incoming.params)
        return await in_thread(partial(read_feed, key, workspace_id, **window))

    key = parse_public_id("trk", track_id)
    return _wait(key, incoming, send, seconds, scope="tracks:read", read=read)


async def _wait(
    key: UUID | None, incoming: Incoming, send: Send, seconds: int, *, scope: str, read: Read
) -> int:
    try:
        shown = key_of_request(headers=incoming.headers, query=incoming.query)
        count_request(await _caller(shown, scope))
        if key is None:
            raise NotFound()
        read_again = partial(_read_as, shown, scope, key, read)
        body = await read_until_news(key, read=read_again, seconds=seconds)
    except Exception as error:
        return await refuse(error, send)
    return await send_json(send, body)


async def _read_as(shown: KeyParts, scope: str, key: UUID, read: Read) -> Reading:
    # Asked each time: a key that was revoked during the wait must not get the answer.
    caller = await _caller(shown, scope)
    return await read(key, caller.workspace_id)


async def _caller(shown: KeyParts, scope: str) -> Identity:
    caller = remembered(shown)
    if caller is None:
        caller = await in_thread(partial(identify, shown))
    caller.require(scope)
    return caller


async def _live(slug: str, incoming: Incoming, receive: Receive, send: Send) -> int:
    read = partial(read_state, slug, incoming.cookie(settings.VIEWER_COOKIE_NAME))
    try:
        state = await in_thread(read)
        if state is None:
            raise NotFound()
    except Exception as error:
        return await refuse(error, send)
    await start_stream(send)
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await _stream(state.track_id, read, gone, send)
    except Exception:
        log.exception("live.failed")  # the page asks again
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b""})
    return 200


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stream(
    track_id: UUID, read: Callable[[], LiveState | None], gone: "asyncio.Future[None]", send: Send
) -> None:
    shown: LiveState | None = None
    while not (gone.done() or hub.is_closing):
        with hub.subscribed(track_id) as woken:
            current = await in_thread(read)
            if current is None:
                return
            text = ": still here\n\n" if current == shown else current.as_event()
            shown = current
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            await asyncio.wait({woken, gone}, timeout=HEARTBEAT, return_when="FIRST_COMPLETED")
