"""The mails as a mail server gets them, and what it may answer."""

import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage

from approvals import tasks
from approvals.models import Ask, Notification
from approvals.stop_links import StopLink
from tests.approvals.smtp import Mailroom, mailroom
from tests.conftest import Clock
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    approver_of,
    config_of,
    kinds,
)
from tracks.models import Event, Workspace

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * 86_400


@pytest.fixture
def post(settings: Any) -> Iterator[Mailroom]:
    """A mail server that takes what Sayso sends."""
    with mailroom() as room:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", room.port
        settings.PUBLIC_BASE_URL = "https://say.example"
        yield room


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    clock.move_to(datetime(2026, 11, 23, 10, tzinfo=UTC))  # a Monday
    return WorkspaceFactory(name="Ärzte & Söhne")


def ask(workspace: Workspace, **fields: Any) -> Ask:
    track = TrackFactory(workspace=workspace, title="Überweisung an Müller", requester="r@acme.com")
    config = config_of("confirm") | {"summary": {"Betrag": "2.592 €"}}
    made: Ask = AskFactory(track=track, timeout_seconds=WEEK, config=config, **fields)
    return made


def asked_and_reminded(workspace: Workspace, clock: Clock) -> list[Ask]:
    """Ask three things, and let the next morning come: three notices, a digest, three reminders."""
    asks = [ask(workspace) for _ in range(3)]
    tasks.sweep_notifications()
    clock.move_to(datetime(2026, 11, 24, 8, tzinfo=UTC))
    tasks.plan_digests()
    tasks.sweep_digests()
    clock.move(hours=2)
    tasks.sweep_notifications()
    return asks


def test_notice_reminder_and_digest_arrive_whole(
    post: Mailroom, workspace: Workspace, clock: Clock
) -> None:
    asks = asked_and_reminded(workspace, clock)
    notices, digest, reminders = post.mails[:3], post.mails[3], post.mails[4:]
    assert len(reminders) == 3

    first = notices[0]
    row = Notification.objects.get(ask=asks[0], kind="ask")
    assert dict(first.items()) == {
        "Content-Type": first["Content-Type"],
        "MIME-Version": "1.0",
        "Date": first["Date"],
        "From": "Ärzte & Söhne via Sayso <approvals@sayso.example>",
        "To": CFO,
        "Reply-To": "r@acme.com",
        "Subject": "Decision needed: Überweisung an Müller",
        "Message-ID": f"<ask.{row.pk.hex}@sayso.example>",
        "X-Entity-Ref-ID": asks[0].pk.hex,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Thread-Topic": "Decision needed: Überweisung an Müller",
        **{name: first[name] for name in first if name.startswith("X-M") or name == "X-Peer"},
    }
    assert first.get_content_type() == "multipart/alternative"
    bodies = post.parts_of(first)
    assert list(bodies) == ["text/plain", "text/html"]
    for body in bodies.values():
        assert "2.592 €" in body
        assert f"https://say.example/t/{asks[0].track.slug}" in body
        assert len(body.encode()) < 40_000

    second = reminders[0]
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert second["Subject"] == first["Subject"] == second["Thread-Topic"]
    assert "Reminder: this still waits for you." in post.parts_of(second)["text/plain"]

    assert digest["Subject"] == "3 requests wait for you"
    assert digest["In-Reply-To"] is None
    for body in post.parts_of(digest).values():
        for each in asks:
            assert f"https://say.example/t/{each.track.slug}" in body


