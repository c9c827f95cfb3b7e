"""Beginning again at a time: for systems that tell what has changed since one. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from mirroring.connectors.base import ConnectorError, CursorKind
from mirroring.connectors.keyset import Position

# Why there is no time to go back to, of all other cursors.
NO_TIMES: Mapping[CursorKind, str] = {
    CursorKind.SNAPSHOT: "Each pass reads all that waits in this system, so no time makes a "
    "difference.",
    CursorKind.SEQUENCE: "This system is read by numbers that count up, and not by times.",
    CursorKind.OFFSET: "This system is read as a list that grows, and not by times.",
}


def back_to(moment: datetime, cursor: str | None) -> str | None:
    """Return the cursor of a pass that reads again all that has changed since a moment.

    It leaves out nothing that `cursor` had still to read, so it may begin earlier. None: from the
    start, which a pass that has not come to its end from there would otherwise never have read.
    """
    at = _position(cursor)
    following = None if at is None or at.is_first else at.finish([], now=moment)
    if at is None or following is None:
        return None
    times = (moment, following.since, at.since, at.low)
    # In UTC, as every other: some connectors write a time down without its zone.
    begin = min(time for time in times if time is not None).astimezone(UTC)
    return Position(since=begin, is_first=False).write()


def is_from_start(cursor: str | None) -> bool:
    """Tell whether the next page belongs to a pass from the start."""
    at = _position(cursor)
    return at is None or at.is_first


def _position(cursor: str | None) -> Position | None:
    """Return what a cursor says; None for one that no list() would take."""
    try:
        return Position.read(cursor)
    except ConnectorError:
        return None
