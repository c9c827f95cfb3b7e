"""Requests written to a socket byte by byte, for what no HTTP client would send."""

import json
import socket
import time
from dataclasses import dataclass
from typing import Any, Self

from tests.server import Web


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One TCP connection to a server."""

    def __init__(self, web: Web, *, timeout: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", web.port), timeout=timeout)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def request(self, line: str, *headers: str, body: bytes = b"") -> Answer:
        """Send a request and return its answer."""
        self.begin(line, *headers)
        self.send(body)
        return self.answer()

    def begin(self, line: str, *headers: str) -> None:
        """Send a request line and headers."""
        lines = [f"{line} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))

    def answer(self, *, has_body: bool = True) -> Answer:
        """Read one response; a closed connection has status 0."""
        status_line = self._file.readline()
        if not status_line:
            return Answer(0, {}, b"")
        headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self._file.read(int(headers.get("content-length", 0))) if has_body else b""
        return Answer(int(status_line.split()[1]), headers, body)

    def is_closed_within(self, seconds: float) -> bool:
        """Tell whether the server closes the connection without another word."""
        self._socket.settimeout(seconds)
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def until(condition: Any, *, within: float = 5.0) -> None:
    """Wait for something that has no other sign."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
