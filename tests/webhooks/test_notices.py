"""The owner of a workspace is told when an endpoint needs looking after (WH-09, WH-10, WH-13)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from tests.conftest import Clock
from tests.receivers import Receiver, reply
from tests.webhooks.conftest import Hook
from tracks import owner_mail
from tracks.models import Workspace
from webhooks import tasks
from webhooks.models import Delivery, Endpoint, OwnerNotice

pytestmark = pytest.mark.django_db

Carry = Callable[[], None]


@pytest.fixture
def owned(workspace: Workspace, settings: Any) -> Workspace:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    workspace.contact_email = "ops@acme.com"
    workspace.save()
    return workspace


def gone(hook: Hook, receiver: Receiver, carry: Carry) -> None:
    receiver.scripts = [reply(410)]
    hook.agent.post(f"{hook.path}/test")
    carry()


def test_a_mail_says_which_endpoint_was_switched_off_and_what_to_do(
    owned: Workspace, hook: Hook, receiver: Receiver, carry: Carry
) -> None:
    gone(hook, receiver, carry)
    assert tasks.sweep_notices() == 1
    assert tasks.sweep_notices() == 0
    [message] = mail.outbox
    assert message.to == ["ops@acme.com"]
    assert message.subject == "A webhook endpoint was switched off: Acme"
    assert "410 Gone" in message.body
    assert hook.id in message.body
    assert f"/api/v1/webhook-endpoints/{hook.id}/recover" in message.body
    assert "{#" not in message.body
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"
    assert OwnerNotice.objects.get().sent_at is not None


@pytest.mark.parametrize(
    ("kind", "words"), [("failing", "For five days"), ("exhausted", "tried ten times")]
)
def test_each_kind_has_words_of_its_own(
    kind: str, words: str, owned: Workspace, hook: Hook, clock: Clock
) -> None:
    OwnerNotice.objects.create(
        endpoint=hook.row, kind=kind, created_at=clock.now, next_attempt_at=clock.now
    )
    tasks.sweep_notices()
    assert words in mail.outbox[0].body


def test_a_url_is_no_link_in_the_mail(owned: Workspace, hook: Hook, clock: Clock) -> None:
    Endpoint.objects.update(url="https://evil.example/")
    OwnerNotice.objects.create(
        endpoint=hook.row, kind="gone", created_at=clock.now, next_attempt_at=clock.now
    )
    tasks.sweep_notices()
    assert "evil.example" not in mail.outbox[0].body


def test_without_an_address_nobody_is_told_and_nothing_fails(
    hook: Hook, receiver: Receiver, carry: Carry
) -> None:
    gone(hook, receiver, carry)
    tasks.sweep_notices()
    notice = OwnerNotice.objects.get()
    assert (notice.next_attempt_at, notice.sent_at) == (None, None)
    assert mail.outbox == []


def test_a_mail_that_fails_is_tried_again_and_given_up(
    owned: Workspace, hook: Hook, receiver: Receiver, carry: Carry, clock: Clock, settings: Any
) -> None:
    gone(hook, receiver, carry)
    settings.EMAIL_BACKEND = "no.such.backend"
    for _ in range(6):
        tasks.sweep_notices()
        clock.move(days=1)
    notice = OwnerNotice.objects.get()
    assert (notice.attempts, notice.next_attempt_at) == (len(owner_mail.PAUSES) + 1, None)
    assert "no.such" in notice.last_error or "No module" in notice.last_error


def test_exhausted_messages_are_told_of_once_a_day(
    owned: Workspace, hook: Hook, receiver: Receiver, carry: Carry, clock: Clock
) -> None:
    receiver.scripts = [reply(500)]
    for _ in range(3):
        hook.agent.post(f"{hook.path}/test")
    Delivery.objects.update(attempts=9)
    carry()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"exhausted"}
    assert OwnerNotice.objects.count() == 1
    clock.move(hours=25)
    hook.agent.post(f"{hook.path}/test")
    Delivery.objects.filter(status="pending").update(attempts=9)
    carry()
    assert OwnerNotice.objects.count() == 2
