"""The words in which an operation speaks to the outside.

An operation is a generator that decides everything and does nothing: it yields a `Send` or a
`Pause`, is sent back the outcome, and returns its result. A driver (`_drivers.py`) carries the
steps out, blocking or awaiting. So retries, waiting and parsing exist once, and are tested without
a socket or a clock.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Send one HTTP request. Its outcome is a `Reply` or a `Lost`."""

    method: str
    path: str
    body: bytes | None = None
    idempotency_key: str | None = None
    timeout: float | None = None  # seconds of silence that are put up with; None: the client's


@dataclass(frozen=True, slots=True)
class Pause:
    """Let so many seconds pass. Its outcome is None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response arrived. Header names are lower case or found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Lost:
    """No whole response arrived; the request may or may not have had its effect."""

    error: Exception
    request: str  # method and URL, for the message


Outcome = Reply | Lost
Operation = Generator[Send | Pause, Outcome | None, T]
