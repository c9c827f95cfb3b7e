"""What the router itself answers: JSON, refusals, event streams, with everybody's headers."""

from collections.abc import Mapping

import structlog
from django.conf import settings

from config import errors, headers, requestid
from config.incoming import Send
from tracks.json_text import encoded
from tracks.views import as_refusal
from tracks.wakeups import hub

log = structlog.get_logger("sayso.requests")


async def send_json(send: Send, body: bytes) -> int:
    """Send JSON and return the status."""
    return await _send(send, 200, body, "application/json", {})


async def refuse(error: Exception, send: Send) -> int:
    """Send the problem document of a refusal; a bug is logged and shown as `internal`."""
    refusal = as_refusal(error)
    if refusal is None:
        log.error("request.failed", exc_info=error)
        refusal = errors.Internal()
    body = encoded(errors.problem(refusal, request_id=requestid.current.get()))
    return await _send(send, refusal.status, body, errors.PROBLEM_TYPE, refusal.headers)


async def start_stream(send: Send) -> None:
    """Begin a stream of Server-Sent Events."""
    extra = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    await send({"type": "http.response.start", "status": 200, "headers": _headers(extra)})


async def _send(
    send: Send, status: int, body: bytes, content_type: str, extra: Mapping[str, str]
) -> int:
    sent = {"Content-Type": content_type, "Content-Length": str(len(body)), **extra}
    await send({"type": "http.response.start", "status": status, "headers": _headers(sent)})
    await send({"type": "http.response.body", "body": body})
    return status


def _headers(extra: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    sent = headers.for_data(hsts_seconds=settings.SECURE_HSTS_SECONDS)
    sent |= {requestid.HEADER: requestid.current.get(), **extra}
    if hub.is_closing:
        sent["Connection"] = "close"  # the next request is for the next process
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()]
