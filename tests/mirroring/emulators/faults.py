"""What goes wrong in the emulated systems, and the clock that they go by: the same for each."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

SLOW = "slow"  # the answer takes `seconds`
TOO_MANY_REQUESTS = "too_many_requests"  # 429 with Retry-After: `retry_after`
SERVER_ERROR = "server_error"  # 500, and nothing was done
SERVER_ERROR_AFTER_COMMIT = "server_error_after_commit"  # 500, and yet it was done
DROPPED = "dropped"  # the connection ends without an answer, and nothing was done
DROPPED_AFTER_COMMIT = "dropped_after_commit"  # it ends without an answer, and yet it was done
WRITE_IGNORED = "write_ignored"  # 200, and nothing was done
SHORT_PAGE = "short_page"  # a page has only `rows`, though more follow
QUERY_IGNORED = "query_ignored"  # a list comes as if nothing had been asked of it but its order
LATE = "late"  # what is opened can be seen only after `seconds`, with its older time
EQUAL_TIMES = "equal_times"  # what is written gets the time of what was written before
CHANGED_AMOUNT = "changed_amount"  # once it was listed, the amount of one becomes another
DECIDED_ELSEWHERE = "decided_elsewhere"  # once it was listed, somebody decides one there
SKEWED_DATE = "skewed_date"  # the Date header is `seconds` ahead of the system's own clock
EMPTY_FOR_A_BAD_TOKEN = "empty_for_a_bad_token"  # 200 without anything, where 401 belongs

DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        SLOW: {"seconds": 0.05},
        TOO_MANY_REQUESTS: {"retry_after": 7},
        SHORT_PAGE: {"rows": 1},
        LATE: {"seconds": 60},
        SKEWED_DATE: {"seconds": 90},
    }
)


class Faults:
    """What is to go wrong, and what did. Threads may share it.

    `add()` lets something go wrong at its next chance, or at several; `at_random()` at every chance
    with some probability, the same for the same seed and the same order of chances.
    """

    def __init__(self) -> None:
        self.struck: Counter[str] = Counter()
        self.random = random.Random(0)
        self._due: list[tuple[str, int | None, Mapping[str, Any]]] = []
        self._rates: Mapping[str, float] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, *, times: int | None = 1, **how: Any) -> None:
        """Let something go wrong at its next chances: so many `times`, or always with None."""
        with self._lock:
            self._due.append((kind, times, {**DEFAULTS.get(kind, {}), **how}))

    def at_random(self, *, seed: int, rates: Mapping[str, float]) -> None:
        """Let things go wrong at random from now on, by the probability of each."""
        with self._lock:
            self.random, self._rates = random.Random(seed), dict(rates)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._due, self._rates = [], {}

    def forget(self, kind: str) -> None:
        """Let one kind of thing not go wrong any more, but for what is left to chance."""
        with self._lock:
            self._due = [each for each in self._due if each[0] != kind]

    def strike(self, kind: str) -> Mapping[str, Any] | None:
        """Return how something goes wrong at this chance, or None if it does not."""
        with self._lock:
            how = self._taken(kind)
            if how is None and self._rates.get(kind):
                is_hit = self.random.random() < self._rates[kind]
                how = DEFAULTS.get(kind, {}) if is_hit else None
            if how is not None:
                self.struck[kind] += 1
            return how

    def _taken(self, kind: str) -> Mapping[str, Any] | None:
        for index, (named, times, how) in enumerate(self._due):
            if named == kind:
                if times == 1:
                    del self._due[index]
                elif times is not None:
                    self._due[index] = (named, times - 1, how)
                return how
        return None


class Clock:
    """The time that a system goes by: ours, until a test says otherwise."""

    def __init__(self) -> None:
        self._source: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the system's time, in whole seconds."""
        return (self._source() + self._ahead).replace(microsecond=0)

    def follow(self, source: Callable[[], datetime]) -> None:
        """Go by another clock."""
        self._source, self._ahead = source, timedelta()

    def set(self, moment: datetime) -> None:
        """Stand still at a moment."""
        self.follow(lambda: moment)

    def advance(self, seconds: float) -> None:
        """Go on at once by so much: a clock that runs is so far ahead from then on."""
        self._ahead += timedelta(seconds=seconds)
