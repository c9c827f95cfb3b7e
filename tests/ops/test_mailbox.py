"""The mailbox of the embedded run: what Sayso would have sent, for people and scripts."""

import re
from datetime import UTC, datetime
from email.mime.text import MIMEText

import pytest
import time_machine
from django.core.mail import BadHeaderError, EmailMessage, EmailMultiAlternatives
from django.test import Client

from config.mailbox.backend import MailboxBackend
from config.mailbox.models import Message

pytestmark = pytest.mark.django_db

HTML = (
    '<!doctype html><html><head></head><body><a href="https://sayso.test/t/x">Go</a></body></html>'
)


def _mail(subject: str = "Decision needed", **changes: object) -> EmailMultiAlternatives:
    fields = {
        "subject": subject,
        "body": "Open https://sayso.test/t/x",
        "from_email": "Acme via Sayso <approvals@sayso.test>",
        "to": ["cfo@acme.com"],
        "headers": {"Message-ID": "<1@sayso.test>", "Auto-Submitted": "auto-generated"},
    }
    message = EmailMultiAlternatives(**fields | changes)  # type: ignore[arg-type]
    message.attach_alternative(HTML, "text/html")
    return message


@pytest.fixture
def kept() -> Message:
    with time_machine.travel(datetime(2026, 11, 22, 10, 0, 0, 123000, tzinfo=UTC), tick=False):
        assert MailboxBackend().send_messages([_mail()]) == 1
    return Message.objects.get()


def test_scripts_read_every_part(client: Client, kept: Message) -> None:
    (mail,) = client.get("/mailbox/messages.json").json()
    assert list(mail) == ["id", "to", "from", "subject", "text", "html", "headers", "at"]
    headers = mail.pop("headers")
    assert mail == {
        "id": str(kept.pk),
        "to": ["cfo@acme.com"],
        "from": "Acme via Sayso <approvals@sayso.test>",
        "subject": "Decision needed",
        "text": "Open https://sayso.test/t/x",
        "html": HTML,
        "at": "2026-11-22T10:00:00.123Z",
    }
    assert headers["Message-ID"] == "<1@sayso.test>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Subject"] == "Decision needed"


def test_the_newest_comes_first(client: Client) -> None:
    MailboxBackend().send_messages([_mail("First"), _mail("Second")])
    MailboxBackend().send_messages([_mail("Third")])
    subjects = [mail["subject"] for mail in client.get("/mailbox/messages.json").json()]
    assert subjects == ["Third", "Second", "First"]
    page = client.get("/mailbox/").content.decode()
    assert re.findall(r'class="subject">(\w+)<', page) == subjects


def test_a_mail_without_html_has_none(client: Client) -> None:
    MailboxBackend().send_messages([EmailMessage("Plain", "text", "a@sayso.test", ["b@acme.com"])])
    (mail,) = client.get("/mailbox/messages.json").json()
    assert (mail["text"], mail["html"]) == ("text", "")


def test_a_line_break_in_a_header_is_refused_as_when_sending() -> None:
    with pytest.raises(BadHeaderError):
        MailboxBackend().send_messages([_mail("a\nBcc: b@acme.com")])
    assert Message.objects.count() == 0


def test_attachments_do_not_pass_for_html(client: Client) -> None:
    message = EmailMessage("Plain", "text", "a@sayso.test", ["b@acme.com"])
    message.attach(MIMEText("<p>attached</p>", "html"))
    MailboxBackend().send_messages([message])
    assert Message.objects.get().html == ""


def test_the_html_runs_nothing_and_is_framed_by_us_alone(client: Client, kept: Message) -> None:
    response = client.get(f"/mailbox/{kept.pk}/html")
    policy = dict(
        part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";")
    )
    assert policy["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response.content.decode() == HTML + '<base target="_blank">'


def test_the_page_shows_the_mail_in_a_sandbox(client: Client, kept: Message) -> None:
    response = client.get(f"/mailbox/{kept.pk}/")
    page = response.content.decode()
    assert "frame-src 'self'" in response["Content-Security-Policy"]
    assert f'src="/mailbox/{kept.pk}/html"' in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert '<a href="https://sayso.test/t/x" rel="nofollow">' in page


def test_text_of_a_mail_is_no_markup(client: Client) -> None:
    MailboxBackend().send_messages([_mail("<b>bold</b>", body="<script>alert(1)</script>")])
    mail = Message.objects.get()
    for path in ("/mailbox/", f"/mailbox/{mail.pk}/"):
        page = client.get(path).content.decode()
        assert "<b>bold" not in page
        assert "<script>alert" not in page


def test_an_unknown_message_is_404(client: Client) -> None:
    assert client.get("/mailbox/1/").status_code == 404
    assert client.get("/mailbox/1/html").status_code == 404


def test_looking_is_all_that_can_be_done(client: Client, kept: Message) -> None:
    for path in ("/mailbox/", "/mailbox/messages.json", f"/mailbox/{kept.pk}/"):
        assert client.post(path).status_code == 405
