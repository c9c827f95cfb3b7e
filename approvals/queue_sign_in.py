"""Signing in to the queue: by a link that works in the browser that asked, or by a code.

The same rules as on a track (approvals/verification.py), for an address that somebody types. What
is answered never depends on whether anything was ever asked of that address.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection

from approvals import codes
from approvals.channels import email
from approvals.grants import Client, alive_grants, grant, hash_of
from approvals.letters import queue
from approvals.models import Approver, Grant, QueueMail, WrongQueueCode
from approvals.verification import (
    DAY,
    KEPT,
    MOST_LIVE,
    MOST_TRIES,
    PAGE_LASTS,
    PER_ADDRESS,
    PER_CLIENT,
    LinkExpired,
    OtherBrowser,
    WrongCodeTyped,
    check_limit,
    check_tries,
    code_keys,
    secrets_for_mail,
)
from tracks.addresses import canonical_address
from tracks.clock import database_now
from tracks.transactions import transition
from tracks.work import poke_after_commit

PAUSE = timedelta(seconds=20)  # between the tries to hand over a mail that is good for minutes


@transition
def start(*, address: str, client: Client, browser: str) -> tuple[QueueMail, str]:
    """Plan a mail with a link and a code; return its row and the nonce for this browser."""
    canonical = canonical_address(address)
    now = _lock(canonical)
    asked_for = QueueMail.objects.filter(canonical=canonical)
    for limit in PER_ADDRESS:
        check_limit(limit, asked_for, now)
    check_limit(PER_CLIENT, QueueMail.objects.filter(ip=client.ip), now)
    _void_earlier(canonical, browser, now)
    key, salt, nonce = settings.SECRET_KEY, codes.new_salt(), secrets.token_urlsafe(32)
    made = codes.secrets_of(key=key, salt=salt)
    mail = QueueMail.objects.create(
        canonical=canonical,
        salt=salt,
        code_hmac=codes.code_hmac(made.code, key=key, salt=salt),
        token_hash=codes.token_hash(made.token),
        nonce_hash=hash_of(nonce),
        browser_hash=hash_of(browser),
        ip=client.ip,
        created_at=now,
        expires_at=now + PAGE_LASTS,
        next_attempt_at=now,
    )
    poke_after_commit("approvals.tasks.send_queue_mail", str(mail.pk))
    return mail, nonce


def _lock(canonical: str) -> datetime:
    """Let one request at a time count and send for an address; return the time after the wait.

    Not by a row: an unknown address has none, and would be told from a known one by its limits.
    SQLite has one writer at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            key = f"sayso.queue_sign_in:{canonical}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
    return database_now()


def _void_earlier(canonical: str, browser: str, now: datetime) -> None:
    """Void what this browser asked for before, and the oldest of too many that live at once."""
    live = QueueMail.objects.filter(
        canonical=canonical, consumed_at=None, voided_at=None, expires_at__gt=now
    )
    live.filter(browser_hash=hash_of(browser)).update(voided_at=now)
    keep = list(live.order_by("-created_at").values_list("pk", flat=True)[: MOST_LIVE - 1])
    live.exclude(pk__in=keep).update(voided_at=now)


def mail_of_token(token: str) -> QueueMail | None:
    """Return the mail behind a link that still works, or None."""
    return QueueMail.objects.filter(
        token_hash=codes.token_hash(token),
        consumed_at=None,
        voided_at=None,
        expires_at__gt=database_now(),
    ).first()


def is_same_browser(mail: QueueMail, nonce: str) -> bool:
    """Tell whether this browser asked for the link."""
    return hmac.compare_digest(mail.nonce_hash, hash_of(nonce))


@transition
def follow_link(*, token: str, nonce: str, viewer: str | None, client: Client) -> str:
    """Sign in the browser that asked, once. Returns the browser's new cookie."""
    mail = mail_of_token(token)
    if mail is None:
        raise LinkExpired()
    if not is_same_browser(mail, nonce):
        raise OtherBrowser()
    return _consume(mail, Grant.Method.LINK, viewer, client, _lock(mail.canonical))


