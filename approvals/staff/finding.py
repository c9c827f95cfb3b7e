"""Finding asks and tracks by what people read to each other. Every way in has an index.

Two steps where there could be one: keys first, then their rows. As one query with an OR, a database
that knows little of its tables reads them whole.
"""

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.module_loading import import_string

from approvals.models import Approver, Ask, Holder
from approvals.models.ask import AskQuerySet, Reference
from tracks.addresses import NotAnAddress, canonical_address
from tracks.ids import parse_public_id
from tracks.models import Track, Workspace
from tracks.models.track import SLUG_LENGTH
from tracks.staff.reach import workspaces_of

Workspaces = QuerySet[Workspace]

HELP = (
    "A reference (39D9-90E2), an id (ask_… or trk_…), the address of a page, a whole e-mail "
    "address, an external id, or the id of a record in its system."
)
MOST = 100  # of what has the same name
MOST_OF_ADDRESS = 1000  # tracks; of asks a list shows all
_REFERENCE = re.compile(r"([0-9a-f]{4})[- ]?([0-9a-f]{4})", re.IGNORECASE)
_PAGE = re.compile(rf"/t/([0-9A-Za-z]{{{SLUG_LENGTH}}})(?![0-9A-Za-z])")


def find_asks(asks: AskQuerySet, term: str, *, workspaces: Workspaces) -> AskQuerySet:
    """Keep the asks that a term names; a term that names nothing finds none.

    `workspaces`: those of the asks, from which names are looked up.
    """
    term = term.strip()
    if pk := parse_public_id("ask", term):
        return asks.filter(pk=pk)
    if tracks := _tracks_at(term):
        return asks.filter(track__in=tracks)
    if "@" in term:
        return asks_of_address(asks, term)
    named = _tracks_named(term, workspaces)
    return asks.filter(Q(pk__in=_asks_referred_to(term)) | Q(track__in=named))


def asks_of_address(asks: AskQuerySet, address: str) -> AskQuerySet:
    """Keep the asks that an address may decide, or could once."""
    try:
        canonical = canonical_address(address.strip())
    except NotAnAddress:
        return asks.none()
    return asks.filter(pk__in=_places_of(canonical).values("ask"))


def _places_of(canonical: str) -> QuerySet[Holder]:
    # By key, of whose numbers the database knows: who is asked most often is asked of a third.
    people = Approver.objects.filter(canonical=canonical).values_list("pk", flat=True)
    return Holder.objects.filter(approver__in=list(people)).order_by()


def find_tracks(tracks: QuerySet[Track], term: str, *, workspaces: Workspaces) -> QuerySet[Track]:
    """Keep the tracks that a term names, by themselves or by one of their asks.

    `workspaces`: those of the tracks, from which names are looked up.
    """
    term = term.strip()
    if pk := parse_public_id("ask", term):
        return tracks.filter(pk__in=_tracks_of([pk]))
    if found := _tracks_at(term):
        return tracks.filter(pk__in=found)
    if "@" in term:
        return _tracks_of_address(tracks, term)
    named = _tracks_named(term, workspaces)
    return tracks.filter(pk__in=[*named, *_tracks_of(_asks_referred_to(term))])


def _tracks_of_address(tracks: QuerySet[Track], address: str) -> QuerySet[Track]:
    """Keep the tracks of a customer, and the latest of those on which an address was asked."""
    try:
        canonical = canonical_address(address)
    except NotAnAddress:
        return tracks.none()
    theirs = tracks.alias(customer=Lower("customer_email"))
    theirs = theirs.filter(customer__in={canonical, address.lower()})
    asks = asks_of_address(Ask.objects.filter(track__in=tracks.order_by()), canonical)
    found = [
        *theirs.order_by("-pk").values_list("pk", flat=True)[:MOST_OF_ADDRESS],
        *asks.order_by("-pk").values_list("track", flat=True)[:MOST_OF_ADDRESS],
    ]
    return tracks.filter(pk__in=found)


def _tracks_at(term: str) -> list[UUID]:
    """Return the track that an id or the address of a page names."""
    if pk := parse_public_id("trk", term):
        return [pk]
    page = _PAGE.search(term)
    return list(Track.objects.filter(slug=page[1]).values_list("pk", flat=True)) if page else []


def _asks_referred_to(term: str) -> list[UUID]:
    """Return the asks with a reference: one, unless chance has it otherwise."""
    match = _REFERENCE.fullmatch(term)
    if match is None:
        return []
    asks = Ask.objects.alias(tail=Reference("id")).filter(tail="".join(match.groups()).lower())
    return list(asks.order_by().values_list("pk", flat=True)[:MOST])


def _tracks_of(asks: Iterable[UUID]) -> list[UUID]:
    return list(Ask.objects.filter(pk__in=list(asks)).values_list("track_id", flat=True))


def _tracks_named(term: str, workspaces: Workspaces) -> list[UUID]:
    """Return the tracks with an external id, and those of records with one in their system.

    Of the reader's workspaces alone: what others have of the same name leaves no room for theirs.
    """
    # By workspace, as the index has it: there are few of them.
    own = Track.objects.filter(workspace__in=workspaces.order_by().values("pk"), external_id=term)
    found = list(own.order_by().values_list("pk", flat=True)[:MOST])
    for name in settings.TRACK_FINDERS:
        found += import_string(name)(term, workspaces=workspaces, most=MOST)
    return found


def found(rows: Any, term: str, *, by: Any, user: Any) -> tuple[Any, bool]:
    """Return what Django's list of rows wants of a search: rows, and that none is there twice."""
    return (by(rows, term, workspaces=workspaces_of(user)) if term.strip() else rows), False
