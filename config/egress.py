"""The one outbound HTTP client: for webhooks, and for every system that Sayso is told to call.

Each request has a connection of its own. Its host is resolved once, every address found is checked
(config.targets), the connection goes to an address that was checked, and the other end is looked at
again before the first byte is sent. TLS still names the host and checks its certificate for it. No
redirect is followed, no proxy taken from the environment, nothing decompressed; time and size have
limits that no receiver can stretch.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any

import httpcore2

from config import targets
from config.targets import BadTarget, Target

CONNECT_SECONDS = 5.0  # to resolve and connect; as many again for TLS
TOTAL_SECONDS = 15.0  # wall time from the first look-up to the last byte
LARGEST_READ = 64 * 1024  # raw bytes, headers included
MOST_ADDRESSES = 4
MOST_LOOKUPS = 64
LOOKUP_THREAD = "egress-look-up"

_lookups = threading.BoundedSemaphore(MOST_LOOKUPS)


class EgressError(Exception):
    """A request without a complete answer. `word` says why, to whomever the URL belongs to."""

    word = "failed"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.word)
        self.status: int | None = None


class Unreachable(EgressError):
    """Not allowed, not found, refused or silent: one word for all, so that nobody can map our net.

    `str()` of the exception tells the operator which it was.
    """

    word = "endpoint_unreachable"


class TlsFailed(EgressError):
    word = "tls_failed"


class TimedOut(EgressError):
    word = "timeout"


class ConnectionLost(EgressError):
    word = "connection_lost"


class NotHttp(EgressError):
    word = "invalid_response"


class _ReadEnough(Exception):
    """The limit on what is read was reached."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `is_whole` is false when the body went on past the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool
    peer: str


@dataclass(slots=True)
class _Exchange:
    """The limits of one request, and who was at the other end."""

    target: Target
    total: float
    largest: int
    peer: str = ""
    read: int = 0
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.total

    def left(self, at_most: float | None = None) -> float:
        """Return the seconds that the next step may take; raise TimedOut when there are none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimedOut()
        return left if at_most is None else min(left, at_most)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    total: float = TOTAL_SECONDS,
    largest: int = LARGEST_READ,
) -> Reply:
    """Send one request and return the reply, of whatever status; raise EgressError without one."""
    try:
        target = targets.parse(url)
    except BadTarget as error:
        raise Unreachable(str(error)) from None
    exchange = _Exchange(target, total=total, largest=largest)
    connection = httpcore2.HTTPConnection(
        origin=httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port),
        ssl_context=_tls() if target.scheme == "https" else None,
        network_backend=_Backend(exchange),
    )
    try:
        return _converse(connection, _message(method, target, headers, body), exchange)
    except httpcore2.RemoteProtocolError as error:
        raise ConnectionLost(str(error)) from None
    except httpcore2.LocalProtocolError as error:
        raise NotHttp(str(error)) from None
    finally:
        connection.close()


def _message(
    method: str, target: Target, headers: Mapping[str, str], body: bytes
) -> httpcore2.Request:
    sent = {"Host": target.host_header, "Accept-Encoding": "identity", "Connection": "close"}
    return httpcore2.Request(
        method,
        httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
        headers=list({**sent, "Content-Length": str(len(body)), **headers}.items()),
        content=body,
    )


def _converse(
    connection: httpcore2.HTTPConnection, message: httpcore2.Request, exchange: _Exchange
) -> Reply:
    try:
        response = connection.handle_request(message)
    except _ReadEnough:
        raise NotHttp("The headers of the response are too large.") from None
    try:
        body, is_whole = _read_body(response)
    except (EgressError, httpcore2.RemoteProtocolError) as error:
        failure = error if isinstance(error, EgressError) else ConnectionLost(str(error))
        failure.status = response.status
        raise failure from None
    found = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
    return Reply(
        status=response.status,
        headers={name.lower(): value for name, value in reversed(found)},
        body=body,
        is_whole=is_whole,
        peer=exchange.peer,
    )


def _read_body(response: httpcore2.Response) -> tuple[bytes, bool]:
    body = bytearray()
    try:
        for chunk in response.iter_stream():
            body += chunk
    except _ReadEnough:
        return bytes(body), False
    return bytes(body), True


@cache
def _tls() -> ssl.SSLContext:
    # The system's certificate authorities, or those of SSL_CERT_FILE.
    return httpcore2.default_ssl_context()


class _Backend(httpcore2.NetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, exchange: _Exchange) -> None:
        self.exchange = exchange

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Resolve the host once and connect to the first address that answers."""
        exchange = self.exchange
        ends = time.monotonic() + exchange.left(CONNECT_SECONDS)
        found = _resolve(host, port, ends)
        try:
            for address in found:
                targets.check_address(exchange.target, _ip(address))
        except BadTarget as error:
            raise Unreachable(f"{host}: {error}") from None
        sock = _connect(found[:MOST_ADDRESSES], ends)
        try:
            _check_peer(sock, exchange)
        except EgressError:
            sock.close()
            raise
        return _Stream(sock, exchange)


