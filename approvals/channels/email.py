"""Mail: the notice of an ask, and the sign-in mail that a page was asked for."""

import smtplib
from email.utils import formataddr, parseaddr
from typing import Any

from anymail.exceptions import AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from approvals import card, verification
from approvals.models import Notification
from tracks.serializers import track_url
from tracks.textpolicy import defuse, subject_line


class Refused(Exception):
    """The receiving side will never take this mail."""


def send(notification: Notification) -> None:
    """Hand one mail over. Raises Refused for good, anything else for now."""
    message = _message(notification)
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        if _is_permanent(error):
            raise Refused(_reply(error)) from error
        raise
    except AnymailRecipientsRefused as error:
        raise Refused(str(error)) from error


def _is_permanent(error: smtplib.SMTPException) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPAuthenticationError):
        return False  # our own trouble, not the recipient's
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500


def _reply(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return f"{code} {text.decode(errors='replace')}"
    return str(error)


def _message(notification: Notification) -> EmailMultiAlternatives:
    context = _context(notification)
    name = "ask" if notification.ask else "sign_in"
    subject = render_to_string(f"emails/{name}/subject.txt", context)
    message = EmailMultiAlternatives(
        subject=subject_line(subject),
        body=render_to_string(f"emails/{name}/body.txt", context),
        from_email=_sender(notification),
        to=[notification.approver.address],
        headers=_headers(notification),
    )
    message.attach_alternative(render_to_string(f"emails/{name}/body.html", context), "text/html")
    return message


def _sender(notification: Notification) -> str:
    workspace = notification.track.workspace.name
    return formataddr((f"{subject_line(workspace)} via Sayso", _own_address()))


def _own_address() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def _headers(notification: Notification) -> dict[str, str]:
    domain = _own_address().rpartition("@")[2]
    subject_of = notification.ask or notification
    # A mail sent twice after a crash has the same id: mail programs then show it once.
    return {
        "Message-ID": f"<{notification.kind}.{notification.pk.hex}@{domain}>",
        "X-Entity-Ref-ID": subject_of.pk.hex,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }


def _context(notification: Notification) -> dict[str, Any]:
    track, ask = notification.track, notification.ask
    assert notification.challenge is not None
    secrets = verification.secrets_for_mail(notification.challenge)
    context = {
        "workspace": track.workspace.name,
        "is_protected": track.is_protected,
        "subject_title": track.title,
        "title": defuse(track.title),
        "address": notification.approver.address,
        "url": track_url(track),
        "link": f"{settings.PUBLIC_BASE_URL}/v/{secrets.token}",
        "code": secrets.shown_code,
    }
    return context if ask is None else context | {"card": card.of_mail(ask)}
