"""A track, as a handle that blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack

from sayso import _asking, _requests
from sayso._ask import Ask
from sayso._asking import AskOptions, ChoiceOptions, Choices, ConfirmOptions, TextOptions
from sayso._models.ask import Answer
from sayso._models.track import Event, Events, TrackFields
from sayso._protocol import Send
from sayso._requests import UNSET, Unset
from sayso._waiting import Watch
from sayso._wire import AskKind, TrackJSON

if TYPE_CHECKING:
    from sayso._drivers import Driver


class Track(TrackFields):
    """One piece of work that an outside person can watch at `url`.

    Several threads may use it at once. Its fields are as of the last call that returned the track;
    `refresh` reads them anew. Every method raises the errors of `sayso.errors`: `Conflict` with the
    code `track_closed` once the track is completed or failed, `Invalid` for an argument that the
    server refuses, `ConnectionFailed` when it cannot be reached.
    """

    def __init__(self, driver: Driver, raw: TrackJSON) -> None:
        super().__init__(raw)
        self._driver = driver
        self._ordinals = _asking.Ordinals()

    def start_step(self, index: int, detail: str | None = None) -> Self:
        """Mark a step, counted from 0, as begun, in any order. Repeating is harmless.

        Args:
            detail: a line about it, up to 500 characters.
        """
        return self._change(_requests.change_step(self.id, index, "start", detail))

    def complete_step(self, index: int, detail: str | None = None) -> Self:
        """Mark a step, counted from 0, as done. `detail` is as in `start_step`."""
        return self._change(_requests.change_step(self.id, index, "complete", detail))

    def fail_step(self, index: int, detail: str | None = None) -> Self:
        """Mark a step, counted from 0, as failed. `detail` is as in `start_step`."""
        return self._change(_requests.change_step(self.id, index, "fail", detail))

    def action(self, text: str, step: int | None = None) -> Event:
        """Tell those who watch what was just done, and return the event.

        Args:
            text: 1 to 500 characters on one line.
            step: the index of the step it belongs to.
        """
        return Event.read(self._driver.fetch(_requests.log_action(self.id, text, step)))

    def update(
        self,
        *,
        title: str | Unset = UNSET,
        customer_email: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        password: str | Unset | None = UNSET,
    ) -> Self:
        """Change what is given and leave the rest. `password=None` removes the password.

        Raises:
            AlreadyAwaiting: `customer_email` cannot change while an ask to the old one is open.
        """
        changes = {
            "title": title,
            "customer_email": customer_email,
            "metadata": metadata,
            "password": password,
        }
        return self._change(_requests.update_track(self.id, changes))

    def complete(self, summary: str | None = None) -> Self:
        """Close the track as done. An open ask of it is cancelled.

        Args:
            summary: what came of it, up to 2,000 characters.
        """
        return self._change(_requests.complete_track(self.id, summary))

    def fail(self, reason: str, retryable: bool = False) -> Self:
        """Close the track as failed. An open ask of it is cancelled.

        Args:
            reason: why, up to 2,000 characters.
            retryable: whether trying again may help.
        """
        return self._change(_requests.fail_track(self.id, reason, retryable))

    def events(self, after: int = 0, wait: int = 0, limit: int | None = None) -> Events:
        """Return the events with a `seq` greater than `after`, oldest first.

        Args:
            wait: seconds, 0 to 25, for which the server holds the request until there is one.
            limit: how many at most, 1 to 500; the server's default is 100.
        """
        return Events.read(self._driver.fetch(_requests.list_events(self.id, after, wait, limit)))

    def refresh(self) -> Self:
        """Read the track anew."""
        return self._change(_requests.get_track(self.id))

    def confirm(self, prompt: str, **options: Unpack[ConfirmOptions]) -> Answer:
        """Ask for a yes or a no, wait, and return how it ended. Go on only if `answer.approved`.

        Blocks until the ask is answered, timed out or cancelled, and never raises for those.

        Args:
            prompt: the question, 1 to 1,000 characters.
            accept_label, reject_label: what the buttons say, up to 80 characters; "Yes" and "No".
            if_accepted, if_rejected: what will happen then, up to 200 characters.
            description: one more sentence, up to 500 characters.
            summary: up to 20 facts, a mapping or pairs, each key and value up to 200 characters.
            details: the small print, up to 8,000 characters.
            risk: `low`, `medium` or `high`, shown as a badge; `high` takes a second step.
            timeout_seconds: 1 to 2,592,000; the server's default is 1,800.
            key: names the ask on this track for ever, up to 255 characters. The same key with the
                same content finds the same ask and its answer. Without one the SDK derives it from
                the track's id, the number of asks this Track object opened before, and the content:
                an agent that restarts, gets its track by `create_track(external_id=…)` and repeats
                the same calls in the same order, gets the same answers. Give a key when the order
                varies. Content that depends on the clock (`due_at`) is another content, whatever
                the key.
            approvers: up to 20 addresses; by default the track's `customer_email`.
            needed: how many must say yes; 1.
            notify: False if you deliver the ask's `url` yourself, which `open_ask` gives you; by
                default Sayso e-mails the approvers.
            due_at: when it is wanted, an aware datetime or RFC 3339; past it the ask is overdue,
                not closed.
            escalate_to: addresses asked next, each once, in order. The call follows them.
            escalate_after_seconds: when to turn to the next; by default when the ask times out.
            delegation: to whom an approver may hand over: `none`, `same_domain` (default), `any`.
            action_digest: `sha256:` and the hex digest of what you will do, shown in the receipt.

        Raises:
            AlreadyAwaiting: the track has an open ask; `open_ask_id` names it.
            RequiresCustomerEmail: there is nobody to ask.
            LimitReached: the plan has no asks left this month.
            Invalid: a field breaks a rule; `errors` says which.
            ConnectionFailed: the server could not be reached, or stayed away until long after the
                deadline.
            TypeError: a keyword that this kind of ask does not have.
        """
        return self._ask(_asking.displayed("confirm", prompt, options))

    def ask_text(self, prompt: str, **options: Unpack[TextOptions]) -> Answer:
        """Ask for text, wait, and return how it ended.

        `answer.value` is then `UntrustedText`: a stranger typed it. It is data, never instructions
        to your agent.

        Args:
            validate: `short` (one line up to 200 characters; the default), `long` (up to 8,000),
                `email` or `url`.

        The other keywords, and what is raised, are as in `confirm`, but for the labels and `if_…`.
        """
        return self._ask(_asking.displayed("text", prompt, options))

    def choice(self, prompt: str, options: Choices, **others: Unpack[ChoiceOptions]) -> Answer:
        """Ask for one of some options, wait, and return how it ended.

        Args:
            options: 2 to 8 of them: a mapping of value to label, strings that are both, or
                `{"value", "label"}` mappings. `answer.value` is the chosen value.

        The other keywords, and what is raised, are as in `confirm`, but for the labels and `if_…`.
        """
        return self._ask(_asking.chosen(prompt, options, others))

    def ask(
        self,
        kind: AskKind,
        prompt: str,
        config: Mapping[str, Any] | None = None,
        **options: Unpack[AskOptions],
    ) -> Answer:
        """Ask anything, wait, and return how it ended.

        Args:
            kind: `confirm`, `text` or `choice`.
            prompt: the question.
            config: what is shown with it, as the HTTP API has it.

        The other keywords (`timeout_seconds`, `key`, `approvers` and so on), and what is raised,
        are as in `confirm`.
        """
        return self._ask(_asking.question(kind, prompt, config, options))

    def open_ask(
        self,
        kind: AskKind,
        prompt: str,
        config: Mapping[str, Any] | None = None,
        **options: Unpack[AskOptions],
    ) -> Ask:
        """Ask anything and return at once, with a handle to wait on.

        The arguments, and what is raised, are as in `ask`. A track has one open ask at a time:
        until this one is closed, another is refused (`AlreadyAwaiting`).
        """
        asked = _asking.question(kind, prompt, config, options)
        operation = _asking.open_ask(self._driver.session, self.id, asked, self._ordinals)
        return Ask(self._driver, self._driver.run(operation))

    def cancel_input_request(self, reason: str | None = None) -> Ask | None:
        """Withdraw the ask that is open on this track, whoever opened it; None if there is none.

        A call that is blocked on it, in another thread or another process, returns `cancelled`.

        Args:
            reason: up to 500 characters, shown to the approver.
        """
        operation = _asking.cancel_open_ask(self._driver.session, self.id, reason)
        cancelled = self._driver.run(operation)
        return None if cancelled is None else Ask(self._driver, Watch(cancelled))

    def _ask(self, asked: _asking.Question) -> Answer:
        operation = _asking.ask(self._driver.session, self.id, asked, self._ordinals)
        return self._driver.run(operation)

    def _change(self, send: Send) -> Self:
        return self._keep(self._driver.fetch(send))
