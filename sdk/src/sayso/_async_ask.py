"""An ask, as a handle that is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from sayso import _requests
from sayso._ask import Ask
from sayso._asking import wait_for_answer
from sayso._documented import documented_by
from sayso._models.ask import Answer, AskFields
from sayso._waiting import Watch, refresh
from sayso._wire import AskJSON

if TYPE_CHECKING:
    from sayso._drivers import AsyncDriver


@documented_by(Ask)
class AsyncAsk(AskFields):
    """The same as `Ask`, to be awaited. Cancelling a task that waits leaves the ask open."""

    __slots__ = ("_driver", "_watch")

    def __init__(self, driver: AsyncDriver, watch: Watch) -> None:
        self._driver = driver
        self._watch = watch

    @property
    def raw(self) -> AskJSON:
        return self._watch.ask

    async def wait(self, timeout: float | None = None) -> Answer:
        operation = wait_for_answer(self._driver.session, self._watch, timeout=timeout)
        return await self._driver.run(operation)

    async def cancel(self, reason: str | None = None) -> Self:
        self._watch.take(await self._driver.fetch(_requests.cancel_ask(self._watch.target, reason)))
        return self

    async def refresh(self) -> Self:
        await self._driver.run(refresh(self._driver.session, self._watch))
        return self
