"""Staff has an approver told again: the notice with a new code, or a reminder now."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from approvals import sending
from approvals.handing_over import decline
from approvals.models import Approver, Ask, Notification
from approvals.refusals import AskNotOpen, NotTheApprover
from approvals.resending import nudge, resend_notice
from config.errors import RateLimited
from tests.api.refused import nothing_written
from tests.approvals.person import Person, code_in, mails, path_of
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, answer, kinds, someone
from tests.staff_actor import DANA, REASON
from tracks.models import Event, Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def track(clock: Clock, workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace)


@pytest.fixture
def ask(track: Track, clock: Clock) -> Ask:
    ask: Ask = AskFactory(track=track, timeout_seconds=5 * 86_400)
    Notification.objects.create(
        kind=Notification.Kind.ASK,
        track=track,
        ask=ask,
        approver=someone(track.workspace, CFO),
        created_at=clock.now,
        next_attempt_at=clock.now,
    )
    mails()
    return ask


@pytest.fixture
def cfo(ask: Ask) -> Approver:
    return someone(ask.track.workspace, CFO)


def by_staff(verb: Any, ask: Ask, approver: Approver) -> Notification:
    row: Notification = verb(
        ask_id=ask.pk,
        track_id=ask.track_id,
        approver_id=approver.pk,
        reason=REASON,
        actor=DANA,
    )
    return row


# -- resend ----------------------------------------------------------------------------------------


def test_a_new_mail_brings_a_new_code_and_the_old_one_ends(ask: Ask, cfo: Approver) -> None:
    first = mail.outbox[-1]
    by_staff(resend_notice, ask, cfo)
    second = mails()[-1]
    assert second is not first
    assert second.subject == first.subject
    assert second.extra_headers["In-Reply-To"] == first.extra_headers["Message-ID"]
    assert "Reminder" not in second.body
    old, new = code_in(first), code_in(second)
    assert old != new
    assert Person().type_code(ask, old).status == 410
    assert Person().type_code(ask, new).status == 303


def test_who_wanted_it_and_why_is_on_record(ask: Ask, cfo: Approver) -> None:
    by_staff(resend_notice, ask, cfo)
    event = Event.objects.get(track=ask.track, type="ask.resent")
    assert (event.actor_type, event.actor_name) == ("staff", "dana@sayso.example")
    assert event.data == {
        "ask_id": ask.public_id,
        "approver": CFO,
        "ordinal": 1,
        "reason": REASON,
    }
    mails()
    assert kinds(ask.track)[-2:] == ["ask.resent", "approver.notified"]


def test_a_notice_that_came_back_can_be_sent_again(ask: Ask, cfo: Approver, clock: Clock) -> None:
    Notification.objects.filter(ask=ask).update(sent_at=None, failed_at=clock.now)
    by_staff(resend_notice, ask, cfo)
    assert len(mails()) == 2


def test_it_cannot_flood(ask: Ask, cfo: Approver, clock: Clock) -> None:
    """Three in a quarter of an hour, ten a day."""
    for _ in range(3):
        by_staff(resend_notice, ask, cfo)
    with nothing_written(), pytest.raises(RateLimited, match="often enough") as refusal:
        by_staff(resend_notice, ask, cfo)
    assert refusal.value.headers == {"Retry-After": "900"}
    for _ in range(7):
        clock.move(minutes=16)
        by_staff(resend_notice, ask, cfo)
    clock.move(minutes=16)
    with nothing_written(), pytest.raises(RateLimited):
        by_staff(resend_notice, ask, cfo)
    clock.move(hours=24)
    by_staff(resend_notice, ask, cfo)


# -- nudge -----------------------------------------------------------------------------------------


def test_a_reminder_goes_now_at_whatever_hour(ask: Ask, cfo: Approver, clock: Clock) -> None:
    clock.move_to(clock.now.replace(hour=23))  # a Sunday
    by_staff(nudge, ask, cfo)
    letter = mails()[-1]
    assert letter.body.startswith("Reminder: this still waits for you.")
    assert letter.extra_headers["In-Reply-To"] == mail.outbox[0].extra_headers["Message-ID"]
    assert kinds(ask.track)[-2:] == ["ask.nudged", "ask.reminded"]
    event = Event.objects.get(track=ask.track, type="ask.nudged")
    assert (event.actor_name, event.data and event.data["reason"]) == (DANA.name, REASON)


def test_one_in_four_hours(ask: Ask, cfo: Approver, clock: Clock) -> None:
    by_staff(nudge, ask, cfo)
    mails()
    clock.move(hours=3, minutes=59)
    with nothing_written(), pytest.raises(RateLimited, match="four hours") as refusal:
        by_staff(nudge, ask, cfo)
    assert refusal.value.headers == {"Retry-After": "60"}
    clock.move(minutes=1)
    by_staff(nudge, ask, cfo)


def test_nor_within_four_hours_of_one_that_was_planned(
    ask: Ask, cfo: Approver, clock: Clock
) -> None:
    Notification.objects.create(
        kind=Notification.Kind.REMINDER,
        ordinal=1,
        track=ask.track,
        ask=ask,
        approver=cfo,
        created_at=clock.now - timedelta(hours=30),
        sent_at=clock.now,
    )
    with nothing_written(), pytest.raises(RateLimited):
        by_staff(nudge, ask, cfo)


def test_the_planned_reminders_still_come(ask: Ask, cfo: Approver, clock: Clock) -> None:
    due = clock.now + timedelta(hours=24)
    planned = Notification.objects.create(
        kind=Notification.Kind.REMINDER,
        ordinal=1,
        track=ask.track,
        ask=ask,
        approver=cfo,
        created_at=clock.now,
        next_attempt_at=due,
    )
    by_staff(nudge, ask, cfo)
    mails()
    clock.move_to(due)  # a Monday, ten o'clock
    sending.send(planned.pk)
    planned.refresh_from_db()
    assert planned.sent_at == due


# -- both ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [resend_notice, nudge])
def test_only_for_whom_an_open_ask_waits(verb: Any, ask: Ask, cfo: Approver) -> None:
    with nothing_written(), pytest.raises(NotTheApprover):
        by_staff(verb, ask, Approver(workspace=ask.workspace))
    stranger = someone(ask.track.workspace, "nobody@acme.com")
    with nothing_written(), pytest.raises(NotTheApprover):
        by_staff(verb, ask, stranger)
    answer(ask)
    with nothing_written(), pytest.raises(AskNotOpen):
        by_staff(verb, ask, cfo)


@pytest.mark.parametrize("verb", [resend_notice, nudge])
def test_not_for_somebody_who_has_sent_it_back(verb: Any, ask: Ask, cfo: Approver) -> None:
    decline(ask_id=ask.pk, track_id=ask.track_id, approver=cfo, reason="")
    with nothing_written(), pytest.raises(NotTheApprover):
        by_staff(verb, ask, cfo)


def test_the_page_still_takes_a_link_after_a_resend(ask: Ask, cfo: Approver) -> None:
    by_staff(resend_notice, ask, cfo)
    person = Person()
    person.verify(ask)
    assert person.get(path_of(ask)).status == 200
