"""What was sent to a system, and what the system said of its own limit. No database."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

LONGEST = 24 * 3600.0  # seconds until a limit is said to begin anew
MOST = 2_147_483_647
EPOCH = 1_000_000_000  # a reset above this is a time and no span, as GitHub and ServiceNow have it
# Of X-RateLimit-Remaining (GitHub, ServiceNow), RateLimit-Remaining (IETF drafts before the
# seventh) and X-Rate-Limit-Remaining (Okta).
PREFIXES = ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
# RateLimit: limit=100, remaining=50, reset=30 (draft 7), or "default";r=50;t=30 (draft 8 on)
_PARAMETER = re.compile(r"\b(limit|remaining|reset|r|t)\s*=\s*([0-9]{1,15})\b")
_QUOTA = re.compile(r";\s*q\s*=\s*([0-9]{1,15})\b")
_NUMBER = re.compile(r"\s*([0-9]{1,15})(?:\.[0-9]+)?\s*(?:[,;].*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many requests a system lets through. `resets_in`: seconds until it counts anew."""

    remaining: int
    most: int | None = None
    resets_in: float | None = None


def read_limit(headers: Mapping[str, str], *, now: datetime) -> Limit | None:
    """Return what an answer's headers say of a limit; None where they name nothing that is left.

    `now` is the system's time.
    """
    said = _in_many(headers) or _in_one(headers)
    remaining, reset = said.get("remaining"), said.get("reset")
    if remaining is None:
        return None
    return Limit(
        remaining=min(remaining, MOST),
        most=None if (most := said.get("limit")) is None else min(most, MOST),
        resets_in=None if reset is None else _span(reset, now),
    )


def _in_many(headers: Mapping[str, str]) -> dict[str, int]:
    for prefix in PREFIXES:
        found = {
            name: int(number[1])
            for name in ("limit", "remaining", "reset")
            if (number := _NUMBER.fullmatch(headers.get(prefix + name, "")))
        }
        if "remaining" in found:
            return found
    return {}


def _in_one(headers: Mapping[str, str]) -> dict[str, int]:
    """Return what one RateLimit header says, and its policy; of several limits the first."""
    names = {"r": "remaining", "t": "reset"}
    said: dict[str, int] = {}
    for name, value in _PARAMETER.findall(headers.get("ratelimit", "")):
        said.setdefault(names.get(name, name), int(value))
    quota = _QUOTA.search(headers.get("ratelimit-policy", ""))
    return {"limit": int(quota[1]), **said} if quota else said


def _span(reset: int, now: datetime) -> float:
    seconds = reset - now.timestamp() if reset > EPOCH else float(reset)
    return min(max(seconds, 0.0), LONGEST)


@dataclass(slots=True)
class Tally:
    """Of one connector; all times are of this machine's steady clock."""

    sent: list[float] = field(default_factory=list)
    limit: Limit | None = None
    limit_at: float = 0.0
    pause: float | None = None  # seconds for which the system asked to be left alone
    pause_at: float = 0.0

    def count(self) -> None:
        """Take note that a request is sent."""
        self.sent.append(time.monotonic())

    def hear(self, limit: Limit | None, pause: float | None) -> None:
        """Take note of what an answer said; what it did not say stays."""
        if limit is not None:
            self.limit, self.limit_at = limit, time.monotonic()
        if pause is not None:
            self.pause, self.pause_at = pause, time.monotonic()
