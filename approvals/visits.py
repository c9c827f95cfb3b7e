"""A browser in front of one track: finding the track, and what this browser has proven there."""

from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from approvals.grants import Client, Viewer, viewer_of, viewer_token
from approvals.models import Grant
from approvals.transitions import Evidence
from config.errors import DomainError, NotFound, RateLimited
from tracks.models import Track
from tracks.models.track import SLUG_LENGTH
from tracks.rows import one_or_none
from tracks.sources import Source

MOST_MISSES, MISSES_WITHIN = 30, 60


class NotVerified(DomainError):
    code, status, title = "not_verified", 403, "First show that it's you."


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a track's page."""

    request: HttpRequest
    track: Track
    viewer: Viewer

    @property
    def source(self) -> Source | None:
        """Return the system of record that the track mirrors."""
        return self.track.comes_from

    @property
    def client(self) -> Client:
        return Client.of(self.request)

    @property
    def token(self) -> str | None:
        """Return the viewer cookie, whatever it is worth."""
        return viewer_token(self.request)

    @property
    def browser(self) -> str:
        """Return what tells one browser from another while it types codes."""
        return self.request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")

    def evidence(self, grant: Grant) -> Evidence:
        """Return what is written down about who looks or answers."""
        assert grant.approver is not None
        return Evidence(
            approver=grant.approver,
            verified_by=self.viewer.verified_by(grant),
            verified_at=grant.granted_at,
            ip=self.client.ip,
            user_agent=self.client.user_agent,
        )


class Locked(DomainError):
    """A protected track was asked for something before its password was given."""

    code, status, title = "locked", 403, "This request is protected by a password."

    def __init__(self, at: Visit) -> None:
        super().__init__()
        self.visit = at


def visit(request: HttpRequest, slug: str) -> Visit:
    """Return the visit to a track; an unknown slug is not found, too many of them are refused."""
    track = _track_at(slug)
    if track is None:
        count_miss(Client.of(request).ip)
        raise NotFound()
    return Visit(request, track, viewer_of(track, viewer_token(request)))


def unlocked_visit(request: HttpRequest, slug: str) -> Visit:
    """Return the visit to a track whose password, if it has one, this browser has given."""
    found = visit(request, slug)
    if not found.viewer.is_unlocked:
        raise Locked(found)
    return found


def _track_at(slug: str) -> Track | None:
    if len(slug) != SLUG_LENGTH or not (slug.isascii() and slug.isalnum()):
        return None
    return one_or_none(Track.objects.select_related("workspace").filter(slug=slug))


def count_miss(ip: str) -> None:
    """Count an unknown address; random bits are the lock, this only stops the rattling (SE-13)."""
    key = f"unknown-address:{ip}"
    cache.add(key, 0, timeout=MISSES_WITHIN)
    try:
        misses = cache.incr(key)
    except ValueError:  # it expired between the two calls
        misses = 1
    if misses > MOST_MISSES:
        raise RateLimited(headers={"Retry-After": str(MISSES_WITHIN)})