@transition
def enter_code(*, address: str, text: str, browser: str, viewer: str | None, client: Client) -> str:
    """Sign a browser in by a code from a mail to this address; returns its new cookie."""
    canonical = canonical_address(address)
    now = _lock(canonical)
    wrong = WrongQueueCode.objects.filter(canonical=canonical)
    check_tries(wrong, now)
    code = codes.normalize_code(text)
    ours = wrong.filter(browser_hash=hash_of(browser))
    mail = _recognize(canonical, code, now) if code else None
    if mail and ours.filter(at__gte=mail.created_at).count() >= MOST_TRIES:
        raise LinkExpired()
    if mail is None:
        WrongQueueCode.objects.create(canonical=canonical, browser_hash=hash_of(browser), at=now)
        raise WrongCodeTyped()
    return _consume(mail, Grant.Method.CODE, viewer, client, now)


def _recognize(canonical: str, code: str, now: datetime) -> QueueMail | None:
    """Return the mail of the last day whose code this is, dead or alive."""
    recent = QueueMail.objects.filter(canonical=canonical, created_at__gt=now - DAY)
    fitting = (
        each
        for each in recent.order_by("-created_at")
        if codes.is_code(code, each.code_hmac, keys=code_keys(), salt=each.salt)
    )
    return next(fitting, None)


def _consume(
    mail: QueueMail, method: Grant.Method, viewer: str | None, client: Client, now: datetime
) -> str:
    live = QueueMail.objects.filter(
        pk=mail.pk, consumed_at=None, voided_at=None, expires_at__gt=now
    )
    if not live.update(consumed_at=now, next_attempt_at=None):
        raise LinkExpired()
    if viewer:  # one mailbox at a time: whoever signs in as somebody else has signed out
        _revoke(viewer, now)
    return grant(
        track=None,
        token=viewer,
        kind=Grant.Kind.QUEUE,
        method=method,
        approver=None,
        canonical=mail.canonical,
        client=client,
        now=now,
    )


@transition
def sign_out(*, viewer: str) -> None:
    """Take back what the queue's sign-in gave a browser; what it proved on a track stays."""
    _revoke(viewer, database_now())


def _revoke(viewer: str, now: datetime) -> None:
    alive = alive_grants(viewer, now).filter(kind=Grant.Kind.QUEUE)
    Grant.objects.filter(pk__in=list(alive.values_list("pk", flat=True))).update(revoked_at=now)


def send(pk: UUID) -> None:
    """Send a sign-in mail if it is due, still good and to somebody; never in a transaction."""
    mail = QueueMail.claim(pk)
    if mail is None:
        return
    now = database_now()
    to = _known_address(mail.canonical)
    if to is None or mail.voided_at or mail.consumed_at or mail.expires_at <= now:
        mail.write_outcome(next_attempt_at=None)
        return
    try:
        email.send_letter(queue.letter(mail, to=to, secrets=secrets_for_mail(mail)))
    except email.Refused as error:
        mail.write_outcome(next_attempt_at=None, last_error=str(error)[:2000])
    except Exception as error:
        mail.retry(after=PAUSE, error=repr(error))
    else:
        mail.write_outcome(next_attempt_at=None, sent_at=now, last_error="")


def _known_address(canonical: str) -> str | None:
    """Return an address in the spelling of whoever asked it first, not of whoever typed it now."""
    known = Approver.objects.filter(canonical=canonical).order_by("pk")
    return known.values_list("address", flat=True).first()


def purge() -> int:
    """Forget sign-in mails and wrong codes of 30 days ago; return how many."""
    before = database_now() - KEPT
    rows = (
        QueueMail.objects.filter(created_at__lt=before),
        WrongQueueCode.objects.filter(at__lt=before),
    )
    return sum(each.delete()[0] for each in rows)
