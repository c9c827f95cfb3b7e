"""A mail backend that keeps what it is given, for people and scripts to read."""

from collections.abc import Sequence

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from config.mailbox.models import Message


class MailboxBackend(BaseEmailBackend):
    """Stores each mail as a row; nothing leaves this machine."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the messages and return how many there were."""
        for message in email_messages:
            _keep(message)
        return len(email_messages)


def _keep(message: EmailMessage) -> None:
    headers = message.message()  # also refuses a line break in a header, as sending would
    Message.objects.create(
        to=message.recipients(),
        sender=message.from_email,
        subject=str(message.subject),
        text=str(message.body),
        html=_html_of(message),
        headers={name: str(value) for name, value in headers.items()},
    )


def _html_of(message: EmailMessage) -> str:
    parts = message.alternatives if isinstance(message, EmailMultiAlternatives) else []
    return next((str(content) for content, kind in parts if kind == "text/html"), "")
