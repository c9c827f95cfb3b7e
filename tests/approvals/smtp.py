"""A mail server on loopback that keeps what it is given, and refuses whom it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.server import free_port


@dataclass
class Mailroom:
    """What came in, in order; `replies` says what certain recipients are answered."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802  aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        mail: Any = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(mail)
        return "250 OK"

    def parts_of(self, mail: EmailMessage) -> dict[str, str]:
        """Return the bodies of a mail by their type."""
        return {part.get_content_type(): part.get_content() for part in mail.iter_parts()}


@contextmanager
def mailroom() -> Iterator[Mailroom]:
    """Run a server for one test."""
    room = Mailroom(port=free_port())
    controller = Controller(room, hostname="127.0.0.1", port=room.port)
    controller.start()
    try:
        yield room
    finally:
        controller.stop()
