"""Who is calling: API keys, checked once and remembered for a few seconds.

Imports no DRF view (they import this module while they are set up).
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from config.errors import KeyInUrl, MissingScope, Unauthorized
from config.throttles import TokenBuckets
from tracks.actors import Actor
from tracks.clock import database_now
from tracks.models import ApiKey
from tracks.models.workspace import KEY_PREFIX, KeyParts
from tracks.work import run_in_background

log = structlog.get_logger(__name__)

REMEMBERED = 4.0  # seconds; a revoked key must stop within 5
MOST_REMEMBERED = 10_000
TOUCH_EVERY = timedelta(minutes=1)

_buckets = TokenBuckets(rate=settings.REQUESTS_PER_SECOND_AND_KEY)


@dataclass(frozen=True, slots=True)
class Identity:
    """An agent that has shown a valid key."""

    is_authenticated = True

    key_id: str
    name: str
    workspace_id: UUID
    workspace_name: str
    scopes: frozenset[str]

    @property
    def actor(self) -> Actor:
        return Actor("agent", self.name)

    def require(self, scope: str) -> None:
        """Raise MissingScope unless the key has this scope."""
        if scope not in self.scopes:
            raise MissingScope(f"This call needs the scope {scope}.")


_remembered: dict[tuple[str, str], tuple[float, Identity]] = {}


def authenticate(*, headers: Mapping[str, str], query: str) -> Identity:
    """Return whose request this is, from its Authorization header and from nowhere else.

    `headers` has lower-case names. Raises Unauthorized, KeyInUrl or RateLimited.
    """
    identity = identify(key_of_request(headers=headers, query=query))
    count_request(identity)
    return identity


def key_of_request(*, headers: Mapping[str, str], query: str) -> KeyParts:
    """Return the key that a request shows, right or wrong."""
    if KEY_PREFIX in query or KEY_PREFIX in headers.get("cookie", ""):
        log.warning("auth.key_in_url")
        raise KeyInUrl()
    scheme, _, text = headers.get("authorization", "").partition(" ")
    parts = KeyParts.parse(text.strip()) if scheme.lower() == "bearer" else None
    if parts is None:
        raise Unauthorized()
    return parts


def identify(parts: KeyParts) -> Identity:
    """Return who has this key, or raise Unauthorized; the database is asked every few seconds."""
    identity = remembered(parts)
    if identity is None:
        identity = _look_up(parts)
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[parts.key_id, parts.secret_hash] = (time.monotonic() + REMEMBERED, identity)
    return identity


def remembered(parts: KeyParts) -> Identity | None:
    """Return who has this key if it was looked up a moment ago."""
    until, identity = _remembered.get((parts.key_id, parts.secret_hash), (0.0, None))
    return identity if until > time.monotonic() else None


def count_request(identity: Identity) -> None:
    """Count a request against its key's limit, or raise RateLimited."""
    _buckets.take(identity.key_id)


def forget_identities() -> None:
    """Look every key up again."""
    _remembered.clear()


def _look_up(parts: KeyParts) -> Identity:
    now = database_now()
    key = (
        ApiKey.objects.select_related("workspace")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .filter(Q(revoked_at=None) | Q(revoked_at__gt=now), key_id=parts.key_id)
        .first()
    )
    # An unknown key is compared, too, so that the time taken does not tell it from a wrong one.
    stored = key.secret_hash if key else "0" * 64
    if not hmac.compare_digest(stored, parts.secret_hash) or key is None:
        raise Unauthorized()
    if key.last_used_at is None or key.last_used_at < now - TOUCH_EVERY:
        run_in_background(_touch, key.pk)
    return Identity(
        key_id=key.key_id,
        name=key.name,
        workspace_id=key.workspace_id,
        workspace_name=key.workspace.name,
        scopes=frozenset(key.scopes),
    )


def _touch(key: UUID) -> None:
    now = database_now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - TOUCH_EVERY)
    ApiKey.objects.filter(stale, pk=key).update(last_used_at=now)


class ApiKeyAuthentication(BaseAuthentication):
    """The same for DRF; `request.auth` is the Identity."""

    def authenticate(self, request: Request) -> tuple[Any, Identity]:
        identity = authenticate(
            headers={name.lower(): value for name, value in request.headers.items()},
            query=request.META.get("QUERY_STRING", ""),
        )
        return identity, identity

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="sayso"'
