"""What a review in GitHub is known by, and how it stands. Pure.

The history of a run's reviews (…/approvals) has no times and no documented order, and in one run an
environment can ask several times: again in a later job, again when the run is started anew. So a
review that is wanted is known by how many there were before it, of either kind.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from mirroring.connectors.base import Gone, State
from mirroring.connectors.values import read_time, redacted

REVIEWS = {"approved": State.APPROVED, "rejected": State.REJECTED}
WITHOUT_REVIEW = {  # a run's conclusion, or its status while it has none
    "action_required": State.CANCELLED,
    "cancelled": State.CANCELLED,
    "failure": State.CANCELLED,
    "in_progress": State.NOT_REQUIRED,  # it went on: an administrator let it, or the rule is gone
    "neutral": State.NOT_REQUIRED,
    "pending": State.NOT_REQUIRED,
    "queued": State.NOT_REQUIRED,
    "requested": State.NOT_REQUIRED,
    "skipped": State.CANCELLED,
    "stale": State.CANCELLED,
    "startup_failure": State.CANCELLED,
    "success": State.NOT_REQUIRED,
    "timed_out": State.CANCELLED,
    "waiting": State.NOT_REQUIRED,  # for something else
}
REFERENCE = re.compile(
    r"([\w.-]+/[\w.-]+)/([0-9]{1,18})/([0-9]{1,6})/([^/?#\s]+)/([0-9]{1,4})-([0-9]{1,4})", re.ASCII
)
LONGEST_REFERENCE = 255
KEPT = ("id", "name", "run_number", "run_attempt", "status", "conclusion", "event", "head_branch")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A review that is wanted: of an environment in a run, after so many of either kind."""

    repository: str
    run: int
    attempt: int
    environment: str
    approved: int
    rejected: int

    @classmethod
    def read(cls, ref: str) -> "Wanted":
        """Return what an external id says; raise Gone for what is none."""
        found = REFERENCE.fullmatch(ref)
        if found is None:
            raise Gone(f"{ref[:40]!r} is not the id of a deployment")
        repository, run, attempt, name, *counts = found.groups()
        approved, rejected = map(int, counts)
        return cls(repository, int(run), int(attempt), unquote(name), approved, rejected)

    def write(self) -> str:
        """Return the external id; raise ValueError if it would be too long."""
        name, counts = quote(self.environment, safe=""), f"{self.approved}-{self.rejected}"
        ref = f"{self.repository}/{self.run}/{self.attempt}/{name}/{counts}"
        if len(ref) > LONGEST_REFERENCE:
            raise ValueError(f"its names are longer than {LONGEST_REFERENCE} characters together")
        return ref


@dataclass(frozen=True, slots=True)
class Seen:
    """What GitHub says of an environment in a run; `waiting` is None when nothing waits for it."""

    run: dict[str, Any]
    waiting: dict[str, Any] | None
    reviews: list[dict[str, Any]]

    @property
    def approved(self) -> int:
        return sum(each["state"] == "approved" for each in self.reviews)

    @property
    def rejected(self) -> int:
        return len(self.reviews) - self.approved

    @property
    def may_review(self) -> bool:
        """Tell whether it waits, and the token's user is among the reviewers."""
        return self.waiting is not None and self.waiting["current_user_can_approve"] is True

    def by(self, state: State) -> list[dict[str, Any]]:
        """Return who gave reviews that lead to this state."""
        return [each["user"] for each in self.reviews if REVIEWS[each["state"]] == state]

    def raw(self) -> dict[str, Any]:
        """Return what is worth keeping: a run comes with two whole repositories in it."""
        run = {name: self.run.get(name) for name in KEPT}
        said = {"run": run, "waiting": self.waiting, "reviews": self.reviews}
        found: dict[str, Any] = redacted(said)
        return found


def attempt_of(run: dict[str, Any]) -> int:
    """Return how often the run was started."""
    return int(run.get("run_attempt") or 1)


def reviews_of(environment: str, history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what people said of an environment; timers and other rules speak as bots."""
    return [
        each
        for each in history
        if each["state"] in REVIEWS
        and (each.get("user") or {}).get("type") != "Bot"
        and any(one["name"] == environment for one in each["environments"])
    ]


def wants_review(waiting: dict[str, Any], now: datetime) -> bool:
    """Tell whether people are waited for; while a wait timer runs no review is taken."""
    started = read_time(waiting.get("wait_timer_started_at"))
    minutes = timedelta(minutes=int(waiting.get("wait_timer") or 0))
    is_timed = started is not None and now < started + minutes
    return bool(waiting["reviewers"]) and not is_timed


def state_of(wanted: Wanted, seen: Seen, now: datetime) -> State:
    """Return what became of a review; Gone if the run was started anew and nothing tells."""
    approved, rejected = seen.approved - wanted.approved, seen.rejected - wanted.rejected
    if min(approved, rejected) >= 0 and (approved > 0) != (rejected > 0):
        return State.APPROVED if approved else State.REJECTED
    if attempt_of(seen.run) != wanted.attempt:
        raise Gone(f"{wanted.repository}, run {wanted.run}, was started anew")
    if approved or rejected:
        return State.UNKNOWN  # which of them came first is not told
    if seen.waiting is not None:
        return State.PENDING if wants_review(seen.waiting, now) else State.NOT_REQUIRED
    word = str(seen.run.get("conclusion") or seen.run["status"])
    return WITHOUT_REVIEW.get(word, State.UNKNOWN)
