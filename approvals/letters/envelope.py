"""What every mail has around its text: who it is from, and the headers of mail from a machine."""

from dataclasses import dataclass, field
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from tracks.textpolicy import subject_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail that is ready to be written: its templates, what they show, whom it goes to."""

    template: str  # the folder below templates/emails
    workspace: str  # on whose behalf; empty for a mail of the server's own
    to: str
    name: str  # the local part of the Message-ID: the same mail sent twice has the same
    about: str  # what mail programs may collect it under
    context: dict[str, Any]
    subject: str = ""
    answers_go_to: str | None = None
    follows: str = ""  # the Message-ID of the mail that began the thread
    stop_url: str = ""  # of a mail that comes again: where its reader stops that
    headers: dict[str, str] = field(default_factory=dict)

    def message(self) -> EmailMultiAlternatives:
        """Return the mail, in plain text and HTML."""
        message = EmailMultiAlternatives(
            subject=self.subject or subject_of(self.template, self.context),
            body=self._render("body.txt"),
            from_email=_sender(self.workspace),
            to=[self.to],
            reply_to=[self.answers_go_to] if self.answers_go_to else None,
            headers=self._headers(),
        )
        message.attach_alternative(self._render("body.html"), "text/html")
        return message

    def _render(self, part: str) -> str:
        context = self.context | {"stop_url": self.stop_url}
        return render_to_string(f"emails/{self.template}/{part}", context)

    def _headers(self) -> dict[str, str]:
        thread = {"In-Reply-To": self.follows, "References": self.follows} if self.follows else {}
        return {
            # A mail sent twice after a crash has the same id: mail programs then show it once.
            "Message-ID": message_id(self.name),
            "X-Entity-Ref-ID": self.about,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            **thread,
            **self._way_to_stop(),
            **self.headers,
        }

    def _way_to_stop(self) -> dict[str, str]:
        """Return what lets a mail program offer its own button (RFC 2369, RFC 8058)."""
        if not self.stop_url:
            return {}
        return {
            "List-Unsubscribe": f"<{self.stop_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }


def subject_of(template: str, context: dict[str, Any]) -> str:
    """Return the subject that a letter's template gives, as one plain line."""
    return subject_line(render_to_string(f"emails/{template}/subject.txt", context))


def message_id(name: str) -> str:
    """Return the Message-ID of a mail of ours."""
    return f"<{name}@{_own_address().rpartition('@')[2]}>"


def _sender(workspace: str) -> str:
    name = f"{subject_line(workspace)} via Sayso" if workspace else "Sayso"
    return formataddr((name, _own_address()))


def _own_address() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
