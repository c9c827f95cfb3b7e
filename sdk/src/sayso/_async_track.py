"""A track, as a handle that is awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack

from sayso import _asking, _requests
from sayso._asking import AskOptions, ChoiceOptions, Choices, ConfirmOptions, TextOptions
from sayso._async_ask import AsyncAsk
from sayso._documented import documented_by
from sayso._models.ask import Answer
from sayso._models.track import Event, Events, TrackFields
from sayso._protocol import Send
from sayso._requests import UNSET, Unset
from sayso._track import Track
from sayso._waiting import Watch
from sayso._wire import AskKind, TrackJSON

if TYPE_CHECKING:
    from sayso._drivers import AsyncDriver


@documented_by(Track)
class AsyncTrack(TrackFields):
    """The same as `Track`, to be awaited. Cancelling a task that waits leaves the ask open."""

    def __init__(self, driver: AsyncDriver, raw: TrackJSON) -> None:
        super().__init__(raw)
        self._driver = driver
        self._ordinals = _asking.Ordinals()

    async def start_step(self, index: int, detail: str | None = None) -> Self:
        return await self._change(_requests.change_step(self.id, index, "start", detail))

    async def complete_step(self, index: int, detail: str | None = None) -> Self:
        return await self._change(_requests.change_step(self.id, index, "complete", detail))

    async def fail_step(self, index: int, detail: str | None = None) -> Self:
        return await self._change(_requests.change_step(self.id, index, "fail", detail))

    async def action(self, text: str, step: int | None = None) -> Event:
        return Event.read(await self._driver.fetch(_requests.log_action(self.id, text, step)))

    async def update(
        self,
        *,
        title: str | Unset = UNSET,
        customer_email: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        password: str | Unset | None = UNSET,
    ) -> Self:
        changes = {
            "title": title,
            "customer_email": customer_email,
            "metadata": metadata,
            "password": password,
        }
        return await self._change(_requests.update_track(self.id, changes))

    async def complete(self, summary: str | None = None) -> Self:
        return await self._change(_requests.complete_track(self.id, summary))

    async def fail(self, reason: str, retryable: bool = False) -> Self:
        return await self._change(_requests.fail_track(self.id, reason, retryable))

    async def events(self, after: int = 0, wait: int = 0, limit: int | None = None) -> Events:
        send = _requests.list_events(self.id, after, wait, limit)
        return Events.read(await self._driver.fetch(send))

    async def refresh(self) -> Self:
        return await self._change(_requests.get_track(self.id))

    async def confirm(self, prompt: str, **options: Unpack[ConfirmOptions]) -> Answer:
        return await self._ask(_asking.displayed("confirm", prompt, options))

    async def ask_text(self, prompt: str, **options: Unpack[TextOptions]) -> Answer:
        return await self._ask(_asking.displayed("text", prompt, options))

    async def choice(
        self, prompt: str, options: Choices, **others: Unpack[ChoiceOptions]
    ) -> Answer:
        return await self._ask(_asking.chosen(prompt, options, others))

    async def ask(
        self,
        kind: AskKind,
        prompt: str,
        config: Mapping[str, Any] | None = None,
        **options: Unpack[AskOptions],
    ) -> Answer:
        return await self._ask(_asking.question(kind, prompt, config, options))

    async def open_ask(
        self,
        kind: AskKind,
        prompt: str,
        config: Mapping[str, Any] | None = None,
        **options: Unpack[AskOptions],
    ) -> AsyncAsk:
        asked = _asking.question(kind, prompt, config, options)
        operation = _asking.open_ask(self._driver.session, self.id, asked, self._ordinals)
        return AsyncAsk(self._driver, await self._driver.run(operation))

    async def cancel_input_request(self, reason: str | None = None) -> AsyncAsk | None:
        operation = _asking.cancel_open_ask(self._driver.session, self.id, reason)
        cancelled = await self._driver.run(operation)
        return None if cancelled is None else AsyncAsk(self._driver, Watch(cancelled))

    async def _ask(self, asked: _asking.Question) -> Answer:
        operation = _asking.ask(self._driver.session, self.id, asked, self._ordinals)
        return await self._driver.run(operation)

    async def _change(self, send: Send) -> Self:
        return self._keep(await self._driver.fetch(send))
