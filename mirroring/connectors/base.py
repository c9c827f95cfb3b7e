"""What every connector offers and speaks in. No models, no database, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from mirroring.connectors.tally import Tally


class State(StrEnum):
    """How an approval stands in its system. Every word of a system maps to one of these."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    NOT_REQUIRED = "not_required"  # no decision is wanted, or not yet: an earlier stage is open
    UNKNOWN = "unknown"  # a word the connector does not know: show it to a person


class CursorKind(StrEnum):
    """How a system is polled."""

    # by (updated, id), again from a little before the last one seen; a cursor is a Position of
    # keyset.py, so that a pass can be told to begin at another time
    KEYSET = "keyset"
    OFFSET = "offset"  # a list that only grows
    SEQUENCE = "sequence"  # a number that only grows
    SNAPSHOT = "snapshot"  # everything that is pending, each time


class NoteTime(StrEnum):
    """When the system learns which person decided."""

    NEVER = "never"
    WITH_DECISION = "with_decision"  # decide() writes it; no note() is wanted
    AFTER_DECISION = "after_decision"  # note() after a decision that was applied


class WhoActs(StrEnum):
    """Whose name the system's own log shows."""

    SERVICE_ACCOUNT = "service_account"
    APPROVER = "approver"  # only the approver's own token may decide: link out to the system


class Result(StrEnum):
    """How decide() ended. After the first one and the last three, get() tells what is so.

    After ALREADY_SAME, CONFLICT and GONE this request has written nothing. What was answered well
    and is not there is UNKNOWN: it may have been overwritten.
    """

    APPLIED = "applied"
    ALREADY_SAME = "already_same"
    CONFLICT = "conflict"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    NEEDS_INPUT = "needs_input"
    ACCEPTED = "accepted"
    RETRY_LATER = "retry_later"
    UNKNOWN = "unknown"


LEAD_TO_GET = frozenset({Result.APPLIED, Result.ACCEPTED, Result.RETRY_LATER, Result.UNKNOWN})


class Kind(StrEnum):
    """What failed, for whoever runs the connection."""

    AUTH = "auth"  # the credentials are not accepted
    FORBIDDEN = "forbidden"  # they are, but they may not do this
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"  # nothing was sent
    TIMEOUT = "timeout"  # something was sent, and no complete answer came
    SERVER = "server"  # the system failed (5xx)
    BAD_REQUEST = "bad_request"  # the system does not understand us (4xx)
    BAD_ANSWER = "bad_answer"  # we do not understand the system
    GONE = "gone"


class ConnectorError(Exception):
    """The system outside failed. The text is for operators and holds no secret.

    `permanent`: trying the same again will not help. `retry_after`: seconds the system asked for.
    `status`: the HTTP status, if there was an answer.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Kind,
        permanent: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.permanent = permanent
        self.retry_after = retry_after
        self.status = status


class Gone(ConnectorError):
    """The approval is not there (any more), or the account can no longer see it."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message, kind=Kind.GONE, permanent=True, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A way to decide. `code` goes to decide(); `state` is what it leads to."""

    code: str
    label: str
    state: State
    comment_required: bool = False


