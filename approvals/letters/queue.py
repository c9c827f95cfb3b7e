"""The mail with which somebody signs in to the queue."""

from django.conf import settings

from approvals.codes import Secrets
from approvals.letters.envelope import Letter
from approvals.models import QueueMail


def letter(mail: QueueMail, *, to: str, secrets: Secrets) -> Letter:
    """Return the mail with a link and a code; it belongs to no workspace."""
    context = {
        "link": f"{settings.PUBLIC_BASE_URL}/v/{secrets.token}",
        "code": secrets.shown_code,
    }
    return Letter(
        template="queue",
        subject="Your sign-in link: everything that waits for you",
        workspace="",
        to=to,
        name=f"queue.{mail.pk.hex}",
        about=mail.pk.hex,
        context=context,
    )
