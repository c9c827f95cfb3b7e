"""What a browser has proven: looking it up, granting it, taking it back."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from approvals.models import Approver, Browser, Grant, QueueMail
from tracks.clock import database_now
from tracks.models import Track

LASTS = timedelta(days=7)
FRESH = timedelta(minutes=15)  # how recent a verification must be for a request of high risk


def hash_of(secret: str) -> str:
    """Return what is stored of a secret that is random and long."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from, for the record."""

    ip: str
    user_agent: str

    @classmethod
    def of(cls, request: HttpRequest) -> "Client":
        agent = request.headers.get("User-Agent", "")
        printable = "".join(each for each in agent if each.isprintable())
        return cls(ip=request.META.get("REMOTE_ADDR", ""), user_agent=printable[:400])


@dataclass
class Viewer:
    """A browser in front of one track, and what it has proven there."""

    track: Track
    grants: list[Grant]
    now: datetime

    @property
    def is_unlocked(self) -> bool:
        """Tell whether the track's content may be shown."""
        return not self.track.is_protected or self.unlock is not None

    @cached_property
    def unlock(self) -> Grant | None:
        return next((each for each in self.grants if each.kind == Grant.Kind.UNLOCK), None)

    @property
    def verified(self) -> list[Grant]:
        """Return the grants to act for an address; none counts before the track is unlocked."""
        if not self.is_unlocked:
            return []
        return [each for each in self.grants if each.kind != Grant.Kind.UNLOCK]

    def grant_for(self, approver_ids: set[UUID]) -> Grant | None:
        """Return the newest grant to act for one of these approvers."""
        fitting = [each for each in self.verified if each.approver_id in approver_ids]
        return max(fitting, key=lambda grant: grant.granted_at, default=None)

    def is_fresh(self, grant: Grant) -> bool:
        """Tell whether the mailbox was proven recently enough for a request of high risk."""
        return self.now - grant.granted_at <= FRESH

    def verified_by(self, grant: Grant) -> str:
        """Return how the contract names this proof."""
        return f"{grant.method}+password" if self.track.is_protected else grant.method


def viewer_of(track: Track, token: str | None) -> Viewer:
    """Return what the browser with this cookie has proven on a track and not lost again."""
    now = database_now()
    if not token:
        return Viewer(track, [], now)
    here = Q(track=track) | Q(kind=Grant.Kind.QUEUE)
    grants = list(alive_grants(token, now).filter(here).select_related("approver"))
    return Viewer(track, _at_home(track, grants), now)


def alive_grants(token: str, now: datetime) -> QuerySet[Grant]:
    """Return what a browser has proven anywhere and not lost again."""
    return Grant.objects.filter(
        browser__token_hash=hash_of(token), revoked_at=None, expires_at__gt=now
    )


def _at_home(track: Track, grants: list[Grant]) -> list[Grant]:
    """Let each grant of the queue name the approver of this workspace who has its address.

    Where nobody has it, the grant is worth nothing.
    """
    addresses = {each.canonical for each in grants if each.kind == Grant.Kind.QUEUE}
    if not addresses:
        return grants
    approvers = Approver.objects.filter(workspace=track.workspace_id, canonical__in=addresses)
    known = {each.canonical: each for each in approvers}
    for each in grants:
        if each.kind == Grant.Kind.QUEUE:
            each.approver = known.get(each.canonical)
    return [each for each in grants if each.approver or each.kind == Grant.Kind.UNLOCK]


def viewer_token(request: HttpRequest) -> str | None:
    """Return the viewer cookie's value."""
    return request.COOKIES.get(settings.VIEWER_COOKIE_NAME)


def grant(
    *,
    track: Track | None,
    token: str | None,
    kind: Grant.Kind,
    method: Grant.Method,
    approver: Approver | None,
    client: Client,
    now: datetime,
    canonical: str = "",
) -> str:
    """Write what a browser has proven and return its new cookie value; the old one is dead.

    A value that the browser brought along and we never issued is not adopted.
    """
    browser = Browser.objects.filter(token_hash=hash_of(token)).first() if token else None
    fresh = secrets.token_urlsafe(32)
    if browser is None:
        browser = Browser.objects.create(token_hash=hash_of(fresh), created_at=now)
    else:
        Browser.objects.filter(pk=browser.pk).update(token_hash=hash_of(fresh))
    Grant.objects.create(
        browser=browser,
        kind=kind,
        track=track,
        approver=approver,
        canonical=canonical,
        method=method,
        granted_at=now,
        expires_at=now + LASTS,
        ip=client.ip,
        user_agent=client.user_agent,
    )
    return fresh


def set_viewer_cookie(response: HttpResponse, token: str) -> None:
    """Hand the browser its new cookie."""
    response.set_cookie(
        settings.VIEWER_COOKIE_NAME,
        token,
        max_age=int(LASTS.total_seconds()),
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def revoke_verified(track: Track, *, canonical: str, now: datetime) -> int:
    """Void what was proven for an address on a track, and what is under way to it; return how much.

    What has expired by itself does not count.
    """
    proven = Grant.objects.filter(track=track, approver__canonical=canonical)
    track.challenge_set.filter(approver__canonical=canonical, voided_at=None).update(voided_at=now)
    return _revoke(proven, now=now)


def revoke_queue(canonical: str, *, now: datetime) -> int:
    """Void an address's sign-ins to the queue, and what is under way to it; return how many."""
    QueueMail.objects.filter(canonical=canonical, voided_at=None).update(voided_at=now)
    return _revoke(Grant.objects.filter(kind=Grant.Kind.QUEUE, canonical=canonical), now=now)


def _revoke(grants: QuerySet[Grant], *, now: datetime) -> int:
    return grants.filter(revoked_at=None, expires_at__gt=now).update(revoked_at=now)


def revoke_unlocked(track: Track, *, now: datetime) -> None:
    """Void what a track's old password unlocked."""
    _revoke(Grant.objects.filter(track=track, kind=Grant.Kind.UNLOCK), now=now)
