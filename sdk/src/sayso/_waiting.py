"""How a call waits for a person: a long poll, for as long as the ask's deadline demands.

Only Sayso itself can end a wait. A connection that breaks, a server that restarts, a proxy that
answers in its place: all of that is retried, until the deadline has passed and the server has
stayed away for the client's `outage_grace` beyond it.
"""

import json
import math
import threading

from sayso import _clock
from sayso._protocol import Operation, Outcome, Pause, Reply, Send
from sayso._requests import LONGEST_WAIT, SLACK, get_ask, wait_for_ask
from sayso._retrying import backoff, call, delay_before_retry, exchange, is_passing
from sayso._session import Session
from sayso._wire import AskJSON
from sayso.errors import ConnectionFailed, error_from, problem_of

# The server presents an ask as timed out at once, and opens its successor within 5 s.
SUCCESSOR_WITHIN = 10.0
SUCCESSOR_POLL = 0.25
EARLY = 0.5  # seconds; a poll that is answered sooner, and says nothing new, was not held
NEAR = 0.05  # seconds by which the server's answer may exceed what is left of a caller's timeout


class Watch:
    """What is known of an ask, and whether there is more to wait for.

    An ask that was opened with `escalate_to` is over only when the last of its successors is;
    `target` is the one waited for. Threads may share it: a reply that was overtaken by a newer one
    is dropped.
    """

    def __init__(self, ask: AskJSON, *, escalations: int = 0) -> None:
        self._escalations = escalations
        self._followed: set[str] = set()
        self._successor_until: float | None = None
        self._lock = threading.Lock()
        self.ask = ask
        self.target = ask["id"]
        self.take(ask)

    def take(self, ask: AskJSON) -> None:
        """Keep what the server said of the ask, and turn to its successor if it has one."""
        with self._lock:
            if not self._is_overtaken(ask):
                self.ask = ask
                self._turn_to_successor(ask)

    def _is_overtaken(self, ask: AskJSON) -> bool:
        if ask["id"] != self.ask["id"]:
            return ask["id"] != self.target
        return ask["status"] == "open" and self.ask["status"] != "open"

    def _turn_to_successor(self, ask: AskJSON) -> None:
        if ask["status"] != "timeout" or len(self._followed) >= self._escalations:
            return
        if ask["escalated_to"]:
            self._followed.add(ask["escalated_to"])
            self.target = ask["escalated_to"]
            self._successor_until = None
        elif self._successor_until is None:
            self._successor_until = _clock.monotonic() + SUCCESSOR_WITHIN

    def is_pending(self) -> bool:
        """Is there anything to wait for?"""
        return self.ask["status"] == "open" or self.has_moved() or self.expects_successor()

    def has_moved(self) -> bool:
        """Has a successor taken over of which nothing is known yet?"""
        return self.ask["id"] != self.target

    def expects_successor(self) -> bool:
        """Has it timed out just now, so that the server is about to ask the next address?"""
        until = self._successor_until
        return until is not None and not self.has_moved() and _clock.monotonic() < until

    def next_poll(self, *, left: float) -> Send:
        """Return the request that waits longest without waiting past `left` seconds."""
        if self.has_moved() or self.expects_successor() or left <= 0:
            return wait_for_ask(self.target, wait=0, timeout=_silence(0, left))
        wait = LONGEST_WAIT if left > LONGEST_WAIT else max(1, math.ceil(left - NEAR))
        return wait_for_ask(self.target, wait=wait, timeout=_silence(wait, left))


def _silence(wait: int, left: float) -> float:
    """Return the seconds of silence after which a poll is given up.

    A poll that the server answers in time gets some slack, so that the connection lives on. One
    that it would answer too late (only whole seconds can be asked for) is cut off.
    """
    if left <= 0:
        return SLACK
    return min(wait + SLACK, left + 1.0 if wait <= left + NEAR else left)


def wait(session: Session, watch: Watch, *, timeout: float | None = None) -> Operation[None]:
    """Wait until the ask is closed, or so many seconds have passed. The outcome is in `watch`."""
    until = math.inf if timeout is None else _clock.monotonic() + timeout
    outage, pace = Outage(session, watch), Pace()
    while watch.is_pending():
        began = _clock.monotonic()
        poll = watch.next_poll(left=until - began)
        outcome = yield from exchange(session, poll)
        ask = _ask_in(outcome)
        if ask is None:
            pause = outage.pause(outcome)
        else:
            outage.is_over()
            watch.take(ask)
            pause = pace.pause(watch, took=_clock.monotonic() - began)
        left = until - _clock.monotonic()
        if pause and watch.is_pending() and left > 0:
            yield Pause(min(pause, left))
        if until <= _clock.monotonic():
            return


def refresh(session: Session, watch: Watch) -> Operation[None]:
    """Read the ask anew."""
    while True:
        watch.take((yield from call(session, get_ask(watch.target))))
        if not watch.has_moved():
            return


class Pace:
    """Keeps a server that answers "still open" before its time from being asked in a tight loop.

    One that shuts down does that, once, to everybody who waits.
    """

    def __init__(self) -> None:
        self._early = 0

    def pause(self, watch: Watch, *, took: float) -> float:
        """Return the seconds to let pass after a reply that took so long."""
        if watch.expects_successor():
            return SUCCESSOR_POLL
        if took >= EARLY or watch.has_moved():
            self._early = 0
            return 0.0
        self._early += 1
        return 0.0 if self._early == 1 else min(1.0, backoff(self._early - 2))


class Outage:
    """How long a wait puts up with a server that is away."""

    def __init__(self, session: Session, watch: Watch) -> None:
        self._session = session
        self._watch = watch
        self._failures = 0
        self._ends = 0.0

    def is_over(self) -> None:
        """Start afresh: the server is there."""
        self._failures = 0

    def pause(self, outcome: Outcome) -> float:
        """Return the seconds to let pass before the next try, or raise what went wrong for good."""
        if _is_final(outcome):
            raise error_from(outcome)
        now = _clock.monotonic()
        if self._failures == 0:
            self._ends = now + self._patience()
        elif now >= self._ends:
            raise _gone(outcome)
        delay = delay_before_retry(outcome, attempt=self._failures)
        self._failures += 1
        return min(delay, max(self._ends - now, 0.0))

    def _patience(self) -> float:
        left = self._session.clock.seconds_until(self._watch.ask["expires_at"])
        return max(left, 0.0) + self._session.outage_grace


def _gone(outcome: Outcome) -> ConnectionFailed:
    error = error_from(outcome)
    if isinstance(error, ConnectionFailed):
        return error
    gone = ConnectionFailed(f"The server stayed away until long after the deadline ({error})")
    gone.__cause__ = error
    return gone


def _ask_in(outcome: Outcome) -> AskJSON | None:
    """Return the ask that a reply carries, or None."""
    if not isinstance(outcome, Reply) or not outcome.is_success:
        return None
    try:
        ask: AskJSON = json.loads(outcome.body)
    except ValueError:
        return None
    return ask


def _is_final(outcome: Outcome) -> bool:
    """Is this Sayso itself, saying that waiting is of no use?"""
    if not isinstance(outcome, Reply) or outcome.status >= 500 or is_passing(outcome):
        return False
    return "code" in problem_of(outcome)
