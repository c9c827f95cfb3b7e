"""Proving a mailbox: by a link that works in the browser that asked, or by a code in any other."""

import hmac
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from approvals import codes
from approvals.grants import Client, grant, hash_of, revoke_queue, revoke_verified
from approvals.models import (
    Approver,
    Ask,
    Browser,
    Challenge,
    Grant,
    Notification,
    QueueMail,
    WrongCode,
)
from approvals.opening import approver_at
from config.errors import DomainError, NotFound, RateLimited
from tracks.actors import Actor
from tracks.addresses import same_address
from tracks.clock import database_now
from tracks.events import record
from tracks.models import Track
from tracks.transactions import transition
from tracks.transitions import lock_track
from tracks.work import poke_after_commit

PAGE_LASTS = timedelta(minutes=10)
NOTICE_LASTS = timedelta(hours=24)
KEPT = timedelta(days=30)
MOST_LIVE = 3
MOST_TRIES, MOST_TRIES_A_DAY = 5, 10
DAY = timedelta(days=1)


class WrongCodeTyped(DomainError):
    code, status, title = "wrong_code", 422, "This is not the code from the mail."


class LinkExpired(DomainError):
    code, status, title = "expired", 410, "This link or code has expired or was used."


class OtherBrowser(DomainError):
    code, status, title = "other_browser", 403, "This link works in the browser that asked for it."


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` mails within a span of time."""

    most: int
    within: timedelta


PER_ADDRESS = (Limit(3, timedelta(minutes=15)), Limit(10, DAY))
PER_CLIENT = Limit(20, timedelta(hours=1))
PER_WORKSPACE = Limit(100, timedelta(hours=1))


def bound_addresses(track: Track) -> list[str]:
    """Return whose mailbox may be proven on a track: who is asked last, and the customer."""
    ask = Ask.objects.filter(track=track).order_by("-id").first()
    holders = ask.holders.acting().select_related("approver") if ask else []
    addresses = [holder.approver.address for holder in holders]
    customer = track.customer_email
    if customer and not any(same_address(customer, each) for each in addresses):
        addresses.append(customer)
    return addresses


@transition
def start(*, track_id: UUID, address: str, client: Client, browser: str) -> tuple[Challenge, str]:
    """Plan a mail with a link and a code; return the challenge and the nonce for this browser."""
    track, now = lock_track(track_id)
    approver = approver_at(track.workspace_id, address)
    _check_limits(track, approver, client, now)
    _void_earlier(track, approver, browser, now)
    nonce = secrets.token_urlsafe(32)
    challenge = new_challenge(
        kind=Challenge.Kind.PAGE,
        track=track,
        approver=approver,
        created_at=now,
        expires_at=now + PAGE_LASTS,
        nonce_hash=hash_of(nonce),
        browser_hash=hash_of(browser),
        ip=client.ip,
    )
    notification = Notification.objects.create(
        kind=Notification.Kind.SIGN_IN,
        track=track,
        approver=approver,
        challenge=challenge,
        created_at=now,
        next_attempt_at=now,
    )
    poke_after_commit("approvals.tasks.send_notification", str(notification.pk))
    return challenge, nonce


def new_challenge(*, kind: Challenge.Kind, **fields: Any) -> Challenge:
    """Create a challenge. A notice carries a code alone: its reader is in no browser yet."""
    key, salt = settings.SECRET_KEY, codes.new_salt()
    made = codes.secrets_of(key=key, salt=salt)
    return Challenge.objects.create(
        kind=kind,
        salt=salt,
        code_hmac=codes.code_hmac(made.code, key=key, salt=salt),
        token_hash=codes.token_hash(made.token) if kind == Challenge.Kind.PAGE else None,
        **fields,
    )


def secrets_for_mail(challenge: Challenge | QueueMail) -> codes.Secrets:
    """Return the code and the token of a challenge, whichever key was current when it was made."""
    for key in code_keys():
        made = codes.secrets_of(key=key, salt=challenge.salt)
        if codes.is_code(made.code, challenge.code_hmac, keys=[key], salt=challenge.salt):
            return made
    raise LookupError("The key that made this challenge is gone.")


def code_keys() -> list[str]:
    """Return the keys with which codes are made and recognized, the current one first."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _check_limits(track: Track, approver: Approver, client: Client, now: datetime) -> None:
    sent = Challenge.objects.filter(kind=Challenge.Kind.PAGE)
    to_address = sent.filter(track=track, approver=approver)
    for limit in PER_ADDRESS:
        check_limit(limit, to_address, now)
    check_limit(PER_CLIENT, sent.filter(ip=client.ip), now)
    check_limit(PER_WORKSPACE, sent.filter(track__workspace=track.workspace_id), now)


def check_limit(limit: Limit, sent: QuerySet[Any], now: datetime, *, detail: str = "") -> None:
    """Refuse another mail when rows created within a limit are as many as it allows."""
    times = sent.filter(created_at__gt=now - limit.within).order_by("-created_at")
    oldest = list(times.values_list("created_at", flat=True)[limit.most - 1 : limit.most])
    if oldest:
        raise too_many(oldest[0] + limit.within - now, detail=detail)


def too_many(wait: timedelta, *, detail: str = "") -> RateLimited:
    """Return the refusal of what may be done again after a wait."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    headers = {"Retry-After": str(seconds)}
    return RateLimited(detail, headers=headers, retry_after=seconds)


def _void_earlier(track: Track, approver: Approver, browser: str, now: datetime) -> None:
    """Void what this browser asked for before, and the oldest of too many that live at once."""
    live = _live(track, approver, now).filter(kind=Challenge.Kind.PAGE)
    live.filter(browser_hash=hash_of(browser)).update(voided_at=now)
    kept = _live(track, approver, now).order_by("-created_at")[: MOST_LIVE - 1]
    keep = list(kept.values_list("pk", flat=True))
    live.exclude(pk__in=keep).update(voided_at=now)


def _live(track: Track, approver: Approver, now: datetime) -> QuerySet[Challenge]:
    return Challenge.objects.filter(
        track=track, approver=approver, consumed_at=None, voided_at=None, expires_at__gt=now
    )


def challenge_of_token(token: str) -> Challenge | None:
    """Return the challenge behind a link that still works, or None."""
    found = Challenge.objects.select_related("track", "approver").filter(
        token_hash=codes.token_hash(token), consumed_at=None, voided_at=None
    )
    return found.filter(expires_at__gt=database_now()).first()


def is_same_browser(challenge: Challenge, nonce: str) -> bool:
    """Tell whether this browser asked for the link."""
    return hmac.compare_digest(challenge.nonce_hash, hash_of(nonce))


@transition
def follow_link(*, token: str, nonce: str, viewer: str | None, client: Client) -> tuple[Track, str]:
    """Verify the browser that asked, once. Returns the track and the browser's new cookie."""
    challenge = challenge_of_token(token)
    if challenge is None:
        raise LinkExpired()
    if not is_same_browser(challenge, nonce):
        raise OtherBrowser()
    track, now = lock_track(challenge.track_id)
    return track, _consume(track, challenge, Grant.Method.LINK, viewer, client, now)


@transition
def enter_code(
    *, track_id: UUID, address: str, text: str, browser: str, viewer: str | None, client: Client
) -> str:
    """Verify a browser by a code from any mail to this address; returns its new cookie.

    A wrong code is counted for this browser and for the address. When an address has had too many
    in a day, codes pause; the link still works, so a stranger cannot lock the approver out.
    """
    track, now = lock_track(track_id)
    approver = approver_at(track.workspace_id, address)
    wrong = WrongCode.objects.filter(track=track, approver=approver)
    check_tries(wrong, now)
    code = codes.normalize_code(text)
    ours = wrong.filter(browser_hash=hash_of(browser))
    challenge = _recognize(track, approver, code, now) if code else None
    if challenge and ours.filter(at__gte=challenge.created_at).count() >= MOST_TRIES:
        raise LinkExpired()
    if challenge is None:
        WrongCode.objects.create(
            track=track, approver=approver, browser_hash=hash_of(browser), at=now
        )
        raise WrongCodeTyped()
    if challenge.consumed_at or challenge.voided_at or challenge.expires_at <= now:
        raise LinkExpired()
    return _consume(track, challenge, Grant.Method.CODE, viewer, client, now)


def check_tries(wrong: QuerySet[Any], now: datetime) -> None:
    """Pause codes for an address that has had too many wrong ones in a day."""
    times = wrong.filter(at__gt=now - DAY).order_by("-at").values_list("at", flat=True)
    oldest = list(times[MOST_TRIES_A_DAY - 1 : MOST_TRIES_A_DAY])
    if oldest:
        raise too_many(oldest[0] + DAY - now)


def _recognize(track: Track, approver: Approver, code: str, now: datetime) -> Challenge | None:
    """Return the challenge of the last day whose code this is, dead or alive."""
    recent = Challenge.objects.filter(
        track=track, approver=approver, created_at__gt=now - NOTICE_LASTS - DAY
    )
    fitting = [
        each
        for each in recent.order_by("-created_at")
        if codes.is_code(code, each.code_hmac, keys=code_keys(), salt=each.salt)
    ]
    return fitting[0] if fitting else None


def _consume(
    track: Track,
    challenge: Challenge,
    method: Grant.Method,
    viewer: str | None,
    client: Client,
    now: datetime,
) -> str:
    live = Challenge.objects.filter(pk=challenge.pk, consumed_at=None, voided_at=None)
    if not live.filter(expires_at__gt=now).update(consumed_at=now):
        raise LinkExpired()
    fresh = grant(
        track=track,
        token=viewer,
        kind=Grant.Kind.VERIFIED,
        method=method,
        approver=challenge.approver,
        client=client,
        now=now,
    )
    address = challenge.approver.address
    data = {"approver": address, "method": method.value}
    record(track, "approver.verified", actor=Actor("approver", address), at=now, data=data)
    return fresh


@transition
def revoke_browsers(
    *, track_id: UUID, workspace_id: UUID, approver_id: UUID, reason: str, actor: Actor
) -> int:
    """Take back at once what was proven for an address, and what is under way to it.

    On this track, and in the queue, which would let the same browser in by another door. Returns
    how many proofs there were.
    """
    track, now = lock_track(track_id, workspace_id=workspace_id)
    approver = Approver.objects.filter(pk=approver_id, workspace=workspace_id).first()
    if approver is None:
        raise NotFound()
    count = revoke_verified(track, canonical=approver.canonical, now=now)
    count += revoke_queue(approver.canonical, now=now)
    data = {"approver": approver.address, "browsers": count, "reason": reason}
    record(track, "approver.revoked", actor=actor, at=now, data=data)
    return count


def purge_verifications() -> int:
    """Forget challenges, wrong codes and grants that ended 30 days ago; return how many."""
    before = database_now() - KEPT
    rows = (
        Challenge.objects.filter(created_at__lt=before),
        WrongCode.objects.filter(at__lt=before),
        Grant.objects.filter(expires_at__lt=before),
        Browser.objects.filter(created_at__lt=before, grants=None),
    )
    return sum(each.delete()[0] for each in rows)
