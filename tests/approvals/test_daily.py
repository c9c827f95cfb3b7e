"""The digest: once a working day, in the morning, to whoever has three or more waiting."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from approvals import tasks
from approvals.channels import email
from approvals.handing_over import decline, hand_over
from approvals.models import Ask, Digest, Notification
from approvals.stop_links import StopLink
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, WorkspaceFactory, answer, approver_of
from tracks.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * 86_400
SAM = "sam@acme.com"
EIGHT = datetime(2026, 11, 23, 7, tzinfo=UTC)  # Monday, 08:00 in Berlin


@pytest.fixture
def workspace(clock: Clock, settings: Any) -> Workspace:
    settings.PUBLIC_BASE_URL = "https://say.example"
    clock.move_to(EIGHT - timedelta(days=2))
    return WorkspaceFactory(name="Acme Finance", time_zone="Europe/Berlin")


def asks(workspace: Workspace, count: int = 3, **fields: Any) -> list[Ask]:
    """Asks of which the notices are out of the way."""
    made = [
        AskFactory(**{"track": TrackFactory(workspace=workspace), "timeout_seconds": WEEK} | fields)
        for _ in range(count)
    ]
    Notification.objects.all().delete()
    return made


def morning() -> list[Any]:
    """Let beat and a worker pass by once; return all mails."""
    tasks.plan_digests()
    tasks.sweep_digests()
    return list(mail.outbox)


def test_it_comes_at_eight_when_three_wait(workspace: Workspace, clock: Clock) -> None:
    asks(workspace)
    clock.move_to(EIGHT - timedelta(milliseconds=1))
    assert morning() == []
    clock.move_to(EIGHT)
    (message,) = morning()
    assert message.to == [CFO]
    assert message.subject == "3 requests wait for you"
    assert message.from_email == "Acme Finance via Sayso <approvals@sayso.example>"
    digest = Digest.objects.get()
    assert (str(digest.day), digest.sent_at) == ("2026-11-23", EIGHT)
    assert digest.message_id == f"<digest.{digest.pk.hex}@sayso.example>"


def test_two_are_not_enough_until_a_third_comes_in_the_morning(
    workspace: Workspace, clock: Clock
) -> None:
    asks(workspace, 2)
    clock.move_to(EIGHT)
    assert morning() == []
    clock.move(hours=3)
    asks(workspace, 1)
    assert len(morning()) == 1


def test_what_comes_at_noon_waits_for_tomorrow(workspace: Workspace, clock: Clock) -> None:
    asks(workspace, 2)
    clock.move_to(EIGHT + timedelta(hours=4))
    asks(workspace, 1)
    assert morning() == []
    clock.move_to(EIGHT + timedelta(days=1))
    assert len(morning()) == 1


def test_there_is_one_a_day_and_none_at_the_weekend(workspace: Workspace, clock: Clock) -> None:
    asks(workspace, timeout_seconds=30 * 86_400)
    days = []
    for hour in range(14 * 24):
        clock.move_to(EIGHT + timedelta(hours=hour))
        before = len(mail.outbox)
        if len(morning()) > before:
            days.append(clock.now)
    assert days == [EIGHT + timedelta(days=day) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]


def test_what_is_late_comes_first_and_each_row_has_its_own_page(
    workspace: Workspace, clock: Clock
) -> None:
    rows = {
        "Later": {"due_at": EIGHT + timedelta(days=3)},
        "Without": {},
        "Today": {"due_at": EIGHT + timedelta(hours=8)},
        "Ends today": {"timeout_seconds": 2 * 86_400 + 3600 * 6},
        "Overdue": {"due_at": EIGHT - timedelta(hours=1)},
        "Long overdue": {"due_at": EIGHT - timedelta(days=1)},
    }
    pages = {}
    for title, fields in rows.items():
        track = TrackFactory(workspace=workspace, title=title)
        asks(workspace, 1, track=track, **fields)
        pages[title] = f"https://say.example/t/{track.slug}"
    clock.move_to(EIGHT)
    (message,) = morning()
    order = ["Long overdue", "Overdue", "Ends today", "Today", "Later", "Without"]
    links = re.findall(r'<a class="link" href="([^"]+)"[^>]*>([^<]+)</a>', html_of(message))
    assert links == [
        *((pages[title], title) for title in order),
        ("https://say.example/queue/", "https://say.example/queue/"),
        (StopLink(approver_of(Ask.objects.all()[0]).pk).url, "Stop these summaries"),
    ]
    titles = re.findall(r"^(?:OVERDUE: |TODAY: )?([A-Z][a-z ]+)$", message.body, re.MULTILINE)
    assert titles == order
    assert message.body.startswith(
        "6 requests of Acme Finance wait for you, 2 of them overdue; 2 due today.\n"
    )
    assert message.subject == "6 requests wait for you, 2 overdue"
    assert "OVERDUE: Long overdue\n> Approve the new rate?\nWas wanted by Sun 22 Nov" in (
        message.body
    )
    assert "Mon 23 Nov 2026, 16:00 CET" in message.body


def html_of(message: Any) -> str:
    return str(message.alternatives[0][0])


def test_a_protected_track_is_named_by_its_workspace_alone(
    workspace: Workspace, clock: Clock
) -> None:
    asks(workspace, 2)
    track = TrackFactory(workspace=workspace, password="correct horse", title="Redundancies")
    asks(workspace, 1, track=track, prompt="Who goes?")
    clock.move_to(EIGHT)
    (message,) = morning()
    for text in (message.body, html_of(message), str(message.message())):
        assert "Redundancies" not in text
        assert "Who goes" not in text
    assert "Protected request from Acme Finance\nBy Sat 28 Nov 2026, 08:00 CET\n" in message.body


def test_a_prompt_that_is_the_title_is_said_once(workspace: Workspace, clock: Clock) -> None:
    asks(workspace, 2)
    asks(workspace, 1, track=TrackFactory(workspace=workspace, title="Gadgets"), prompt="Gadgets")
    clock.move_to(EIGHT)
    (message,) = morning()
    assert "\nGadgets\nBy Sat 28 Nov 2026, 08:00 CET\n" in message.body
    assert html_of(message).count("Gadgets") == 1


def test_agent_text_links_to_nothing(workspace: Workspace, clock: Clock) -> None:
    hostile = "Pay https://evil.example/x <b>now</b>"
    for _ in range(3):
        track = TrackFactory(workspace=workspace, title=hostile)
        asks(workspace, 1, track=track, prompt=hostile + "x" * 500)
    clock.move_to(EIGHT)
    (message,) = morning()
    for text in (message.body, html_of(message)):
        assert "evil.example" not in text
        assert "://evil" not in text
    assert "<b>now" not in html_of(message)


def test_a_long_list_is_cut_and_stays_small(workspace: Workspace, clock: Clock) -> None:
    for number in range(30):
        track = TrackFactory(workspace=workspace, title=f"{number}" + "&" * 190)
        asks(workspace, 1, track=track, prompt="<" * 1000)
    clock.move_to(EIGHT)
    (message,) = morning()
    assert message.subject == "30 requests wait for you"
    assert "15 more in your queue." in message.body
    assert "15 more in your queue." in html_of(message)
    assert len(html_of(message).encode()) < 40_000


def by_answer(ask: Ask) -> None:
    answer(ask, True)


def by_sending_it_back(ask: Ask) -> None:
    decline(ask_id=ask.pk, track_id=ask.track_id, approver=approver_of(ask), reason="")


@pytest.mark.parametrize("end", [by_answer, by_sending_it_back])
def test_what_needs_no_decision_does_not_count(
    workspace: Workspace, clock: Clock, end: Any
) -> None:
    first, *_ = asks(workspace)
    end(first)
    clock.move_to(EIGHT)
    assert morning() == []
    assert not Digest.objects.exists()


def test_what_the_caller_tells_itself_counts_for_nobody_but_whom_it_was_passed_to(
    workspace: Workspace, clock: Clock
) -> None:
    for ask in asks(workspace, notify=False):
        hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=approver_of(ask), to=SAM, reason="")
    clock.move_to(EIGHT)
    assert [message.to for message in morning()] == [[SAM]]


def test_each_workspace_counts_for_itself(workspace: Workspace, clock: Clock) -> None:
    asks(workspace, 2)
    asks(WorkspaceFactory(time_zone="Europe/Berlin"), 2)
    clock.move_to(EIGHT)
    assert morning() == []


def test_one_that_is_late_is_sent_that_morning_or_never(workspace: Workspace, clock: Clock) -> None:
    asks(workspace)
    clock.move_to(EIGHT)
    tasks.plan_digests()
    clock.move(hours=4)
    tasks.sweep_digests()
    digest = Digest.objects.get()
    assert (mail.outbox, digest.sent_at, digest.skipped_at) == ([], None, clock.now)


def test_one_that_was_too_small_comes_later_that_morning(
    workspace: Workspace, clock: Clock
) -> None:
    first, *_ = asks(workspace)
    clock.move_to(EIGHT)
    tasks.plan_digests()
    answer(first, True)
    tasks.sweep_digests()
    assert (mail.outbox, Digest.objects.count()) == ([], 0)
    clock.move(hours=1)
    asks(workspace, 2)
    (message,) = morning()
    assert message.subject == "4 requests wait for you"
    assert len(morning()) == 1


def test_a_failure_is_tried_again_and_a_refusal_is_not(
    workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble: list[Exception] = [ConnectionError("no route"), email.Refused("550 no such user")]

    def send(letter: Any) -> email.Sent:
        raise trouble.pop(0)

    monkeypatch.setattr(email, "send_letter", send)
    asks(workspace)
    clock.move_to(EIGHT)
    morning()
    assert Digest.objects.get().next_attempt_at == EIGHT + timedelta(seconds=10)
    clock.move(seconds=10)
    morning()
    digest = Digest.objects.get()
    assert (digest.next_attempt_at, digest.failed_at) == (None, clock.now)
    assert digest.last_error == "550 no such user"