_AddressInfo = tuple[Any, Any, int, str, Any]


def _ip(address: _AddressInfo) -> targets.Address:
    return ipaddress.ip_address(address[4][0])


def _resolve(host: str, port: int, ends: float) -> list[_AddressInfo]:
    """Look a host up; in a thread, since a resolver can take longer than we will wait."""
    with suppress(OSError):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    if not _lookups.acquire(timeout=max(ends - time.monotonic(), 0.001)):
        raise Unreachable(f"{host}: too many look-ups are under way")
    answer: SimpleQueue[list[_AddressInfo] | OSError] = SimpleQueue()
    threading.Thread(
        target=_look_up, args=(host, port, answer), name=LOOKUP_THREAD, daemon=True
    ).start()
    try:
        found = answer.get(timeout=max(ends - time.monotonic(), 0.001))
    except Empty:
        raise Unreachable(f"{host}: the resolver did not answer") from None
    if isinstance(found, OSError) or not found:
        raise Unreachable(f"{host}: {found or 'no address'}")
    return found


def _look_up(host: str, port: int, answer: "SimpleQueue[list[_AddressInfo] | OSError]") -> None:
    try:
        answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        answer.put(error if isinstance(error, OSError) else OSError(str(error)))
    finally:
        _lookups.release()


def _connect(found: list[_AddressInfo], ends: float) -> socket.socket:
    failure = "no time left"
    for index, (family, kind, protocol, _, address) in enumerate(found):
        seconds = (ends - time.monotonic()) / (len(found) - index)
        if seconds <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = f"{address[0]}: {error}"
        else:
            return sock
    raise Unreachable(failure)


def _check_peer(sock: socket.socket, exchange: _Exchange) -> None:
    """Look again at who is there, before the first byte."""
    try:
        exchange.peer = sock.getpeername()[0]
        targets.check_address(exchange.target, ipaddress.ip_address(exchange.peer))
    except (OSError, BadTarget) as error:
        raise Unreachable(f"{exchange.peer}: {error}") from None


class _Stream(httpcore2.NetworkStream):
    """A connected socket whose every step is held to the limits of its exchange."""

    def __init__(self, sock: socket.socket, exchange: _Exchange) -> None:
        self.sock, self.exchange = sock, exchange

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Prove that the other end is the host, by name."""
        try:
            self.sock.settimeout(self.exchange.left(CONNECT_SECONDS))
            secured = ssl_context.wrap_socket(self.sock, server_hostname=server_hostname)
        except TimeoutError:
            self.close()
            raise TimedOut() from None
        except (OSError, ValueError) as error:
            self.close()
            raise TlsFailed(str(error)) from None
        return _Stream(secured, self.exchange)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, up to the limit of the whole exchange."""
        room = self.exchange.largest - self.exchange.read
        if room <= 0:
            raise _ReadEnough
        try:
            self.sock.settimeout(self.exchange.left())
            data = self.sock.recv(min(max_bytes, room))
        except TimeoutError:
            raise TimedOut() from None
        except OSError as error:
            raise ConnectionLost(str(error)) from None
        self.exchange.read += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send everything. A receiver may answer before it has read all of it."""
        view = memoryview(buffer)
        while view:
            try:
                self.sock.settimeout(self.exchange.left())
                view = view[self.sock.send(view) :]
            except TimeoutError:
                raise TimedOut() from None
            except OSError as error:
                raise httpcore2.WriteError(str(error)) from None

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def get_extra_info(self, info: str) -> Any:
        """Tell HTTP nothing: HTTP/1.1 is all that is offered."""
        return None
