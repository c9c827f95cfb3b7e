"""Many requests at once: no mail for each, and a digest that tells of them."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import transaction

from approvals import tasks
from approvals.channels import email
from approvals.daily import sum_up
from approvals.handing_over import hand_over, set_absence
from approvals.models import Approver, Ask, Digest, Holder, Notification, SlackCard, SlackChannel
from approvals.opening import NewAsk
from approvals.refusals import KeyMismatch
from tests.api.refused import nothing_written
from tests.approvals.person import Person, mails, path_of
from tests.conftest import Clock
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    kinds,
    someone,
)
from tracks.models import Event, Workspace

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * 86_400
SAM, DANA = "sam@acme.com", "dana@acme.com"
NIGHT = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)  # a Saturday
EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)  # the Monday behind it


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    clock.move_to(NIGHT)
    return WorkspaceFactory(name="Acme Finance")


def quiet(workspace: Workspace, **fields: Any) -> Ask:
    track = TrackFactory(workspace=workspace)
    return AskFactory(**{"track": track, "timeout_seconds": WEEK, "is_quiet": True} | fields)


def cfo(workspace: Workspace) -> Approver:
    return someone(workspace, CFO)


def pass_by() -> list[str]:
    """Let beat and a worker pass by once; return the subjects of all mails."""
    tasks.plan_digests()
    tasks.sweep_digests()
    return [str(message.subject) for message in mails()]


# -- what a quiet ask is not told by --------------------------------------------------------------


def test_nobody_is_mailed_reminded_or_shown_a_card(workspace: Workspace, clock: Clock) -> None:
    SlackChannel.objects.create(workspace=workspace, webhook_url="https://hooks.example/x")
    ask = quiet(workspace)
    clock.move(days=6)
    assert mails() == []
    assert not Notification.objects.exists()
    assert not SlackCard.objects.exists()
    page = Person().get(path_of(ask))
    assert page.status == 200
    assert "notice" not in page.text


def test_whoever_it_is_passed_on_to_is_told_but_not_who_stands_in(
    workspace: Workspace, clock: Clock
) -> None:
    set_absence(
        approver=cfo(workspace),
        stand_in=DANA,
        starts_at=clock.now,
        ends_at=clock.now + timedelta(days=7),
    )
    ask = quiet(workspace)
    assert mails() == []
    hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=approver_of(ask), to=SAM, reason="x")
    assert [message.to for message in mails()] == [[SAM]]


def test_whoever_is_asked_next_is_told_as_quietly(workspace: Workspace, clock: Clock) -> None:
    ask = quiet(workspace, escalate_to=[DANA])
    clock.move(days=7)
    tasks.sweep_overdue()
    assert Ask.objects.get(escalated_from=ask).is_quiet
    assert mails() == []


def test_an_ask_that_is_not_quiet_keeps_the_fingerprint_it_always_had(
    workspace: Workspace,
) -> None:
    before = {
        "kind": "confirm",
        "prompt": "Approve?",
        "config": {},
        "timeout_seconds": 1800,
        "approvers": None,
        "needed": 1,
        "notify": True,
        "due_at": None,
        "action_digest": None,
    }
    canonical = json.dumps(before, sort_keys=True, separators=(",", ":"))
    key = b"sayso.fingerprint" + settings.SECRET_KEY.encode()
    digest = hmac.digest(key, canonical.encode(), hashlib.sha256).hex()
    assert NewAsk(kind="confirm", prompt="Approve?").content_digest() == digest
    ask = quiet(workspace, key="k")
    assert quiet(workspace, key="k", track=ask.track) == ask
    with pytest.raises(KeyMismatch):
        quiet(workspace, key="k", track=ask.track, is_quiet=False)


# -- the digest in the morning --------------------------------------------------------------------


def test_one_that_nothing_told_of_is_enough_for_the_morning_and_only_once(
    workspace: Workspace, clock: Clock
) -> None:
    ask = quiet(workspace)
    assert pass_by() == []
    clock.move_to(EIGHT)
    assert pass_by() == ["1 request waits for you"]
    (message,) = mail.outbox
    assert message.body.startswith("1 request of Acme Finance waits for you.\n")
    html = str(message.alternatives[0][0])
    for text in (message.body, html):
        assert f"Why you got this: {CFO} is asked, and no mail of its own told of what is" in (
            text.replace("\n", " ")
        )
    assert Holder.objects.get(ask=ask).told_at == EIGHT
    clock.move(days=1)
    assert len(pass_by()) == 1
    quiet(workspace)
    assert pass_by()[1:] == ["2 requests wait for you"]


def test_one_that_was_passed_on_needs_no_digest(workspace: Workspace, clock: Clock) -> None:
    ask = quiet(workspace)
    hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=approver_of(ask), to=SAM, reason="x")
    mails()
    mail.outbox.clear()
    clock.move_to(EIGHT)
    tasks.plan_digests()
    assert [each.approver.address for each in Digest.objects.all()] == [CFO]


def test_what_is_decided_before_the_morning_needs_none(workspace: Workspace, clock: Clock) -> None:
    ask = quiet(workspace)
    clock.move_to(EIGHT)
    tasks.plan_digests()
    answer(ask)
    tasks.sweep_digests()
    assert mail.outbox == []
    assert not Digest.objects.exists()


# -- the prompt one -------------------------------------------------------------------------------


def test_it_comes_at_once_at_any_hour_for_one_request(workspace: Workspace, clock: Clock) -> None:
    ask = quiet(workspace)
    sum_up([cfo(workspace).pk], at=clock.now)
    assert pass_by() == ["1 request waits for you"]
    assert "several requests came at once" in mail.outbox[0].body
    assert Holder.objects.get(ask=ask).told_at == NIGHT
    clock.move_to(EIGHT)
    assert len(pass_by()) == 1, "it was told of"


def test_it_is_due_when_the_caller_says(workspace: Workspace, clock: Clock) -> None:
    quiet(workspace)
    sum_up([cfo(workspace).pk], at=clock.now + timedelta(minutes=10))
    assert pass_by() == []
    clock.move(minutes=10)
    assert len(pass_by()) == 1


def test_planned_twice_it_is_sent_once_and_has_what_came_in_between(
    workspace: Workspace, clock: Clock
) -> None:
    later = clock.now + timedelta(minutes=5)
    quiet(workspace)
    sum_up([cfo(workspace).pk], at=later)
    quiet(workspace)
    with nothing_written():
        sum_up([cfo(workspace).pk], at=later)
    clock.move_to(later)
    assert pass_by() == ["2 requests wait for you"]


def test_what_comes_after_this_hours_waits_for_the_next_hour(
    workspace: Workspace, clock: Clock
) -> None:
    mine = [cfo(workspace).pk]
    quiet(workspace)
    sum_up(mine, at=clock.now)
    assert len(pass_by()) == 1
    for _ in range(3):
        clock.move(minutes=5)
        quiet(workspace)
        sum_up(mine, at=clock.now)
        assert len(pass_by()) == 1
    clock.move_to(NIGHT.replace(hour=3, minute=0))
    assert pass_by()[1:] == ["4 requests wait for you"]
    assert [each.hour for each in Digest.objects.order_by("hour")] == [
        NIGHT.replace(minute=0),
        NIGHT.replace(hour=3, minute=0),
    ]


def test_it_is_skipped_when_nothing_waits_any_more(workspace: Workspace, clock: Clock) -> None:
    ask = quiet(workspace)
    sum_up([cfo(workspace).pk], at=clock.now)
    answer(ask)
    assert pass_by() == []
    assert Digest.objects.get().skipped_at == NIGHT


def test_many_people_are_told_each_of_their_own(workspace: Workspace, clock: Clock) -> None:
    for address in (CFO, SAM, SAM):
        quiet(workspace, approvers=[address])
    people = [someone(workspace, address).pk for address in (CFO, SAM)]
    sum_up([*people, workspace.pk], at=clock.now)  # nobody has the last key
    pass_by()
    assert [(message.to, message.subject) for message in mail.outbox] == [
        ([CFO], "1 request waits for you"),
        ([SAM], "2 requests wait for you"),
    ]


def test_a_plan_that_is_rolled_back_is_none(workspace: Workspace, clock: Clock) -> None:
    with transaction.atomic():
        quiet(workspace)
        sum_up([cfo(workspace).pk], at=clock.now)
        transaction.set_rollback(True)
    assert not Digest.objects.exists()


def test_the_morning_after_it_brings_nothing_that_was_told(
    workspace: Workspace, clock: Clock
) -> None:
    for _ in range(3):
        quiet(workspace)
    clock.move_to(EIGHT - timedelta(hours=1))
    sum_up([cfo(workspace).pk], at=clock.now)
    assert len(pass_by()) == 1
    clock.move_to(EIGHT)
    assert len(pass_by()) == 1
    quiet(workspace)
    assert pass_by()[1:] == ["4 requests wait for you"]


def test_a_failure_leaves_it_untold(
    workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(letter: Any) -> email.Sent:
        raise email.Refused("550 no such user")

    ask = quiet(workspace)
    sum_up([cfo(workspace).pk], at=clock.now)
    monkeypatch.setattr(email, "send_letter", fail)
    pass_by()
    assert Digest.objects.get().failed_at == NIGHT
    assert Holder.objects.get(ask=ask).told_at is None


def test_who_cannot_be_reached_is_written_to_again_once_something_new_waits(
    workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[datetime] = []

    def refuse(letter: Any) -> email.Sent:
        tried.append(clock.now)
        raise email.Refused("550 no such user")

    asks = [quiet(workspace) for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(email, "send_letter", refuse)
        for day in range(3):
            clock.move_to(EIGHT + timedelta(days=day))
            assert pass_by() == []
        assert tried == [EIGHT]
        for ask in asks:
            assert kinds(ask.track).count("approver.undeliverable") == 1
        clock.move(hours=1)
        asks.append(quiet(workspace))
        pass_by()
        assert tried == [EIGHT, clock.now]
        event = Event.objects.get(track=asks[3].track, type="approver.undeliverable")
        assert event.data is not None
        assert (event.data["kind"], event.data["error"]) == ("digest", "550 no such user")
    clock.move_to(EIGHT + timedelta(days=3))
    assert pass_by() == []
    asks.append(quiet(workspace))
    assert pass_by() == ["5 requests wait for you"]  # the address works again


def test_trouble_of_the_mail_server_keeps_nobody_from_the_next_digest(
    workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(letter: Any) -> email.Sent:
        raise ConnectionError("no route")

    quiet(workspace)
    with monkeypatch.context() as patch:
        patch.setattr(email, "send_letter", fail)
        clock.move_to(EIGHT)
        for minutes in (0, 1, 2, 10, 60):
            clock.move(minutes=minutes)
            pass_by()
        assert Digest.objects.get().failed_at == clock.now
    clock.move_to(EIGHT + timedelta(days=1))
    assert pass_by() == ["1 request waits for you"]
