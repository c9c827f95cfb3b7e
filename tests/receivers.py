"""Receivers of webhooks on raw sockets: each does with its connections what a script says."""

import contextlib
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any


@dataclass
class Seen:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Script = Callable[[socket.socket, Seen], None]


class Receiver:
    """A server on loopback; `scripts` are used in turn, the last one for ever."""

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", tls: Any = None) -> None:
        self.scripts = list(scripts) or [reply(200)]
        self.seen: list[Seen] = []
        self.connections = 0
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.host = host
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/hook"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            seen = read_request(connection)
            if seen is None:
                return
            self.seen.append(seen)
            script = self.scripts[min(len(self.seen), len(self.scripts)) - 1]
            script(connection, seen)
        with contextlib.suppress(OSError):
            connection.close()

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                each.close()

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Seen]:
        """Return what has come once there is so much of it."""
        end = time.monotonic() + seconds
        while len(self.seen) < count:
            assert time.monotonic() < end, f"{len(self.seen)} of {count} requests came"
            time.sleep(0.005)
        return list(self.seen)


@contextlib.contextmanager
def receiving(*scripts: Script, **options: Any) -> Iterator[Receiver]:
    """Yield a receiver and close it behind the test."""
    receiver = Receiver(*scripts, **options)
    try:
        yield receiver
    finally:
        receiver.close()


def read_request(connection: socket.socket) -> Seen | None:
    """Read one request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rows = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)
    }
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Seen(line, headers, body)


def response(status: int, body: bytes = b"ok", **headers: str) -> bytes:
    """Return a whole response; header names take underscores."""
    rows = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{rows}\r\n".encode() + body


def reply(status: int, body: bytes = b"ok", **headers: str) -> Script:
    """Answer properly."""
    return lambda connection, _: connection.sendall(response(status, body, **headers))


def send(data: bytes) -> Script:
    """Send these bytes and hang up."""
    return lambda connection, _: connection.sendall(data)


def reset(connection: socket.socket, _: Seen) -> None:
    """Abort the connection (RST)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(connection: socket.socket, _: Seen) -> None:
    """Say nothing."""
    connection.recv(1)


def drip(data: bytes, *, every: float = 0.05) -> Script:
    """Send byte by byte, for ever beginning anew."""

    def script(connection: socket.socket, _: Seen) -> None:
        while True:
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(every)

    return script


def slow_headers(connection: socket.socket, seen: Seen) -> None:
    """Never come to the end of the headers."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    drip(b"X-A: b\r\n")(connection, seen)


def slow_body(connection: socket.socket, seen: Seen) -> None:
    """Answer 200 at once and never come to the end of the body."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    drip(b"x")(connection, seen)


def endless(status: int) -> Script:
    """Send a body without end, as fast as it is taken."""

    def script(connection: socket.socket, _: Seen) -> None:
        connection.sendall(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode())
        while True:
            connection.sendall(b"x" * 65536)

    return script


def endless_headers(connection: socket.socket, _: Seen) -> None:
    """Send headers without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Padding: " + b"x" * 1000 + b"\r\n")


def endless_interim(connection: socket.socket, _: Seen) -> None:
    """Say "100 Continue" without end."""
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@cache
def bomb() -> bytes:
    """Return 100 MB of zeros in 100 kB."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()


def gzip_bomb(connection: socket.socket, _: Seen) -> None:
    """Send 100 MB in 100 kB."""
    connection.sendall(response(200, bomb(), Content_Encoding="gzip"))


def cut_short(connection: socket.socket, _: Seen) -> None:
    """Die before the last byte of a 200."""
    connection.sendall(response(200, b"x" * 100)[:-1])


def late(seconds: float) -> Script:
    """Answer 200, but after so long."""

    def script(connection: socket.socket, _: Seen) -> None:
        time.sleep(seconds)
        connection.sendall(response(200))

    return script
