"""How a question is put: its fields, its key, and the call that asks it."""

import hashlib
import heapq
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, TypedDict

from sayso import _requests
from sayso._models.ask import Answer
from sayso._protocol import Operation
from sayso._retrying import call
from sayso._session import Session
from sayso._waiting import Watch, wait
from sayso._wire import AskJSON, AskKind
from sayso.errors import Conflict

# An ask may be answered, or escalate to a new one, between reading the track and cancelling.
CANCEL_TRIES = 3

Summary: TypeAlias = Mapping[str, str] | Sequence[Sequence[str]]
Choices: TypeAlias = Mapping[str, str] | Sequence[str] | Sequence[Mapping[str, str]]


class AskOptions(TypedDict, total=False):
    """How an ask is put, whatever its kind. What is not given, or None, is the server's default."""

    timeout_seconds: int | None
    key: str | None
    approvers: Sequence[str] | None
    needed: int | None
    notify: bool | None
    due_at: datetime | str | None
    escalate_to: Sequence[str] | None
    escalate_after_seconds: int | None
    delegation: Literal["none", "same_domain", "any"] | None
    action_digest: str | None


class Display(TypedDict, total=False):
    """What is shown with the question, whatever its kind."""

    description: str | None
    summary: Summary | None
    details: str | None
    risk: Literal["low", "medium", "high"] | None


class ConfirmDisplay(Display, total=False):
    """What is shown with a yes-or-no question."""

    accept_label: str | None
    reject_label: str | None
    if_accepted: str | None
    if_rejected: str | None


class TextDisplay(Display, total=False):
    """What is shown with a question for text. `validate` also decides what is accepted."""

    validate: Literal["short", "long", "email", "url"] | None


class ConfirmOptions(AskOptions, ConfirmDisplay, total=False):
    """The keywords of `confirm`."""


class TextOptions(AskOptions, TextDisplay, total=False):
    """The keywords of `ask_text`."""


class ChoiceOptions(AskOptions, Display, total=False):
    """The keywords of `choice`, besides `options`."""


OPTIONS = tuple(AskOptions.__annotations__)
DISPLAY: dict[AskKind, tuple[str, ...]] = {
    "confirm": tuple(ConfirmDisplay.__annotations__),
    "text": tuple(TextDisplay.__annotations__),
    "choice": tuple(Display.__annotations__),
}


@dataclass(frozen=True, slots=True)
class Question:
    """The body of an ask, in the order of its fields, perhaps still without its key."""

    body: dict[str, Any]

    @property
    def escalations(self) -> int:
        """How many addresses are asked after the first, so how many successors may follow."""
        return len(self.body.get("escalate_to", ()))

    def key_on(self, track_id: str, ordinal: int) -> str:
        """Return the key of this question as the ordinal-th that its Track object asks."""
        content = _requests.encode({"track": track_id, "ordinal": ordinal, "ask": self.body})
        return "sdk-" + hashlib.sha256(content).hexdigest()


def displayed(kind: AskKind, prompt: str, options: Mapping[str, Any]) -> Question:
    """Put the keywords of `confirm`, `ask_text` or `choice` together."""
    config = {name: options[name] for name in DISPLAY[kind] if options.get(name) is not None}
    others = {name: value for name, value in options.items() if name not in DISPLAY[kind]}
    return question(kind, prompt, config, others)


def chosen(prompt: str, options: Choices, others: Mapping[str, Any]) -> Question:
    """Put the arguments of `choice` together."""
    asked = displayed("choice", prompt, others)
    asked.body["config"]["options"] = choices(options)
    return asked


def question(
    kind: str,
    prompt: str,
    config: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> Question:
    """Put a question together as the API wants it. Raise TypeError for an unknown keyword."""
    unknown = options.keys() - set(OPTIONS)
    if unknown:
        raise TypeError(f"a {kind} ask has no {', '.join(sorted(unknown))}")
    body: dict[str, Any] = {"kind": kind, "prompt": prompt, "config": _config(config or {})}
    for name in OPTIONS:
        if options.get(name) is not None:
            body[name] = _as_json(name, options[name])
    return Question(body)


def choices(options: Choices) -> list[dict[str, str]]:
    """Return the options of a choice as the API wants them: `{value, label}` each."""
    if isinstance(options, Mapping):
        return [{"value": value, "label": label} for value, label in options.items()]
    return [
        {"value": option, "label": option} if isinstance(option, str) else dict(option)
        for option in options
    ]


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    config = dict(config)
    summary = config.get("summary")
    if summary is not None:
        is_object = isinstance(summary, Mapping)
        config["summary"] = dict(summary) if is_object else [list(entry) for entry in summary]
    return config


def _as_json(name: str, value: Any) -> Any:
    if name in ("approvers", "escalate_to"):
        return [value] if isinstance(value, str) else list(value)
    return _rfc3339(value) if isinstance(value, datetime) else value


def _rfc3339(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("due_at needs a time zone: datetime.now(UTC), for example")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ordinals:
    """Numbers the asks that one Track object opened: 0, 1, 2 and so on.

    A number counts once the server has accepted the ask. After a refusal or a lost connection it is
    given back, so that the same call, made again, has the same key and finds the ask if it was
    opened after all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._returned: list[int] = []
        self._next = 0

    @contextmanager
    def taken(self) -> Iterator[int]:
        """Take the lowest number that is free; give it back if the block raises."""
        with self._lock:
            if self._returned:
                ordinal = heapq.heappop(self._returned)
            else:
                ordinal, self._next = self._next, self._next + 1
        try:
            yield ordinal
        except BaseException:
            with self._lock:
                heapq.heappush(self._returned, ordinal)
            raise


def open_ask(
    session: Session, track_id: str, asked: Question, ordinals: Ordinals
) -> Operation[Watch]:
    """Put the question on the track, under its own key or a derived one."""
    if "key" in asked.body:
        ask = yield from call(session, _requests.open_ask(track_id, asked.body))
    else:
        with ordinals.taken() as ordinal:
            body = {**asked.body, "key": asked.key_on(track_id, ordinal)}
            ask = yield from call(session, _requests.open_ask(track_id, body))
    return Watch(ask, escalations=asked.escalations)


def ask(session: Session, track_id: str, asked: Question, ordinals: Ordinals) -> Operation[Answer]:
    """Put the question on the track and wait for how it ends."""
    watch = yield from open_ask(session, track_id, asked, ordinals)
    yield from wait(session, watch)
    return Answer.read(watch.ask)


def wait_for_answer(session: Session, watch: Watch, *, timeout: float | None) -> Operation[Answer]:
    """Wait for how an ask ends, or until so many seconds have passed."""
    yield from wait(session, watch, timeout=timeout)
    return Answer.read(watch.ask, is_pending=watch.is_pending())


def cancel_open_ask(
    session: Session, track_id: str, reason: str | None
) -> Operation[AskJSON | None]:
    """Withdraw whatever ask is open on the track. Return None if there is none."""
    for _ in range(CANCEL_TRIES):
        track = yield from call(session, _requests.get_track(track_id))
        if not track["open_ask"] or track["open_ask"]["status"] != "open":
            return None
        try:
            send = _requests.cancel_ask(track["open_ask"]["id"], reason)
            cancelled: AskJSON = yield from call(session, send)
            return cancelled
        except Conflict as refusal:
            if refusal.code != "ask_not_open":
                raise
    return None
