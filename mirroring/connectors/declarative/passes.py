"""From page to page, and from poll to poll, as a definition says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mirroring.connectors.base import CursorKind
from mirroring.connectors.declarative.spec import Listing, PageType
from mirroring.connectors.http import Answer
from mirroring.connectors.keyset import Position


@dataclass(frozen=True, slots=True)
class Seen:
    """What was on a page: of every record, whether or not it is an approval of ours."""

    times: Sequence[datetime | None]
    numbers: Sequence[int]


def placeholders(listing: Listing, at: Position, limit: int) -> dict[str, Any]:
    """Return what a request for a page is filled in with; what is None is left out of queries."""
    size = max(1, min(limit, listing.pages.largest))
    return {
        "limit": size,
        "page": listing.pages.first + at.page - 1,
        "offset": at.offset,
        "token": at.token,
        "since": _since(listing, at),
    }


def _since(listing: Listing, at: Position) -> Any:
    cursor = listing.cursor
    if cursor.kind == CursorKind.SEQUENCE:
        return cursor.start or None if at.number is None else at.number
    if at.since is None:
        return cursor.start or None
    return at.since.strftime(cursor.pattern) if cursor.pattern else _iso(at.since)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def way_on(listing: Listing, answer: Answer, count: int) -> tuple[bool, str | None]:
    """Tell whether there is another page, and the token or link that leads there.

    A short page is not the last one: systems apply their limits before their access rules.
    """
    pages, content = listing.pages, answer.json
    token = pages.following.find(content) if pages.following else None
    if pages.type == PageType.NEXT_LINK and not pages.following:
        token = answer.next_link
    if pages.type in (PageType.NEXT_TOKEN, PageType.NEXT_LINK):
        return bool(token), str(token) if token else None
    if pages.more is not None:
        return bool(pages.more.find(content)), None
    pages_on = pages.type != PageType.NONE or listing.cursor.kind == CursorKind.OFFSET
    return pages_on and count > 0, None


def go_on(
    listing: Listing, at: Position, seen: Seen, *, more: bool, token: str | None, now: datetime
) -> Position | None:
    """Return where the next list() begins; None: from the start."""
    kind, count = listing.cursor.kind, len(seen.times)
    if kind == CursorKind.KEYSET:
        if not more:
            resolution = timedelta(seconds=listing.cursor.resolution)
            return at.finish(seen.times, now=now, resolution=resolution)
        # A system's token stands for the query it was given with; a link can be left for times.
        must_follow = listing.pages.type == PageType.NEXT_TOKEN
        return at.turn(count, token) if must_follow else at.follow(seen.times, token=token)
    if kind == CursorKind.OFFSET:
        return replace(at.turn(count, token) if count else at, is_first=False)
    if kind == CursorKind.SEQUENCE:
        return _count_on(listing, at, seen, more=more, token=token)
    return at.turn(count, token) if more else None


def _count_on(
    listing: Listing, at: Position, seen: Seen, *, more: bool, token: str | None
) -> Position:
    highest = max([*seen.numbers, *([] if at.number is None else [at.number])], default=None)
    is_token = listing.pages.type == PageType.NEXT_TOKEN
    if more and (is_token or highest == at.number):
        return at.turn(len(seen.times), token)
    return replace(Position(), number=highest, is_first=False)
