"""When a request is tried again, and how long after."""

import itertools
import json
import random
from typing import Any

from sayso._protocol import Lost, Operation, Outcome, Pause, Reply, Send
from sayso._session import Session
from sayso.errors import error_from, problem_of, retry_after

FIRST_DELAY = 0.075  # seconds; with the jitter 50 to 100 ms
LONGEST_DELAY = 3.75  # seconds; with the jitter at most 5 s
LONGEST_RETRY_AFTER = 60.0  # seconds a call sleeps because the server says so; longer is an error
RETRIES_OF_500 = 2  # an outage passes, a bug stays


def backoff(attempt: int) -> float:
    """Return the seconds before retry number `attempt`, counted from 0: doubling, with jitter."""
    doubled = FIRST_DELAY * 2.0 ** min(attempt, 16)
    return min(doubled, LONGEST_DELAY) * random.uniform(2 / 3, 4 / 3)


def delay_before_retry(outcome: Outcome, *, attempt: int) -> float:
    """Return the seconds to let pass before the same request is sent again."""
    asked_for = retry_after(outcome) if isinstance(outcome, Reply) else None
    return max(backoff(attempt), asked_for or 0.0)


def is_passing(outcome: Outcome) -> bool:
    """Will the same request succeed once an outage or a burst is over?"""
    if isinstance(outcome, Lost) or outcome.status in (429, 502, 503, 504):
        return True
    return outcome.status == 409 and problem_of(outcome).get("code") == "idempotency_in_flight"


def retries_for(session: Session, outcome: Outcome) -> int:
    """Return how often a request with this outcome may be repeated.

    All of them are safe to repeat: a POST carries an Idempotency-Key, a PATCH sets values. That
    includes a plain 500, since the server keeps only successes under a key; but one that comes
    three times is a bug, not an outage.
    """
    if is_passing(outcome):
        return session.max_retries
    if isinstance(outcome, Reply) and outcome.status >= 500:
        return min(session.max_retries, RETRIES_OF_500)
    return 0


def call(session: Session, send: Send) -> Operation[Any]:
    """Send a request until it succeeds, and return its JSON; or raise what stands in the way."""
    for attempt in itertools.count():
        outcome = yield from exchange(session, send)
        if isinstance(outcome, Reply) and outcome.is_success:
            return _decode(outcome)
        delay = delay_before_retry(outcome, attempt=attempt)
        if attempt >= retries_for(session, outcome) or delay > LONGEST_RETRY_AFTER:
            raise error_from(outcome)
        yield Pause(delay)


def exchange(session: Session, send: Send) -> Operation[Outcome]:
    """Send a request once, and learn what time it is at the server."""
    outcome = yield send
    assert outcome is not None
    if isinstance(outcome, Reply):
        session.clock.observe(outcome.headers.get("date"))
    return outcome


def _decode(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        raise error_from(reply) from None
