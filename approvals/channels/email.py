"""Mail: handing a letter to the mail server, and telling a refusal from trouble that passes."""

import smtplib
from collections.abc import Callable
from dataclasses import dataclass

from anymail.exceptions import AnymailRecipientsRefused

from approvals.letters import notice, sign_in, update
from approvals.letters.envelope import Letter
from approvals.models import Notification

_LETTERS: dict[str, Callable[[Notification], Letter]] = {
    Notification.Kind.ASK: notice.letter,
    Notification.Kind.REMINDER: notice.letter,
    Notification.Kind.NUDGE: notice.letter,
    Notification.Kind.SIGN_IN: sign_in.letter,
    Notification.Kind.UPDATE: update.letter,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that was handed over: the name its carrier gave it, and its subject."""

    message_id: str
    subject: str


class Refused(Exception):
    """The receiving side will never take this mail."""


def send(notification: Notification) -> Sent:
    """Hand a notice, reminder, update or sign-in mail over; see `send_letter`."""
    return send_letter(_LETTERS[notification.kind](notification))


def send_letter(letter: Letter) -> Sent:
    """Hand one mail over. Raises Refused for good, anything else for now."""
    message = letter.message()
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        if _is_permanent(error):
            raise Refused(_reply(error)) from error
        raise
    except AnymailRecipientsRefused as error:
        raise Refused(str(error)) from error
    status = getattr(message, "anymail_status", None)  # put there by anymail's backends
    given = getattr(status, "message_id", None)
    own = message.extra_headers["Message-ID"]
    return Sent(given if isinstance(given, str) and given else own, str(message.subject))


def _is_permanent(error: smtplib.SMTPException) -> bool:
    """Tell whether a server refuses this recipient, or this mail once it has all of it.

    What it says before, in greeting, encryption, sign-in or of the sender, it says to every mail:
    that is its own trouble or ours, and passes.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500


def _reply(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return f"{code} {text.decode(errors='replace')}"
    return str(error)