def test_reminders_and_digests_say_how_they_are_stopped(
    post: Mailroom, workspace: Workspace, clock: Clock
) -> None:
    """RFC 8058, with the same address in the headers, the text and the HTML. Notices do not."""
    asks = asked_and_reminded(workspace, clock)
    notices, digest, reminders = post.mails[:3], post.mails[3], post.mails[4:]
    for notice in notices:
        assert not any(name.startswith("List-") for name in notice)
        assert all("/stop/" not in body for body in post.parts_of(notice).values())
    approver = approver_of(asks[0])
    words = [(digest, StopLink(approver.pk).url, "Stop these summaries")]
    by_ask = {each.pk.hex: each.pk for each in asks}
    for mail in reminders:
        link = StopLink(approver.pk, by_ask.pop(mail["X-Entity-Ref-ID"]))
        words.append((mail, link.url, "Stop reminders for this request"))
    assert by_ask == {}
    for mail, url, label in words:
        # Django begins a new line behind the name of a long header; the space says nothing.
        assert mail["List-Unsubscribe"].strip() == f"<{url}>"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        bodies = post.parts_of(mail)
        assert f"\r\n{label}:\r\n{url}\r\n" in bodies["text/plain"]
        assert (
            f'<a class="link" href="{url}" style="color: #1f5f5b">{label}</a>'
            in (bodies["text/html"])
        )
        assert bodies["text/html"].count('class="button"') == 1
        assert all(len(body.encode()) < 40_000 for body in bodies.values())


def test_who_does_not_exist_is_undeliverable_at_once(
    post: Mailroom, workspace: Workspace, clock: Clock
) -> None:
    post.replies[CFO] = "550 5.1.1 No such user here"
    made = ask(workspace, approvers=[CFO, "dana@acme.com"])
    tasks.sweep_notifications()
    assert [mail["To"] for mail in post.mails] == ["dana@acme.com"]
    event = Event.objects.get(track=made.track, type="approver.undeliverable")
    assert event.data == {
        "ask_id": made.public_id,
        "approver": CFO,
        "channel": "email",
        "kind": "ask",
        "error": "550 5.1.1 No such user here",
    }
    row = Notification.objects.get(ask=made, kind="ask", approver__canonical=CFO)
    assert (row.bounced_at, row.failed_at, row.next_attempt_at) == (clock.now, clock.now, None)


def test_a_mailbox_that_is_busy_is_tried_again(
    post: Mailroom, workspace: Workspace, clock: Clock
) -> None:
    post.replies[CFO] = "450 4.2.1 Try again later"
    made = ask(workspace)
    tasks.sweep_notifications()
    row = Notification.objects.get(ask=made, kind="ask")
    assert (row.failed_at, row.next_attempt_at) == (None, clock.now + timedelta(seconds=10))
    assert "450" in row.last_error
    post.replies.clear()
    clock.move(seconds=10)
    tasks.sweep_notifications()
    assert [mail["To"] for mail in post.mails] == [CFO]
    assert kinds(made.track)[-1] == "approver.notified"


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [
        (smtplib.SMTPRecipientsRefused({CFO: (550, b"5.1.1 No such user")}), True),
        (smtplib.SMTPDataError(554, b"5.7.1 Looks like spam"), True),
        (smtplib.SMTPDataError(452, b"4.3.1 Disk full"), False),
        (smtplib.SMTPConnectError(554, b"No service here"), False),
        (smtplib.SMTPHeloError(501, b"Who are you?"), False),
        (smtplib.SMTPResponseException(554, b"TLS not available"), False),
        (smtplib.SMTPSenderRefused(550, b"Not from you", "a@b.example"), False),
        (smtplib.SMTPAuthenticationError(535, b"Wrong password"), False),
        (smtplib.SMTPNotSupportedError("No STARTTLS"), False),
    ],
)
def test_what_a_server_says_to_every_mail_is_not_the_mailboxs_fault(
    workspace: Workspace,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    error: Any,
    is_refused: bool,
) -> None:
    def fail(message: EmailMessage) -> None:
        raise error

    monkeypatch.setattr(EmailMessage, "send", fail)
    made = ask(workspace)
    tasks.sweep_notifications()
    row = Notification.objects.get(ask=made, kind="ask")
    refused = (clock.now, clock.now, None)
    again = (None, None, clock.now + timedelta(seconds=10))
    outcome = (row.failed_at, row.bounced_at, row.next_attempt_at)
    assert outcome == (refused if is_refused else again)
    assert ("approver.undeliverable" in kinds(made.track)) is is_refused
