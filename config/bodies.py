"""Request bodies, read on the event loop: a slow sender holds no thread of Django's."""

import asyncio

from django.conf import settings

from config.errors import Malformed
from config.incoming import Incoming, Receive

# Seconds in which a body must have come; 1 MiB needs no more than 0.3 Mbit/s.
PATIENCE = 30.0


class ClientGone(Exception):
    """The connection was closed before the whole body had come."""


async def read_body(incoming: Incoming, receive: Receive) -> bytes | None:
    """Return a request's body, or None as soon as it is known to be too large."""
    if incoming.declared_length > settings.LARGEST_BODY:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            return await _read(receive)
    except TimeoutError:
        raise Malformed("The body did not come in time.") from None


async def _read(receive: Receive) -> bytes | None:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > settings.LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return body
