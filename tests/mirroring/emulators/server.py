"""What the emulated systems have in common: HTTP on loopback, a clock and faults."""

import json
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.mirroring.emulators import faults
from tests.mirroring.emulators.faults import Clock, Faults


class HangUp(Exception):
    """The connection ends here."""


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Emulator(ABC):
    """Serves on loopback until it is closed. What answer() does, it does alone."""

    def __init__(self) -> None:
        self.clock, self.faults = Clock(), Faults()
        self.requests: list[str] = []
        self.lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"emulator": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        serve = {"target": self.server.serve_forever, "kwargs": {"poll_interval": 0.02}}
        threading.Thread(**serve, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()

    @abstractmethod
    def answer(self, asked: Asked) -> Said:
        """Return what the system answers."""

    @abstractmethod
    def error(self, status: int, message: str, detail: str = "") -> Said:
        """Return an error as the system words it."""

    def serve(self, asked: Asked) -> Said:
        """Answer, unless something goes wrong before that."""
        slow = self.faults.strike(faults.SLOW)
        if slow is not None:
            time.sleep(slow["seconds"])
        pause = self.faults.strike(faults.TOO_MANY_REQUESTS)
        if pause is not None:
            said = self.error(429, "Rate limit exceeded")
            return Said(429, said.content, {"Retry-After": str(pause["retry_after"])})
        if self.faults.strike(faults.SERVER_ERROR) is not None:
            return self.error(500, "Internal Server Error")
        if self.faults.strike(faults.DROPPED) is not None:
            raise HangUp
        with self.lock:
            return self.answer(asked)

    def done(self, said: Said) -> Said:
        """Return the answer to something that was done, unless something goes wrong after that."""
        if self.faults.strike(faults.DROPPED_AFTER_COMMIT) is not None:
            raise HangUp
        if self.faults.strike(faults.SERVER_ERROR_AFTER_COMMIT) is not None:
            return self.error(500, "Internal Server Error")
        return said

    def date(self) -> str:
        """Return what the Date header says."""
        skew = self.faults.strike(faults.SKEWED_DATE)
        ahead = timedelta(seconds=skew["seconds"] if skew else 0)
        return format_datetime(self.clock.now() + ahead, usegmt=True)


class _Handler(BaseHTTPRequestHandler):
    emulator: Emulator
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body go out as one: a second write waits for an acknowledgement

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        asked = Asked(
            method=self.command,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers=self.headers,
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self.emulator.requests.append(f"{self.command} {self.path}")
        try:
            self._send(self.emulator.serve(asked))
        except HangUp:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _send(self, said: Said) -> None:
        body = json.dumps(said.content).encode()
        self.send_response_only(said.status)
        known = {"Date": self.emulator.date(), "Content-Type": "application/json"}
        for name, value in {**known, "Content-Length": str(len(body)), **said.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
