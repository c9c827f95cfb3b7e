"""When a delivery is tried again. Pure: no database, no clock."""

import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Standard Webhooks 1.0.0, "Deliverability and reliability": the first attempt at once, then these.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS = len(PAUSES) + 1
LONGEST_RETRY_AFTER = timedelta(hours=24)
JITTER = 0.2

# An endpoint that has failed for so long, and so often, is switched off.
GIVE_UP_AFTER = timedelta(hours=120)
GIVE_UP_FAILURES = 10


def pause_after(tries: int, *, retry_after: timedelta | None, chance: float) -> timedelta | None:
    """Return how long to wait after so many tries, or None when there is to be no other.

    Never sooner than the table or the receiver says; `chance` (0 to 1) spreads those that failed
    together by up to a fifth.
    """
    if tries >= MOST_ATTEMPTS:
        return None
    planned = PAUSES[tries - 1] * (1 + JITTER * chance)
    return max(planned, min(retry_after or planned, LONGEST_RETRY_AFTER))


def read_retry_after(text: str, *, now: datetime) -> timedelta | None:
    """Return what a Retry-After header asks for (RFC 9110, 10.2.3), or None for nonsense."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,20}", text):
        return min(timedelta(seconds=min(int(text), 10**9)), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment - now if moment > now else None


def has_given_up(*, failing_for: timedelta, failures: int) -> bool:
    """Tell whether an endpoint has failed long and often enough to be switched off."""
    return failing_for >= GIVE_UP_AFTER and failures >= GIVE_UP_FAILURES


def some_chance() -> float:
    """Return a number from 0 to 1 for the jitter."""
    return random.random()  # noqa: S311  no secret
