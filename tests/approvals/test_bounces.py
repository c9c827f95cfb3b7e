"""A mail service says that a mail came back: the asking side hears of it, once."""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

import config.urls  # as it is without a secret: tests set one later
from approvals import daily, tasks
from approvals.models import Ask, Digest, Notification
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    kinds,
)
from tracks.management.commands.audit import Audit
from tracks.models import Event

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.approvals.urls_with_bounces"),
]

SECRET = "post:" + "s" * 32
GIVEN = "883953f4-6105-42a2-a16a-77a8eac79483"


@pytest.fixture
def sent(clock: Clock, settings: Any) -> Notification:
    """A notice that Postmark took and gave a name of its own."""
    settings.ANYMAIL_WEBHOOK_SECRET = [SECRET]
    AskFactory(track=TrackFactory(), timeout_seconds=86_400)
    tasks.sweep_notifications()
    Notification.objects.filter(kind="ask").update(message_id=GIVEN)
    return Notification.objects.get(kind="ask")


def says(message_id: str = GIVEN, *, secret: str = SECRET, **fields: Any) -> Any:
    """Say as Postmark does what became of a mail."""
    news = {
        "RecordType": "Bounce",
        "ID": 42,
        "Type": "HardBounce",
        "MessageID": message_id,
        "Email": CFO,
        "From": "approvals@sayso.example",
        "BouncedAt": "2026-11-22T10:00:05Z",
        "Details": "smtp;550 5.1.1 The account does not exist",
        "Description": "The server was unable to deliver your message",
    }
    return Client().post(
        "/anymail/postmark/tracking/",
        json.dumps(news | fields),
        content_type="application/json",
        headers={"Authorization": f"Basic {b64encode(secret.encode()).decode()}"},
    )


def test_a_bounce_is_put_on_record_once(sent: Notification, clock: Clock) -> None:
    clock.move(seconds=5)
    for _ in range(3):
        assert says().status_code == 200
    assert kinds(sent.track).count("approver.undeliverable") == 1
    event = Event.objects.get(track=sent.track, type="approver.undeliverable")
    assert (event.actor_type, event.at) == ("system", clock.now)
    assert event.data == {
        "ask_id": Ask.objects.get().public_id,
        "approver": CFO,
        "channel": "email",
        "kind": "ask",
        "error": "bounced: smtp;550 5.1.1 The account does not exist",
    }
    sent.refresh_from_db()
    assert sent.bounced_at == clock.now
    assert sent.sent_at is not None


def test_a_digest_that_comes_back_is_put_on_record_of_each_ask_that_waits(
    clock: Clock, settings: Any
) -> None:
    settings.ANYMAIL_WEBHOOK_SECRET = [SECRET]
    elsewhere = AskFactory(track=TrackFactory(), is_quiet=True)
    workspace = WorkspaceFactory()
    decided, waiting = (
        AskFactory(track=TrackFactory(workspace=workspace), is_quiet=True) for _ in range(2)
    )
    daily.sum_up([approver_of(waiting).pk], at=clock.now)
    tasks.sweep_digests()
    Digest.objects.update(message_id=GIVEN)
    answer(decided, True)
    clock.move(seconds=5)
    for _ in range(3):
        assert says().status_code == 200
    event = Event.objects.get(type="approver.undeliverable")
    assert (event.track_id, event.actor_type, event.at) == (waiting.track_id, "system", clock.now)
    assert event.data == {
        "ask_id": waiting.public_id,
        "approver": CFO,
        "channel": "email",
        "kind": "digest",
        "error": "bounced: smtp;550 5.1.1 The account does not exist",
    }
    assert "approver.undeliverable" not in kinds(elsewhere.track)
    digest = Digest.objects.get()
    assert (digest.sent_at, digest.bounced_at) == (clock.now - timedelta(seconds=5), clock.now)
    assert Audit().first_fault() is None


def test_a_complaint_counts_as_well(sent: Notification) -> None:
    says(RecordType="SpamComplaint", Type="SpamComplaint")
    assert kinds(sent.track)[-1] == "approver.undeliverable"


def test_other_news_is_let_go(sent: Notification) -> None:
    with nothing_written():
        assert says(RecordType="Delivery", DeliveredAt="2026-11-22T10:00:05Z").status_code == 200
        assert says(RecordType="Open", ReceivedAt="2026-11-22T10:00:05Z").status_code == 200


@pytest.mark.parametrize("name", ["", "of-another-mail"])
def test_a_mail_of_somebody_else_is_none_of_ours(sent: Notification, name: str) -> None:
    with nothing_written():
        assert says(name).status_code == 200


@pytest.mark.parametrize("secret", ["post:wrong", "", "post:"])
def test_nobody_else_may_say_so(sent: Notification, secret: str) -> None:
    with nothing_written():
        assert says(secret=secret).status_code == 400


def test_without_a_secret_there_is_no_such_address() -> None:
    with pytest.raises(Resolver404):
        resolve("/anymail/postmark/tracking/", urlconf=config.urls)


@pytest.mark.parametrize("body", ["{", "[]", "null", '"x"', "[[1]]", '{"RecordType": []}', ""])
def test_what_is_no_news_is_refused(sent: Notification, body: str) -> None:
    with nothing_written():
        answered = Client().post(
            "/anymail/postmark/tracking/",
            body,
            content_type="application/json",
            headers={"Authorization": f"Basic {b64encode(SECRET.encode()).decode()}"},
        )
    assert answered.status_code == 400


@pytest.mark.parametrize("service", ["mailgun", "amazon_ses", "resend", "nobody"])
def test_a_service_of_which_no_secret_is_known_is_not_here(
    sent: Notification, service: str
) -> None:
    with nothing_written():
        answered = Client().post(
            f"/anymail/{service}/tracking/", "{}", content_type="application/json"
        )
    assert answered.status_code in (400, 404)
