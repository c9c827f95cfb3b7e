"""Two drivers: they carry out what operations yield, blocking or awaiting. They decide nothing."""

import asyncio
import functools
import ssl
import time
from typing import Any

import httpx2

from sayso._protocol import Lost, Operation, Outcome, Pause, Reply, Send, T
from sayso._retrying import call
from sayso._session import Session
from sayso._version import __version__
from sayso.errors import SaysoError

CONNECT_WITHIN = 10.0  # seconds
# One connection waits for each open ask, so their number is the agent's choice, not the pool's.
LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=None)


@functools.cache
def tls() -> ssl.SSLContext:
    """Return the TLS settings that all clients share; reading the certificates takes 50 ms."""
    return httpx2.create_ssl_context()


class Wire:
    """Builds the HTTP requests of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._headers = [
            ("Authorization", f"Bearer {session.api_key}"),
            ("Accept", "application/json"),
            ("User-Agent", f"sayso-python/{__version__}"),
        ]

    def request(self, send: Send) -> httpx2.Request:
        headers = self._headers.copy()
        if send.body is not None:
            headers.append(("Content-Type", "application/json"))
        if send.idempotency_key is not None:
            headers.append(("Idempotency-Key", send.idempotency_key))
        return httpx2.Request(
            send.method,
            self._session.base_url + send.path,
            headers=headers,
            content=send.body,
            extensions={"timeout": self._timeouts(send)},
        )

    def _timeouts(self, send: Send) -> dict[str, float | None]:
        silence = self._session.timeout if send.timeout is None else send.timeout
        connect = min(silence, CONNECT_WITHIN)
        return {"connect": connect, "read": silence, "write": silence, "pool": None}


def _reply(response: httpx2.Response) -> Reply:
    return Reply(response.status_code, response.headers, response.content)


def _lost(error: httpx2.RequestError, request: httpx2.Request) -> Lost:
    return Lost(error, f"{request.method} {request.url}")


class Driver:
    """Carries out operations in the calling thread. Several threads may use it at once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._wire = Wire(session)
        self._http = httpx2.Client(verify=tls(), limits=LIMITS)

    def run(self, operation: Operation[T]) -> T:
        outcome: Outcome | None = None
        try:
            while True:
                step = operation.send(outcome)
                outcome = self._carry_out(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            operation.close()

    def fetch(self, send: Send) -> Any:
        """Send one request, with retries, and return its JSON."""
        return self.run(call(self.session, send))

    def close(self) -> None:
        self._http.close()

    def _carry_out(self, step: Send | Pause) -> Outcome | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        if self._http.is_closed:
            raise SaysoError("This client is closed.")
        request = self._wire.request(step)
        try:
            return _reply(self._http.send(request))
        except httpx2.RequestError as error:
            return _lost(error, request)


class AsyncDriver:
    """Carries out operations in the running event loop. Cancelling a task cancels its operation."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._wire = Wire(session)
        self._http = httpx2.AsyncClient(verify=tls(), limits=LIMITS)

    async def run(self, operation: Operation[T]) -> T:
        outcome: Outcome | None = None
        try:
            while True:
                step = operation.send(outcome)
                outcome = await self._carry_out(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            operation.close()

    async def fetch(self, send: Send) -> Any:
        """Send one request, with retries, and return its JSON."""
        return await self.run(call(self.session, send))

    async def close(self) -> None:
        await self._http.aclose()

    async def _carry_out(self, step: Send | Pause) -> Outcome | None:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        if self._http.is_closed:
            raise SaysoError("This client is closed.")
        request = self._wire.request(step)
        try:
            return _reply(await self._http.send(request))
        except httpx2.RequestError as error:
            return _lost(error, request)
