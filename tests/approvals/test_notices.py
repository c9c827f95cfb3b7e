"""Who is told of an ask, how often, and why they are told it is they."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from approvals import notify, tasks
from approvals.handing_over import decline, hand_over, set_absence
from approvals.models import Ask, Notification
from tests.api.refused import nothing_written
from tests.approvals.person import code_in, mails
from tests.conftest import Clock
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    config_of,
    kinds,
    someone,
)
from tracks.models import Event, Track

pytestmark = pytest.mark.django_db(transaction=True)

SAM, DANA, EVE = "sam@acme.com", "dana@acme.com", "eve@acme.com"


@pytest.fixture
def track(clock: Clock) -> Track:
    return TrackFactory(workspace=WorkspaceFactory(name="Acme Finance"))


def told() -> list[str]:
    """Send what is due; return who got a mail, in order."""
    return [message.to[0] for message in mails()]


def parts(message: Any) -> list[str]:
    return [message.body, str(message.alternatives[0][0])]


def pass_on(ask: Ask, to: str, reason: str = "") -> None:
    hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=approver_of(ask), to=to, reason=reason)


def test_each_of_several_is_told_once(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track, approvers=[CFO, DANA, EVE], needed=2)
    assert told() == [CFO, DANA, EVE]
    for event in Event.objects.filter(track=track, type="input_request.created"):
        notify.on_events([event])
    assert told() == [CFO, DANA, EVE]
    assert kinds(track).count("approver.notified") == 3
    codes = {code_in(message) for message in mail.outbox}
    assert len(codes) == 3
    assert {message.extra_headers["Message-ID"] for message in mail.outbox} == {
        f"<ask.{each.pk.hex}@sayso.example>" for each in ask.notifications.filter(kind="ask")
    }


def test_planning_twice_writes_nothing(track: Track, clock: Clock) -> None:
    AskFactory(track=track)
    event = Event.objects.get(track=track, type="input_request.created")
    with nothing_written():
        notify.on_events([event])


def test_whoever_it_is_passed_on_to_is_told_by_whom_and_why(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track)
    assert told() == [CFO]
    pass_on(ask, SAM, "I am on leave.\nSee https://evil.example/x <b>now</b>")
    assert told() == [CFO, SAM]
    message = mail.outbox[-1]
    assert message.subject == mail.outbox[0].subject
    for text in parts(message):
        assert f"{CFO} was asked and passed this on to {SAM}." in text
        assert "passed this on to you" in text
        assert "I am on leave." in text
        assert "evil.example" not in text
    assert "> I am on leave.\n> See https:" in message.body
    assert "<b>now</b>" not in parts(message)[1]
    assert "passed" not in mail.outbox[0].body


def test_a_stand_in_is_told_for_whom(track: Track, clock: Clock) -> None:
    cfo = someone(track.workspace, CFO)
    set_absence(
        approver=cfo,
        stand_in=SAM,
        starts_at=clock.now,
        ends_at=clock.now + timedelta(days=7),
    )
    AskFactory(track=track)
    assert sorted(told()) == [CFO, SAM]
    message = next(each for each in mail.outbox if each.to == [SAM])
    for text in parts(message):
        assert f"{CFO} was asked, is away, and named {SAM} to stand in." in text
        assert "is away. You stand in." in text


def test_whoever_is_asked_next_is_told_that_nobody_has_answered(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track, timeout_seconds=3600, escalate_to=[DANA])
    assert told() == [CFO]
    for text in parts(mail.outbox[0]):
        assert "If you do nothing, somebody else is asked instead." in text
    clock.move(hours=1)
    assert tasks.sweep_overdue() == 1
    assert told() == [CFO, DANA]
    message = mail.outbox[-1]
    successor = Ask.objects.get(escalated_from=ask)
    for text in parts(message):
        assert f"{DANA} is asked next, because nobody who was asked before has answered." in text
        assert "If you do nothing, it is not approved." in text
        assert f"Reference {successor.reference}" in text


def test_the_end_that_a_mail_names_is_when_the_next_is_asked(track: Track, clock: Clock) -> None:
    AskFactory(track=track, timeout_seconds=86_400, escalate_to=[DANA], escalate_after_seconds=3600)
    mails()
    assert "Answer by Sun 22 Nov 2026, 11:00 UTC." in mail.outbox[0].body


def test_without_notify_only_those_are_told_of_whom_the_caller_does_not_know(
    track: Track, clock: Clock
) -> None:
    ask = AskFactory(track=track, notify=False)
    assert told() == []
    pass_on(ask, SAM)
    assert told() == [SAM]


@pytest.mark.parametrize(("own", "expected"), [(None, [DANA, EVE]), ([DANA, EVE], [])])
def test_without_notify_the_workspace_s_next_are_told_and_the_caller_s_own_are_not(
    track: Track, clock: Clock, own: list[str] | None, expected: list[str]
) -> None:
    track.workspace.escalate_to = [DANA, EVE]
    track.workspace.save()
    AskFactory(track=track, notify=False, timeout_seconds=60, escalate_to=own)
    track.workspace.escalate_to = []  # what counts is whose line it was when it was asked
    track.workspace.save()
    for _ in range(2):
        clock.move(seconds=60)
        tasks.sweep_overdue()
        told()
    assert told() == expected
    asked = Ask.objects.filter(track=track).order_by("id")
    assert [each.notify for each in asked] == [False, bool(expected), bool(expected)]


def test_a_protected_track_hides_the_reason(track: Track, clock: Clock) -> None:
    track = TrackFactory(
        workspace=track.workspace, password="correct horse", requester="boss@acme.com"
    )
    ask = AskFactory(track=track)
    pass_on(ask, SAM, "The redundancies")
    mails()
    message = mail.outbox[-1]
    assert message.subject == "Protected request from Acme Finance"
    everything = "".join(parts(message)) + str(message.message())
    assert "redundancies" not in everything
    assert "boss@acme.com" not in everything
    assert f"{CFO} was asked and passed this on" in everything


def test_answers_to_a_mail_go_to_whoever_asks_for_the_work(track: Track, clock: Clock) -> None:
    AskFactory(track=TrackFactory(workspace=track.workspace, requester="boss@acme.com"))
    mails()
    assert mail.outbox[0].reply_to == ["boss@acme.com"]


def close_seat(ask: Ask) -> None:
    answer(ask, True)


def send_back(ask: Ask) -> None:
    decline(ask_id=ask.pk, track_id=ask.track_id, approver=approver_of(ask), reason="")


@pytest.mark.parametrize("settle", [close_seat, send_back])
def test_whoever_has_decided_or_sent_it_back_is_told_no_more(
    track: Track, clock: Clock, settle: Any
) -> None:
    ask = AskFactory(track=track, approvers=[CFO, DANA], needed=2)
    settle(ask)
    assert told() == [DANA]
    mine = Notification.objects.get(kind="ask", approver=approver_of(ask))
    assert (mine.skipped_at, mine.sent_at) == (clock.now, None)


def test_the_largest_mail_stays_below_what_mail_programs_cut(track: Track, clock: Clock) -> None:
    rows = {f"{number}" + "&" * 198: "<" * 200 for number in range(20)}
    config = config_of("confirm") | {
        "summary": rows,
        "description": "&" * 500,
        "details": "D" * 8000,
    }
    track = TrackFactory(workspace=track.workspace, title="&" * 200)
    ask = AskFactory(track=track, prompt="&" * 1000, config=config)
    pass_on(ask, SAM, "&" * 2000)
    mails()
    for text in parts(mail.outbox[-1]):
        assert len(text.encode()) < 40_000
        assert "DDD" not in text
