"""What a definition says, once it has been held to the rules: plain data for the connector."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mirroring.connectors.base import CursorKind, NoteTime, Option, Result, State
from mirroring.connectors.declarative.expressions import Expression, Template


class AuthType(StrEnum):
    """How the system wants to know us."""

    NONE = "none"
    BEARER = "bearer"
    BASIC = "basic"
    API_KEY = "api_key"
    CLIENT_CREDENTIALS = "client_credentials"
    TOKEN_LOGIN = "token_login"  # noqa: S105 - a word


class PageType(StrEnum):
    """How the system cuts a list."""

    NONE = "none"
    OFFSET = "offset"
    PAGE_NUMBER = "page_number"
    NEXT_TOKEN = "next_token"  # noqa: S105 - a word
    NEXT_LINK = "next_link"


class NoteWhen(StrEnum):
    """When the note is written that names the person."""

    BEFORE = "before_decision"
    AFTER = "after_decision"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be filled in. `body`: nested, with a Template for each text."""

    method: str
    path: Template
    query: tuple[tuple[str, Template], ...] = ()
    headers: tuple[tuple[str, Template], ...] = ()
    body: Any = None
    is_form: bool = False

    def placeholders(self) -> frozenset[str]:
        """Return the names of everything that is filled in."""
        rows = [template for _, template in (*self.query, *self.headers)]
        return frozenset().union(
            *(template.names for template in (self.path, *rows, *_templates(self.body)))
        )


def _templates(body: Any) -> list[Template]:
    if isinstance(body, Template):
        return [body]
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [found for each in inner for found in _templates(each)]


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials, with {secret.…} still to be filled in."""

    type: AuthType
    values: Mapping[str, Template] = field(default_factory=dict)
    body: Mapping[str, Template] = field(default_factory=dict)
    in_body: bool = False
    renew_on: tuple[int, ...] = (401,)


@dataclass(frozen=True, slots=True)
class Pages:
    """How to get from one page to the next. `largest`: what one page holds at most."""

    type: PageType = PageType.NONE
    first: int = 1
    largest: int = 100
    more: Expression | None = None
    following: Expression | None = None  # the token or the link of the next page


@dataclass(frozen=True, slots=True)
class Cursor:
    """How a poll goes on where the last one was."""

    kind: CursorKind = CursorKind.SNAPSHOT
    pattern: str = ""  # strftime of {since}; "" is ISO 8601
    resolution: int = 0
    number: Expression | None = None  # of an item, for a sequence
    start: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """Where a person, or several, are found. `manager`: the address of whoever they report to."""

    where: Expression | None
    id: Expression
    email: Expression | None
    name: Expression | None
    manager: Expression | None


@dataclass(frozen=True, slots=True)
class LookUp:
    """Where a person's address is found by their id."""

    request: Request
    email: Expression
    name: Expression | None


@dataclass(frozen=True, slots=True)
class Fields:
    """Where the parts of an item are found. `ids`: one nameless expression, or several by name."""

    ids: Mapping[str, Expression]
    plain: Mapping[str, Expression]
    approvers: People | None
    requester: People | None
    decided_by: People | None
    summary: tuple[tuple[str, Expression], ...]
    url: Template | None
    values: Mapping[str, Expression]
    time_pattern: str
    material: tuple[str, ...]
    amount_decimals: int = 0  # of an amount that is written without its point


@dataclass(frozen=True, slots=True)
class Listing:
    """How approvals are found."""

    request: Request
    first_request: Request | None
    items: Expression
    where: Expression | None
    pages: Pages
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Single:
    """How one approval is read, with what else is read along with it."""

    request: Request
    item: Expression | None
    gone: Expression | None
    also: tuple[tuple[str, Request], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an answer to a decision means; what is None does not matter."""

    statuses: tuple[int, ...]
    when: Expression | None
    result: Result


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to decide."""

    option: Option
    request: Request
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """How a note is written, and how one that is there is found."""

    when: NoteWhen
    request: Request
    existing: Request | None
    texts: Expression | None


@dataclass(frozen=True, slots=True)
class Verify:
    """Where the state is read back when it is not where get() reads."""

    request: Request
    state: Expression


@dataclass(frozen=True, slots=True)
class Check:
    """The cheap read that proves the account."""

    request: Request
    account: Expression | None
    accept: Expression | None


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole system."""

    base_url: str
    headers: tuple[tuple[str, Template], ...]
    auth: Auth
    per_minute: int
    timeout: int
    largest: int
    listing: Listing
    fields: Fields
    states: Mapping[str, State]
    single: Single
    choices: Mapping[str, Choice]
    comment_max: int | None
    precondition: tuple[tuple[str, Template], ...]
    note: Note | None
    note_time: NoteTime
    people: LookUp | None
    verify: Verify | None
    check: Check | None
