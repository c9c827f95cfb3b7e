"""Telling the owner of a workspace that an endpoint needs looking after."""

from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from tracks.clock import database_now
from tracks.textpolicy import defuse, subject_line
from webhooks.models import OwnerNotice

log = structlog.get_logger(__name__)

PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))


def send(pk: UUID) -> None:
    """Send a notice if it is due; never inside a transaction."""
    notice = OwnerNotice.claim(pk)
    if notice is None:
        return
    address = notice.endpoint.workspace.contact_email
    log.warning("endpoint.notice", kind=notice.kind, endpoint=notice.endpoint.public_id)
    if not address:
        notice.write_outcome(next_attempt_at=None, last_error="The workspace has no address.")
        return
    try:
        _message(notice, address).send()
    except Exception as error:
        _try_again(notice, repr(error))
    else:
        notice.write_outcome(next_attempt_at=None, sent_at=database_now(), last_error="")


def _try_again(notice: OwnerNotice, error: str) -> None:
    if notice.attempts > len(PAUSES):
        notice.write_outcome(next_attempt_at=None, last_error=error[:2000])
    else:
        notice.retry(after=PAUSES[notice.attempts - 1], error=error)


def _message(notice: OwnerNotice, address: str) -> EmailMessage:
    endpoint = notice.endpoint
    context = {
        "notice": notice,
        "endpoint": endpoint,
        "workspace": endpoint.workspace.name,
        "url": defuse(endpoint.url),
        "base_url": settings.PUBLIC_BASE_URL,
    }
    # A mail sent twice after a crash has the same id: mail programs then show it once.
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ")
    return EmailMessage(
        subject=subject_line(render_to_string("emails/endpoint/subject.txt", context)),
        body=render_to_string("emails/endpoint/body.txt", context),
        to=[address],
        headers={
            "Message-ID": f"<endpoint.{notice.pk.hex}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
