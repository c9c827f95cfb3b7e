"""Times as people read them: absolute with the zone's name, and how far away they are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from tracks.clock import rfc3339


def zone_named(name: str) -> tzinfo:
    """Return a time zone, UTC where the name means nothing to this machine."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def span(length: timedelta) -> str:
    """Return a span of time in words, never longer than it is: `25 minutes`, `3 days`."""
    seconds = int(abs(length.total_seconds()))
    for size, from_, unit in ((86_400, 172_800, "day"), (3600, 7200, "hour"), (60, 60, "minute")):
        if seconds >= from_:
            return _count(seconds // size, unit)
    return "less than a minute"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it is shown to somebody in a zone, at a certain moment."""

    at: datetime
    now: datetime
    zone: tzinfo

    @property
    def iso(self) -> str:
        """Return the time for machines: RFC 3339 in UTC."""
        return rfc3339(self.at)

    @property
    def local(self) -> datetime:
        """Return the time in the zone; in UTC on the first and the last day that there is."""
        try:
            return self.at.astimezone(self.zone)
        except OverflowError:
            return self.at

    @property
    def zone_name(self) -> str:
        """Return the zone's abbreviation; zones without one are named by their offset."""
        name = self.local.tzname() or "UTC"
        return f"UTC{name}" if name[0] in "+-" else name

    @property
    def full(self) -> str:
        """Return `Fri 27 Nov 2026, 17:00 CET`."""
        return f"{self.local:%a} {self.local.day} {self.local:%b %Y, %H:%M} {self.zone_name}"

    @property
    def words(self) -> str:
        """Return the same without the year where it is this year."""
        if self.local.year != self.now.astimezone(self.zone).year:
            return self.full
        return f"{self.local:%a} {self.local.day} {self.local:%b, %H:%M} {self.zone_name}"

    @property
    def short(self) -> str:
        """Return the time of day, with the day where it is not today: for a timeline."""
        is_today = self.local.date() == self.now.astimezone(self.zone).date()
        clock = f"{self.local:%H:%M}"
        return clock if is_today else f"{self.local.day} {self.local:%b}, {clock}"

    @property
    def distance(self) -> str:
        """Return how far away it is: `in 2 days`, `5 minutes ago`."""
        length = self.at - self.now
        return f"in {span(length)}" if length >= timedelta(0) else f"{span(length)} ago"


@dataclass(frozen=True, slots=True)
class Clock:
    """What makes moments for one page: its reader's zone and the time it is shown."""

    now: datetime
    zone: tzinfo

    def moment(self, at: datetime) -> Moment:
        """Return a time as this page shows it."""
        return Moment(at, self.now, self.zone)
