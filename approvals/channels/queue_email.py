"""The mail with which somebody signs in to the queue."""

from email.utils import formataddr, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from approvals.codes import Secrets
from approvals.models import QueueMail


def send(mail: QueueMail, *, to: str, secrets: Secrets) -> None:
    """Hand one mail over."""
    context = {
        "link": f"{settings.PUBLIC_BASE_URL}/v/{secrets.token}",
        "code": secrets.shown_code,
    }
    own = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    message = EmailMultiAlternatives(
        subject="Your sign-in link: everything that waits for you",
        body=render_to_string("emails/queue/body.txt", context),
        from_email=formataddr(("Sayso", own)),
        to=[to],
        headers={
            # A mail sent twice after a crash has the same id: mail programs then show it once.
            "Message-ID": f"<queue.{mail.pk.hex}@{own.rpartition('@')[2]}>",
            "X-Entity-Ref-ID": mail.pk.hex,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(render_to_string("emails/queue/body.html", context), "text/html")
    message.send()
