"""Django's WSGI application, called from the event loop: one hop to a thread, one hop back.

The whole body is there before a thread is taken and the whole response before it is sent, so that
neither a slow sender nor a slow reader holds a thread. Nothing that Django answers is long.
"""

import asyncio
import contextvars
import io
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.conf import settings

from config.bodies import ClientGone, read_body
from config.errors import DomainError
from config.incoming import Incoming, Receive, Send
from config.replies import refuse

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Response = tuple[int, list[tuple[bytes, bytes]], bytes]


class Bridge:
    """An ASGI application that is a WSGI application in a few threads."""

    def __init__(self, application: Application, *, threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="django")

    async def serve(self, incoming: Incoming, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await read_body(incoming, receive)
        except ClientGone:
            return
        except DomainError as error:
            await refuse(error, send)
            return
        call = partial(_call, self._application, _environ(incoming, body))
        run = partial(contextvars.copy_context().run, call)
        status, headers, content = await asyncio.get_running_loop().run_in_executor(
            self._threads, run
        )
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _call(application: Application, environ: dict[str, Any]) -> Response:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = [int(status.split(" ", 1)[0]), headers]

    chunks = application(environ, start_response)
    try:
        content = b"".join(chunks)
    finally:
        getattr(chunks, "close", bool)()
    status, headers = started
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    if content and not any(name == b"content-length" for name, _ in encoded):
        encoded.append((b"content-length", str(len(content)).encode()))
    return status, encoded, content


def _environ(incoming: Incoming, body: bytes | None) -> dict[str, Any]:
    """Return a request as WSGI has it (PEP 3333): strings that stand for bytes, one to one.

    A body that is too large is left out and its length said to be what Django will refuse.
    """
    scope = incoming.scope
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ = {
        "REQUEST_METHOD": incoming.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": incoming.path.encode().decode("latin-1"),
        "QUERY_STRING": incoming.query,
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in incoming.headers.items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    length = settings.LARGEST_BODY + 1 if body is None else len(body)
    environ["CONTENT_LENGTH"] = str(length)
    return environ
