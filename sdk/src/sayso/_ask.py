"""An ask, as a handle that blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from sayso import _requests
from sayso._asking import wait_for_answer
from sayso._models.ask import Answer, AskFields
from sayso._waiting import Watch, refresh
from sayso._wire import AskJSON

if TYPE_CHECKING:
    from sayso._drivers import Driver


class Ask(AskFields):
    """One question to one or more people. Its fields are as of the last call on it.

    If it was opened with `escalate_to`, it turns into its successor whenever one takes over: `id`,
    `approvers` and the other fields are then the successor's, and `escalated_from` names the ask
    before. One that you got by its id stays what it is.
    """

    __slots__ = ("_driver", "_watch")

    def __init__(self, driver: Driver, watch: Watch) -> None:
        self._driver = driver
        self._watch = watch

    @property
    def raw(self) -> AskJSON:
        return self._watch.ask

    def wait(self, timeout: float | None = None) -> Answer:
        """Wait until the ask is answered, timed out or cancelled, and return how it ended.

        Args:
            timeout: seconds, fractions too. After them the Answer has the status `open`; the ask
                stays open, and you can wait again. None waits as long as it takes.

        A lost connection, a server that restarts, 429, 502, 503 and 504 are waited out. That the
        person says no, that nobody answers in time, or that the ask is cancelled is an answer, not
        an error.

        Raises:
            ConnectionFailed: the server stayed away until five minutes after the deadline
                (`outage_grace` of the client).
            Unauthorized, Forbidden, NotFound: the key was revoked, or may not read this ask.
        """
        operation = wait_for_answer(self._driver.session, self._watch, timeout=timeout)
        return self._driver.run(operation)

    def cancel(self, reason: str | None = None) -> Self:
        """Withdraw the ask. Whoever waits for it gets `cancelled`. Cancelling it twice is harmless.

        Args:
            reason: up to 500 characters, shown to the approver.

        Raises:
            Conflict: `ask_not_open`, it was answered or timed out before.
        """
        self._watch.take(self._driver.fetch(_requests.cancel_ask(self._watch.target, reason)))
        return self

    def refresh(self) -> Self:
        """Read the ask anew, without waiting."""
        self._driver.run(refresh(self._driver.session, self._watch))
        return self
