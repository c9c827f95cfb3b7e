"""Handing a notice over: once, again after a failure, never when nobody needs it any more."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from approvals import sending, tasks
from approvals.channels import email
from approvals.models import Ask, Challenge, Notification
from approvals.transitions import cancel_ask
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer, approver_of, kinds
from tracks.models import Event, Track

sent: list[Notification] = []
trouble: list[Exception] = []


@pytest.fixture(autouse=True)
def _mailer(monkeypatch: pytest.MonkeyPatch) -> None:
    sent.clear()
    trouble.clear()

    def send(notification: Notification) -> email.Sent:
        if trouble:
            raise trouble[0]
        sent.append(notification)
        return email.Sent("<a@mail.example>", "Decision needed")

    monkeypatch.setattr(email, "send", send)


@pytest.fixture
def track(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace)


@pytest.fixture
def notice(track: Track, clock: Clock) -> Notification:
    """A planned notice of an open ask."""
    ask = AskFactory(track=track, timeout_seconds=86_400)
    return Notification.objects.create(
        kind=Notification.Kind.ASK,
        track=track,
        ask=ask,
        approver=approver_of(ask),
        created_at=clock.now,
        next_attempt_at=clock.now,
    )


def reread(notice: Notification) -> Notification:
    return Notification.objects.get(pk=notice.pk)


def test_a_notice_is_sent_once_and_that_is_recorded(
    notice: Notification, track: Track, clock: Clock
) -> None:
    for _ in range(3):
        tasks.send_notification(str(notice.pk))
    assert sent == [notice]
    after = reread(notice)
    assert (after.sent_at, after.next_attempt_at, after.attempts) == (clock.now, None, 1)
    assert (after.message_id, after.subject) == ("<a@mail.example>", "Decision needed")
    assert kinds(track).count("approver.notified") == 1
    event = Event.objects.get(track=track, type="approver.notified")
    assert (event.actor_type, event.actor_name) == ("system", "sayso")
    assert notice.ask is not None
    assert event.data == {
        "ask_id": notice.ask.public_id,
        "approver": "cfo@acme.com",
        "channel": "email",
        "kind": "ask",
    }


def test_it_carries_a_code_for_a_day_and_no_link(notice: Notification, clock: Clock) -> None:
    tasks.send_notification(str(notice.pk))
    challenge = Challenge.objects.get()
    assert (challenge.kind, challenge.ask, challenge.token_hash) == ("notice", notice.ask, None)
    assert challenge.expires_at == clock.now + timedelta(hours=24)


def test_the_sweep_sends_what_was_poked_in_vain(notice: Notification, clock: Clock) -> None:
    """CO-18."""
    assert tasks.sweep_notifications() == 1
    assert sent == [notice]
    assert tasks.sweep_notifications() == 0


def close_by_answer(ask: Ask, clock: Clock) -> None:
    answer(ask, True)


def close_by_cancel(ask: Ask, clock: Clock) -> None:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=None, actor=AGENT)


def close_by_deadline(ask: Ask, clock: Clock) -> None:
    clock.move(days=1)


@pytest.mark.parametrize("close", [close_by_answer, close_by_cancel, close_by_deadline])
def test_nobody_is_told_of_what_is_settled(
    notice: Notification, track: Track, clock: Clock, close: Any
) -> None:
    close(notice.ask, clock)
    tasks.send_notification(str(notice.pk))
    after = reread(notice)
    assert sent == []
    assert (after.skipped_at, after.next_attempt_at) == (clock.now, None)
    assert "approver.notified" not in kinds(track)


def test_a_failure_is_tried_again_after_longer_and_longer_pauses_and_then_given_up(
    notice: Notification, track: Track, clock: Clock
) -> None:
    trouble.append(ConnectionError("no route"))
    pauses = []
    while (due := reread(notice).next_attempt_at) is not None:
        pauses.append((due - clock.now).total_seconds())
        clock.move_to(due)
        assert tasks.sweep_notifications() == 1
    assert pauses == [0, 10, 60, 300, 1800]
    after = reread(notice)
    assert (after.failed_at, after.attempts, after.sent_at) == (clock.now, 5, None)
    assert "no route" in after.last_error
    assert kinds(track)[-1] == "approver.undeliverable"
    event = Event.objects.get(track=track, type="approver.undeliverable")
    assert event.data is not None
    assert event.data["approver"] == "cfo@acme.com"


def test_between_the_tries_it_is_nobodys(notice: Notification, clock: Clock) -> None:
    trouble.append(ConnectionError())
    tasks.send_notification(str(notice.pk))
    trouble.clear()
    clock.move(seconds=9, milliseconds=999)
    assert tasks.sweep_notifications() == 0
    clock.move(milliseconds=1)
    assert tasks.sweep_notifications() == 1
    assert sent == [notice]


def test_the_second_try_says_the_same_as_the_first(notice: Notification, clock: Clock) -> None:
    trouble.append(ConnectionError())
    tasks.send_notification(str(notice.pk))
    trouble.clear()
    clock.move(seconds=10)
    tasks.send_notification(str(notice.pk))
    assert Challenge.objects.count() == 1


def test_what_the_other_side_will_never_take_is_given_up_at_once(
    notice: Notification, track: Track, clock: Clock
) -> None:
    trouble.append(email.Refused("550 no such user"))
    tasks.send_notification(str(notice.pk))
    after = reread(notice)
    assert (after.failed_at, after.next_attempt_at, after.attempts) == (clock.now, None, 1)
    assert after.bounced_at == clock.now
    event = Event.objects.get(track=track, type="approver.undeliverable")
    assert event.data is not None
    assert event.data["error"] == "550 no such user"


def test_an_ask_can_be_answered_though_its_notice_failed(
    notice: Notification, track: Track
) -> None:
    trouble.append(email.Refused("550"))
    tasks.send_notification(str(notice.pk))
    assert notice.ask is not None
    answer(notice.ask, True)
    assert kinds(track)[-1] == "input_request.answered"


def test_a_worker_that_outlived_its_lease_records_nothing(
    notice: Notification, track: Track, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(notification: Notification) -> email.Sent:
        clock.move(minutes=4, seconds=59)  # a server that takes its time at each step
        assert Notification.claim(notification.pk) is None
        clock.move(seconds=1)
        assert Notification.claim(notification.pk) is not None  # another worker takes over
        return email.Sent("<a@mail.example>", "Decision needed")

    monkeypatch.setattr(email, "send", slow)
    tasks.send_notification(str(notice.pk))
    assert reread(notice).sent_at is None
    assert "approver.notified" not in kinds(track)


def test_a_row_that_is_gone_is_no_work(db: None) -> None:
    with nothing_written():
        sending.send(uuid4())
