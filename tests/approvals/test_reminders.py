"""Reminders: at most three, in working hours, and only while somebody is still needed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from approvals import sending, tasks
from approvals.channels import email
from approvals.handing_over import decline, hand_over
from approvals.models import Ask, Challenge, Notification
from approvals.resending import nudge
from approvals.transitions import cancel_ask
from tests.approvals.person import code_in, mails
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    kinds,
)
from tracks.models import Event, Track
from tracks.transitions import update_track

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * 86_400
SAM = "sam@acme.com"


@pytest.fixture
def track(clock: Clock) -> Track:
    clock.move_to(datetime(2026, 11, 23, 10, tzinfo=UTC))  # a Monday
    return TrackFactory(workspace=WorkspaceFactory(name="Acme Finance"))


@pytest.fixture
def ask(track: Track) -> Ask:
    """An ask of a week, of which its approver was told."""
    ask: Ask = AskFactory(track=track, timeout_seconds=WEEK)
    mails()
    return ask


def planned(ask: Ask, address: str = CFO) -> list[datetime | None]:
    rows = ask.notifications.filter(kind="reminder", approver__canonical=address)
    return list(rows.order_by("ordinal").values_list("next_attempt_at", flat=True))


def reminder(ask: Ask, ordinal: int = 1) -> Notification:
    return ask.notifications.get(kind="reminder", ordinal=ordinal)


def test_they_are_planned_with_the_notice(ask: Ask, clock: Clock) -> None:
    assert planned(ask) == [
        clock.now + timedelta(days=1),
        clock.now + timedelta(days=3),
        datetime(2026, 11, 30, 8, tzinfo=UTC),  # four fifths of a week end on Sunday, 00:24
    ]


def test_a_reminder_continues_the_thread_with_a_fresh_code(ask: Ask, clock: Clock) -> None:
    clock.move(days=1)
    first, second = mails()
    assert second.subject == first.subject == "Decision needed: Vendor invoice batch"
    own = first.extra_headers["Message-ID"]
    assert second.extra_headers["In-Reply-To"] == second.extra_headers["References"] == own
    assert second.extra_headers["Message-ID"] != own
    assert first.extra_headers["X-Entity-Ref-ID"] == second.extra_headers["X-Entity-Ref-ID"]
    assert {each.extra_headers["Thread-Topic"] for each in (first, second)} == {first.subject}
    assert "In-Reply-To" not in first.extra_headers
    assert code_in(first) != code_in(second)
    fresh = Challenge.objects.latest("created_at")
    assert fresh.expires_at == clock.now + timedelta(hours=24)
    for text in (second.body, second.alternatives[0][0]):
        assert "Reminder: this still waits for you." in text
        assert "If you do nothing, it is not approved." in text
    assert "Reminder" not in first.body


def test_that_somebody_was_reminded_is_recorded(ask: Ask, track: Track, clock: Clock) -> None:
    clock.move(days=1)
    mails()
    event = Event.objects.get(track=track, type="ask.reminded")
    assert (event.actor_type, event.at) == ("system", clock.now)
    assert event.data == {
        "ask_id": ask.public_id,
        "approver": CFO,
        "channel": "email",
        "kind": "reminder",
        "ordinal": 1,
    }
    assert kinds(track).count("approver.notified") == 1


def test_three_are_sent_and_no_more(ask: Ask, track: Track, clock: Clock) -> None:
    for moment in planned(ask):
        assert moment is not None
        clock.move_to(moment)
        tasks.sweep_notifications()
        tasks.sweep_notifications()
    assert len(mail.outbox) == 4
    assert kinds(track).count("ask.reminded") == 3
    assert not Notification.objects.filter(next_attempt_at__isnull=False).exists()


def test_the_subject_stays_though_the_title_changes(ask: Ask, track: Track, clock: Clock) -> None:
    update_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        changes={"title": "Other words"},
        actor=AGENT,
    )
    clock.move(days=1)
    assert mails()[-1].subject == "Decision needed: Vendor invoice batch"


def by_answer(ask: Ask) -> None:
    answer(ask, True)


def by_cancelling(ask: Ask) -> None:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=None, actor=AGENT)


def by_sending_it_back(ask: Ask) -> None:
    decline(ask_id=ask.pk, track_id=ask.track_id, approver=approver_of(ask), reason="")


def by_bouncing(ask: Ask) -> None:
    ask.notifications.filter(kind="ask").update(bounced_at=ask.created_at)


@pytest.mark.parametrize("end", [by_answer, by_cancelling, by_sending_it_back, by_bouncing])
def test_nobody_is_reminded_of_what_they_need_not_do(
    ask: Ask, track: Track, clock: Clock, end: Any
) -> None:
    end(ask)
    clock.move(days=1)
    tasks.sweep_notifications()
    assert len(mail.outbox) == 1
    row = reminder(ask)
    assert (row.skipped_at, row.next_attempt_at, row.sent_at) == (clock.now, None, None)
    assert "ask.reminded" not in kinds(track)


def test_who_has_decided_is_left_alone_while_others_are_reminded(
    track: Track, clock: Clock
) -> None:
    ask = AskFactory(track=track, approvers=[CFO, SAM], needed=2, timeout_seconds=WEEK)
    mails()
    answer(ask, True)
    clock.move(days=1)
    assert [message.to[0] for message in mails()] == [CFO, SAM, SAM]


def test_whoever_came_later_is_reminded_later(ask: Ask, clock: Clock) -> None:
    clock.move(hours=5)
    hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=approver_of(ask), to=SAM, reason="")
    assert planned(ask, SAM)[:2] == [
        datetime(2026, 11, 24, 15, tzinfo=UTC),
        datetime(2026, 11, 26, 15, tzinfo=UTC),
    ]


def test_a_reminder_that_comes_late_waits_for_the_next_working_hours(
    ask: Ask, clock: Clock
) -> None:
    """Workers were down until the evening."""
    clock.move_to(datetime(2026, 11, 24, 18, tzinfo=UTC))
    tasks.sweep_notifications()
    assert len(mail.outbox) == 1
    assert planned(ask)[0] == datetime(2026, 11, 25, 8, tzinfo=UTC)
    clock.move_to(datetime(2026, 11, 25, 8, tzinfo=UTC))
    tasks.sweep_notifications()
    assert len(mail.outbox) == 2


def test_of_several_that_are_late_the_last_is_sent(ask: Ask, clock: Clock) -> None:
    """Workers were down for three days."""
    clock.move_to(datetime(2026, 11, 26, 11, tzinfo=UTC))
    tasks.sweep_notifications()
    assert len(mail.outbox) == 2
    assert (reminder(ask, 1).skipped_at, reminder(ask, 2).sent_at) == (clock.now, clock.now)


def test_nobody_is_reminded_together_with_the_first_notice(track: Track, clock: Clock) -> None:
    """Workers were down for a day."""
    ask = AskFactory(track=track, timeout_seconds=WEEK)
    clock.move(days=1)
    row = reminder(ask)
    sending.send(row.pk)  # another worker, before the notice has left
    tasks.sweep_notifications()
    assert [message.subject for message in mail.outbox] == ["Decision needed: Vendor invoice batch"]
    row.refresh_from_db()
    assert (row.skipped_at, row.sent_at) == (clock.now, None)


@pytest.mark.parametrize(("minutes_before", "sent"), [(239, False), (240, True)])
def test_nobody_is_reminded_soon_after_staff_did(
    ask: Ask, clock: Clock, minutes_before: int, sent: bool
) -> None:
    clock.move_to(ask.created_at + timedelta(days=1, minutes=-minutes_before))
    about = {"ask_id": ask.pk, "track_id": ask.track_id, "approver_id": approver_of(ask).pk}
    nudge(**about, reason="", actor=AGENT)
    tasks.sweep_notifications()
    clock.move(minutes=minutes_before)
    tasks.sweep_notifications()
    assert (reminder(ask).sent_at is not None) is sent
    assert len(mail.outbox) == 2 + sent


def test_who_has_little_time_is_reminded_sooner_after_a_mail(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track, timeout_seconds=3600)
    mails()
    clock.move(minutes=48)
    assert len(mails()) == 2
    assert reminder(ask).sent_at == clock.now


def test_a_reminder_that_leaves_less_than_five_minutes_is_not_sent(ask: Ask, clock: Clock) -> None:
    clock.move_to(ask.ends_at - timedelta(minutes=4, seconds=59))
    tasks.sweep_notifications()
    assert len(mail.outbox) == 1
    assert reminder(ask, 3).skipped_at == clock.now


def test_a_protected_track_is_not_given_away_by_the_thread(ask: Ask, clock: Clock) -> None:
    """It was protected after the first mail."""
    update_track(
        track_id=ask.track_id,
        workspace_id=ask.workspace_id,
        changes={"password": "correct horse"},
        actor=AGENT,
    )
    clock.move(days=1)
    message = mails()[-1]
    assert message.subject == "Protected request from Acme Finance"
    assert "Vendor" not in str(message.message())


def test_the_thread_follows_the_id_that_a_mail_service_has_given(ask: Ask, clock: Clock) -> None:
    first = ask.notifications.filter(kind="ask")
    clock.move(days=1)
    first.update(message_id="0100-abc@eu-west-1.amazonses.com")
    assert mails()[-1].extra_headers["References"] == "<0100-abc@eu-west-1.amazonses.com>"
    clock.move(days=2)
    first.update(message_id="c0ffee")  # a name that is no Message-ID: ours has stayed
    own = f"<ask.{first.get().pk.hex}@sayso.example>"
    assert mails()[-1].extra_headers["References"] == own


def test_a_reminder_that_cannot_be_handed_over_is_tried_again(
    ask: Ask, track: Track, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(notification: Notification) -> None:
        raise ConnectionError("no route")

    clock.move(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(email, "send", fail)
        tasks.sweep_notifications()
    assert planned(ask)[0] == clock.now + timedelta(seconds=10)
    clock.move(seconds=10)
    tasks.sweep_notifications()
    assert len(mail.outbox) == 2
    assert kinds(track).count("ask.reminded") == 1
