"""The client that is awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from sayso import _requests
from sayso._async_ask import AsyncAsk
from sayso._async_track import AsyncTrack
from sayso._client import MAX_RETRIES, OUTAGE_GRACE, TIMEOUT, Asks, Sayso, Tracks
from sayso._documented import documented_by
from sayso._models.workspace import Queue, Usage
from sayso._session import start_session
from sayso._waiting import Watch
from sayso._wire import AskKind, AskStatus, TrackStatus

if TYPE_CHECKING:
    from sayso._drivers import AsyncDriver


@documented_by(Sayso)
class AsyncSayso:
    """The same as `Sayso`, to be awaited, with the same arguments. It belongs to one event loop.

        async with AsyncSayso() as client:
            track = await client.create_track(title="Invoices", customer_email="cfo@acme.com")

    Cancelling a task that waits leaves the ask open; `track.cancel_input_request()` withdraws it.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = TIMEOUT,
        max_retries: int = MAX_RETRIES,
        outage_grace: float = OUTAGE_GRACE,
    ) -> None:
        session = start_session(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            outage_grace=outage_grace,
        )
        # Imported late: the HTTP library is most of what `import sayso` would cost.
        from sayso._drivers import AsyncDriver

        self._driver = AsyncDriver(session)
        self.tracks = AsyncTracks(self._driver)
        self.asks = AsyncAsks(self._driver)

    async def create_track(
        self,
        title: str,
        steps: Sequence[str] | None = None,
        customer_email: str | None = None,
        *,
        password: str | None = None,
        external_id: str | None = None,
        requester: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AsyncTrack:
        send = _requests.create_track(
            title=title,
            steps=steps,
            customer_email=customer_email,
            password=password,
            external_id=external_id,
            requester=requester,
            metadata=metadata,
        )
        return AsyncTrack(self._driver, await self._driver.fetch(send))

    async def queue(self, approver: str) -> Queue:
        return Queue.read(await self._driver.fetch(_requests.get_queue(approver)))

    async def usage(self) -> Usage:
        return Usage.read(await self._driver.fetch(_requests.get_usage()))

    async def close(self) -> None:
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._driver.session.base_url}>"


@documented_by(Tracks)
class AsyncTracks:
    """`client.tracks`: the tracks of the workspace."""

    def __init__(self, driver: AsyncDriver) -> None:
        self._driver = driver

    async def get(self, track_id: str) -> AsyncTrack:
        return AsyncTrack(self._driver, await self._driver.fetch(_requests.get_track(track_id)))

    def list(
        self,
        *,
        status: TrackStatus | None = None,
        external_id: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncTrack]:
        filters = {"status": status, "external_id": external_id, "limit": limit}
        rows = _rows(self._driver, "/tracks", filters)
        return (AsyncTrack(self._driver, raw) async for raw in rows)


@documented_by(Asks)
class AsyncAsks:
    """`client.asks`: the asks of the workspace."""

    def __init__(self, driver: AsyncDriver) -> None:
        self._driver = driver

    async def get(self, ask_id: str) -> AsyncAsk:
        return AsyncAsk(self._driver, Watch(await self._driver.fetch(_requests.get_ask(ask_id))))

    def list(
        self,
        *,
        status: AskStatus | None = None,
        approver: str | None = None,
        track: str | None = None,
        kind: AskKind | None = None,
        risk: Literal["low", "medium", "high"] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncAsk]:
        filters = {
            "status": status,
            "approver": approver,
            "track": track,
            "kind": kind,
            "risk": risk,
            "limit": limit,
        }
        rows = _rows(self._driver, "/asks", filters)
        return (AsyncAsk(self._driver, Watch(raw)) async for raw in rows)

    async def receipt(self, ask_id: str) -> dict[str, Any]:
        receipt: dict[str, Any] = await self._driver.fetch(_requests.get_receipt(ask_id))
        return receipt


async def _rows(driver: AsyncDriver, path: str, filters: Mapping[str, Any]) -> AsyncIterator[Any]:
    cursor = None
    while True:
        page = await driver.fetch(_requests.get_page(path, filters, cursor))
        for row in page["data"]:
            yield row
        cursor = page["next_cursor"]
        if cursor is None:
            return