APPROVE = Option(code="approve", label="Approve", state=State.APPROVED)
DENY = Option(code="deny", label="Deny", state=State.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a system can do. `cursor_resolution`: seconds within which it cannot tell times apart.

    `precondition`: decide() is refused by the system itself when the approval moved on;
    `comment_max`: the longest comment, in characters, or None.
    """

    cursor: CursorKind
    cursor_resolution: int = 0
    precondition: bool = False
    note: NoteTime = NoteTime.NEVER
    note_once: bool = False  # note() with a marker that is there already writes nothing
    list_has_all: bool = True  # false: get() knows more of an item than list() does
    options: tuple[Option, ...] = (APPROVE, DENY)
    who_acts: WhoActs = WhoActs.SERVICE_ACCOUNT
    proves_account: bool = True  # false: check() cannot tell an account that sees nothing
    comment_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What check() found. `clock_skew`: seconds the system's clock is ahead of ours."""

    ok: bool
    account: str = ""
    detail: str = ""
    clock_skew: float | None = None
    error: Kind | None = None
    how_to_fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person as the system knows them. An e-mail address is as it was written there.

    `manager`: the e-mail address of whoever the system says they report to.
    """

    id: str
    email: str | None = None
    name: str | None = None
    manager: str | None = None

    def __str__(self) -> str:
        name = self.name or self.email or self.id
        return f"{name} <{self.email}>" if self.email and self.email != name else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who decided here: named in the system's own log beside the account that carried it out."""

    email: str
    decided_at: datetime
    receipt: str  # our id of the decision
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One approval, as its system tells it. Times are aware; amounts are exact.

    `revision` changes whenever the system says that anything has changed, and is the same from
    list() and get(); `material_digest` changes only with what an approver decides about (SoR
    comments, or our own notes, do not change it). `description` is short; `details` may be long.
    """

    external_id: str
    revision: str
    state: State
    title: str
    approvers: tuple[Person, ...]
    material_digest: str
    requester: Person | None = None
    summary: tuple[tuple[str, str], ...] = ()
    description: str | None = None
    details: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    due: datetime | None = None
    url: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    decided_by: Person | None = None  # of the account that the system's own log shows
    is_contested: bool = False  # the log shows two decisions where one was wanted
    options: tuple[Option, ...] = (APPROVE, DENY)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An item that could not be read, by its id if it had one, else by its place on the page."""

    which: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a pass over the system.

    `cursor` goes to the next list(), whether that follows at once (`complete` is false) or at the
    next poll; None means to begin anew. `is_snapshot`: the pass, once complete, has everything that
    is pending; what is missing in it is to be looked at with get(), not taken for decided.
    """

    items: tuple[Item, ...]
    cursor: str | None
    complete: bool
    is_snapshot: bool = False
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How decide() ended. `detail` is for operators; `retry_after` is in seconds."""

    result: Result
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigField:
    """One thing a connector must be told: enough to draw a form from."""

    name: str
    label: str
    help: str = ""
    kind: str = "text"  # text | url | secret | number | long_text | long_secret
    required: bool = True
    default: str = ""

    @property
    def is_secret(self) -> bool:
        """Tell whether it is kept encrypted and never shown again."""
        return self.kind in ("secret", "long_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a configuration: in which field, where in it, on which line."""

    field: str
    message: str
    path: str = ""
    line: int | None = None

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        where = ", ".join(part for part in (self.field, line, self.path) if part)
        return f"{where}: {self.message}"


class BadConfig(ValueError):
    """A connector cannot be made of this; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


class Limited(Protocol):
    """What a connector talks through, as far as its budget and its secrets go."""

    skew: float | None  # seconds that the system's clock is ahead, as far as is known
    tally: Tally  # what it has sent

    def limit(self, owner: str, per_minute: int) -> None:
        """Send no more requests a minute than this, together with all others of this owner."""

    def end_within(self, seconds: float) -> None:
        """Wait for nothing longer than until so many seconds from now are over."""

    def places(self) -> frozenset[str]:
        """Return the servers that secrets are sent to: scheme, host and port of each."""
        ...


class Connector(Protocol):
    """One system of record. Every method but capabilities() talks to it.

    All but check() and decide() raise ConnectorError; decide() raises it only when nothing can have
    been decided: wrong credentials, or a system that could not be read before the decision.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    fields: ClassVar[tuple[ConfigField, ...]]

    def __init__(self, config: Mapping[str, str]) -> None:
        """Take the values of `fields`; raise BadConfig when they cannot be right."""

    @property
    def session(self) -> Limited:
        """Return what it talks through."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what the system can do, as configured."""
        ...

    def check(self) -> Health:
        """Prove that the account is accepted and can see approvals, with one cheap read or two."""
        ...

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return the next page: from the start with None, else from where `cursor` was."""
        ...

    def get(self, ref: str) -> Item:
        """Return one approval as it is now; raise Gone when there is none by this external id."""
        ...

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Write a decision, unless the approval is no longer at the revision `expected`.

        `choice` is an option's code, `comment` what the person wrote (or ""), `key` the same at
        every attempt. What the system shows of who decided comes from `actor`.
        """
        ...

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Write a note; once per `marker` where capabilities().note_once says so.

        Return whether it was written now: False where one with the marker was there.
        """
        ...


def option_of(options: Sequence[Option], choice: str) -> Option:
    """Return the option with this code; raise ValueError if there is none."""
    for option in options:
        if option.code == choice:
            return option
    raise ValueError(f"{choice!r} is not one of {', '.join(each.code for each in options)}")


def statement(*, option: Option, actor: Actor, comment: str, key: str) -> str:
    """Return the note that names the person in the system's log. `key` makes it recognisable."""
    when = actor.decided_at.strftime("%Y-%m-%d %H:%M UTC")
    text = f"{option.label}: decided by {actor} at {when} through Sayso (receipt {actor.receipt})."
    said = f"\n\n{comment}" if comment else ""
    return f"{text}{said}\n\n[{key}]"
