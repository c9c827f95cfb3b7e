"""A pass over what changed, oldest first, so that nothing is lost while it changes. Pure.

Page numbers alone lose items: what is changed during a pass moves to the end, and what stood behind
it moves up, onto a page that was read already. So the next page is asked for by the time of the
last item seen (again, inclusively: several items can have one time) and only within one time by
number. Each pass begins a little before the end of the last one (security PO-01), and where pages
had to be numbered while things changed, at those.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mirroring.connectors.base import ConnectorError, Kind

OVERLAP = timedelta(minutes=5)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
NOT_YET = timedelta(seconds=5)  # what commits late may still get an earlier time


@dataclass(frozen=True, slots=True)
class Position:
    """Where a pass is.

    `is_first`: it is the pass that finds what was there before we came; `started`: when the pass
    began by the system's clock; `high`: the latest time seen in it; `low`: from where on pages were
    numbered; `offset`: how many items were read since `since`; `is_doubted`: the system ignored the
    time it was asked for. `number` takes the place of a time where a system counts.
    """

    since: datetime | None = None
    number: int | None = None
    page: int = 1
    offset: int = 0
    high: datetime | None = None
    low: datetime | None = None
    is_first: bool = True
    started: datetime | None = None
    token: str | None = None
    is_doubted: bool = False

    @classmethod
    def read(cls, cursor: str | None) -> "Position":
        """Return what write() wrote."""
        if cursor is None:
            return cls()
        said = read_cursor(cursor)
        try:
            times = {name: _time(said.get(name)) for name in ("since", "high", "low", "started")}
            return cls(
                **times,
                number=None if said.get("number") is None else int(said["number"]),
                page=int(said.get("page", 1)),
                offset=int(said.get("offset", 0)),
                is_first=bool(said.get("first")),
                token=said.get("token"),
                is_doubted=bool(said.get("doubted")),
            )
        except (TypeError, ValueError):
            raise foreign_cursor() from None

    def asks_for(self, time: datetime | None) -> bool:
        """Tell whether a time is as late as was asked for (systems ignore that), to the second."""
        since = self.since and self.since.replace(microsecond=0)
        return since is None or time is None or time >= since

    def write(self) -> str:
        """Return this as an opaque text."""
        said = {
            "since": self.since and self.since.isoformat(),
            "high": self.high and self.high.isoformat(),
            "low": self.low and self.low.isoformat(),
            "started": self.started and self.started.isoformat(),
            "number": self.number,
            "page": self.page if self.page > 1 else None,
            "offset": self.offset or None,
            "first": self.is_first or None,
            "token": self.token,
            "doubted": self.is_doubted or None,
        }
        return json.dumps({name: value for name, value in said.items() if value is not None})

    def follow(self, times: Sequence[datetime | None], *, token: str | None = None) -> "Position":
        """Return where the pass goes on after a page of items with these times.

        `token` is the system's own way on, for when times do not lead on.
        """
        last = times[-1] if times else None
        leads_on = last is not None and (self.since is None or last > self.since)
        if not (leads_on and _is_sorted(times)):
            return self._count_on(times, token)
        high = _latest([self.high, *times])
        return replace(self, since=last, page=1, offset=0, high=high, token=None, is_doubted=False)

    def follow_doubting(
        self, times: Sequence[datetime | None], *, token: str | None = None
    ) -> "Position":
        """Return where the pass goes on in a system that may ignore the time it was asked for.

        It is asked once more. If it does that again, asking by a later time would begin at the
        front, too: pages are numbered from then on. As nobody can tell which of them were counted
        from which front, the next pass begins where these did.
        """
        is_ignored = not all(self.asks_for(time) for time in times)
        if is_ignored and not self.is_doubted:
            return replace(self, is_doubted=True)
        if is_ignored or (self.is_doubted and self.page > 1):
            return self._count_on(times, token)
        return self.follow(times, token=token)

    def _count_on(self, times: Sequence[datetime | None], token: str | None) -> "Position":
        low = min(self.low or self.since or BEGINNING, self.since or BEGINNING)
        high = _latest([self.high, *times])
        return replace(self.turn(len(times), token), high=high, low=low)

    def turn(self, count: int, token: str | None = None) -> "Position":
        """Return where the next page is, after one with so many items."""
        return replace(self, page=self.page + 1, offset=self.offset + count, token=token)

    def finish(
        self,
        times: Sequence[datetime | None],
        *,
        now: datetime,
        resolution: timedelta = timedelta(0),
    ) -> "Position | None":
        """Return where the next pass begins; None while nothing was ever seen.

        `now` is the system's time. No pass begins later than the one before it did, less a few
        seconds: what was committed late while that one went on may have got a time it had passed.
        The first saw everything that was pending, however old, so the next looks from its start on.
        `resolution`: what changes now may get a time that is as much earlier.
        """
        high = _latest([self.high, *times])
        latest = (self.started or now) - NOT_YET - resolution
        if self.is_first and self.started:
            begin = latest - OVERLAP
        elif high is None:
            return Position(since=self.since, is_first=False) if self.since else None
        else:
            begin = max(min(high, latest), BEGINNING) - OVERLAP
        if self.low and self._was_disturbed(high):
            begin = min(begin, self.low)
        return Position(since=begin, is_first=False)

    def _was_disturbed(self, high: datetime | None) -> bool:
        """Tell whether numbered pages may have moved: in a first pass that cannot be seen."""
        if self.is_doubted or self.is_first or self.started is None or high is None:
            return True
        return high >= self.started - NOT_YET


def read_cursor(cursor: str) -> dict[str, Any]:
    """Return what a cursor says; raise ConnectorError for one that is not ours."""
    try:
        said = json.loads(cursor)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise foreign_cursor()
    return said


def foreign_cursor() -> ConnectorError:
    """Return the refusal of a cursor that another connector wrote, or nobody."""
    message = "The cursor is not one of this connector's; begin anew."
    return ConnectorError(message, kind=Kind.BAD_REQUEST, permanent=True)


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _is_sorted(times: Sequence[datetime | None]) -> bool:
    known = [time for time in times if time is not None]
    return len(known) == len(times) and known == sorted(known)
