"""How a request stands in the system it comes from, as its track's events tell. Pure words.

The layer above writes those events; this one knows their names and what is in them, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.display_time import Clock, Moment
from approvals.models import Ask
from tracks.addresses import NotAnAddress, check_address, masked
from tracks.models import Event, Track
from tracks.sources import Source

PUSHED, CONFIRMED = "record.pushed", "record.confirmed"
CONFLICT, RESOLVED = "record.push_conflict", "record.resolved_elsewhere"
NEEDS_HUMAN = "needs_human"  # as the status in one of them
ALREADY_RESOLVED = "This request is already resolved"
THEY_KNOW = "the people who run Sayso have been told."
MOST_NEWS = 50
# As the layer above writes them in its mails.
VERDICTS = {"approved": "Approved", "rejected": "Denied", "cancelled": "Withdrawn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the system knows of an answer, and where to look it up there."""

    state: str
    words: str
    heading: str = ""  # bold, before the words
    detail: str = ""  # the system's own words
    tone: str = "still"
    link: str = ""
    host: str = ""


def news_of(track: Track) -> list[Event]:
    """Return what the layer above has said last of a track that mirrors something, in order."""
    if track.source is None:
        return []
    kinds = (PUSHED, CONFIRMED, CONFLICT, RESOLVED)
    events = Event.objects.filter(track=track, type__in=kinds).select_related("content")
    return list(events.order_by("-seq")[:MOST_NEWS])[::-1]


def standing_of(
    ask_id: str, source: Source, news: Sequence[Event], *, clock: Clock, is_verified: bool
) -> Standing:
    """Return how an answer stands in the system. Who is not verified learns no names."""
    event = _latest(ask_id, news, PUSHED, CONFIRMED, CONFLICT)
    if event is None:
        return Standing(state="waiting", words=f"Recorded. Sayso writes it to {source.name} now.")
    said = event.data or {}
    there = Source(name=source.name, url=_text(said, "url") or source.url)
    at = _moment(said, event, clock)
    common = {"link": there.link, "host": there.host}
    if said.get("status") == NEEDS_HUMAN:
        words = (
            f"It could not be written to {source.name}; the people who run Sayso have been told."
        )
        return Standing(state=NEEDS_HUMAN, words=words, tone="warn", **common)
    if event.type == CONFIRMED:
        words = f"Confirmed in {source.name} on {at.full}."
        return Standing(state="confirmed", words=words, tone="ok", **common)
    if event.type == CONFLICT:
        return Standing(
            state="conflict",
            heading=f"{ALREADY_RESOLVED}.",
            words="" if is_verified else f"Somebody decided it in {source.name}.",
            detail=_text(said, "words") if is_verified else "",
            tone="warn",
            **common,
        )
    return Standing(state="sent", words=f"Sent to {source.name}; being checked.", **common)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A request that was resolved in its system before anybody answered it here."""

    heading: str
    verdict: str  # "Approved in Request Tracker"
    by: str  # " by Dana Lee", or nothing
    lead: str


def resolved_there(ask: Ask, *, clock: Clock, is_verified: bool) -> Elsewhere | None:
    """Return what its system decided about a request that was withdrawn here, if that is why."""
    source = ask.track.comes_from
    if source is None or ask.status != Ask.Status.CANCELLED:
        return None
    news = news_of(ask.track)
    return elsewhere_of(ask.public_id, source, news, clock=clock, is_verified=is_verified)


def elsewhere_of(
    ask_id: str, source: Source, news: Sequence[Event], *, clock: Clock, is_verified: bool
) -> Elsewhere | None:
    """Return what the system decided by itself about a request that was withdrawn here."""
    event = _latest(ask_id, news, RESOLVED)
    if event is None:
        return None
    said = event.data or {}
    verdict = VERDICTS.get(_text(said, "status"), "Decided")
    who = _person(_text(said, "by"), is_verified=is_verified)
    by = f" by {who}" if who else ""
    heading = f"Decided in {source.name}" if source.decides_there else ALREADY_RESOLVED
    lead = f"{verdict} in {source.name}{by} on {_moment(said, event, clock).full}."
    return Elsewhere(heading=heading, verdict=f"{verdict} in {source.name}", by=by, lead=lead)


def lines_of(
    source: Source, news: Sequence[Event], *, clock: Clock, is_verified: bool
) -> dict[str, str]:
    """Return, by ask, what a timeline says where the system decided before anybody here did."""
    ids = {_text(event.data or {}, "ask_id") for event in news if event.type == RESOLVED}
    found = {
        each: elsewhere_of(each, source, news, clock=clock, is_verified=is_verified) for each in ids
    }
    return {each: f"{said.verdict}{said.by}" for each, said in found.items() if said}


def _latest(ask_id: str, news: Sequence[Event], *kinds: str) -> Event | None:
    mine = (
        event
        for event in reversed(news)
        if event.type in kinds and (event.data or {}).get("ask_id") == ask_id
    )
    return next(mine, None)


def _person(by: str, *, is_verified: bool) -> str:
    """Return who decided there; a stranger sees an address masked, and of a name nothing."""
    if is_verified or not by:
        return by
    try:
        return masked(check_address(by))
    except NotAnAddress:
        return ""


def _moment(said: dict[str, Any], event: Event, clock: Clock) -> Moment:
    """Return when it happened there, else when we saw it."""
    try:
        at = datetime.fromisoformat(_text(said, "at"))
    except ValueError:
        at = event.at
    return clock.moment(at if at.tzinfo else event.at)


def _text(said: dict[str, Any], name: str) -> str:
    found = said.get(name)
    return found if isinstance(found, str) else ""
