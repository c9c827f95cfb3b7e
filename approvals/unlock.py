"""Opening a protected track with its password."""

import unicodedata
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password
from django.core.cache import cache

from approvals.grants import Client, grant
from approvals.models import Grant
from config.errors import DomainError, RateLimited
from tracks.models import Track
from tracks.transactions import transition
from tracks.transitions import lock_track

LONGEST_PASSWORD = 128
LONGEST_DECOMPOSED = 4 * LONGEST_PASSWORD  # no character decomposes into more than four
FREE_TRIES, WITHIN = 10, timedelta(minutes=15)
LONGEST_PAUSE = timedelta(minutes=5)
PER_CLIENT = 30  # wrong passwords from one address within the same span


class WrongPassword(DomainError):
    code, status, title = "wrong_password", 422, "This is not the password."


def unlock(*, track: Track, password: str, viewer: str | None, client: Client) -> str:
    """Unlock a track for a browser and return its new cookie value.

    After ten wrong tries in a quarter of an hour each further one waits twice as long, for five
    minutes at most: a stranger slows the customer down but cannot lock them out.
    """
    _check_pause(track, client)
    if not _is_right(track, password):
        _count_wrong(track, client)
        raise WrongPassword()
    return _grant(track.pk, track.password_hash, viewer, client)


def _is_right(track: Track, password: str) -> bool:
    if len(password) > LONGEST_DECOMPOSED:
        return False
    # As it was stored: some keyboards type an accent as a character of its own.
    typed = unicodedata.normalize("NFC", password)
    return len(typed) <= LONGEST_PASSWORD and check_password(typed, track.password_hash or "")


@transition
def _grant(track_id: UUID, checked: str | None, viewer: str | None, client: Client) -> str:
    track, now = lock_track(track_id)
    if track.password_hash != checked:  # changed while it was being checked
        raise WrongPassword()
    return grant(
        track=track,
        token=viewer,
        kind=Grant.Kind.UNLOCK,
        method=Grant.Method.PASSWORD,
        approver=None,
        client=client,
        now=now,
    )


def _check_pause(track: Track, client: Client) -> None:
    pause = cache.get(_pause_key(track))
    if pause:
        raise RateLimited(headers={"Retry-After": str(pause)})
    if cache.get(_client_key(client), 0) >= PER_CLIENT:
        raise RateLimited(headers={"Retry-After": str(int(WITHIN.total_seconds()))})


def _count_wrong(track: Track, client: Client) -> None:
    _increment(_client_key(client))
    wrong = _increment(_tries_key(track))
    if wrong >= FREE_TRIES:
        pause = min(2 ** (wrong - FREE_TRIES), int(LONGEST_PAUSE.total_seconds()))
        cache.set(_pause_key(track), pause, timeout=pause)


def _increment(key: str) -> int:
    cache.add(key, 0, timeout=int(WITHIN.total_seconds()))
    try:
        return cache.incr(key)
    except ValueError:  # it expired between the two calls
        return 1


def _tries_key(track: Track) -> str:
    return f"unlock-tries:{track.pk}"


def _pause_key(track: Track) -> str:
    return f"unlock-pause:{track.pk}"


def _client_key(client: Client) -> str:
    return f"unlock-client:{client.ip}"
