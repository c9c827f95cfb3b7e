"""Time: the monotonic clock for spans, and the server's clock for deadlines."""

import time
from datetime import UTC, datetime

monotonic = time.monotonic


def now() -> datetime:
    """Return the local wall-clock time, in UTC."""
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """Return an RFC 3339 timestamp as an aware datetime."""
    return datetime.fromisoformat(text)


def optional_time(text: str | None) -> datetime | None:
    """Return an RFC 3339 timestamp as an aware datetime, and None as None."""
    return None if text is None else parse_time(text)


def parse_http_date(text: str) -> datetime | None:
    """Return an HTTP date (RFC 9110, section 5.6.7) as an aware datetime, or None if it is none."""
    # Imported late: it would double the time that `import sayso` takes.
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


class ServerClock:
    """What the server's clock says, known from its `Date` headers.

    Deadlines are the server's. An agent whose own clock is an hour off must not give up an hour
    early.
    """

    def __init__(self) -> None:
        self._ahead = 0.0

    def observe(self, date: str | None) -> None:
        """Learn from a response's `Date` header how far the server's clock is ahead of this one."""
        at = parse_http_date(date) if date else None
        if at is not None:
            self._ahead = at.timestamp() - now().timestamp()

    def seconds_until(self, text: str) -> float:
        """Return the seconds until an RFC 3339 time, negative if it has passed."""
        return parse_time(text).timestamp() - now().timestamp() - self._ahead
