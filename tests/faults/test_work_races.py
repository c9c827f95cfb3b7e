"""Sweeps and workers that run twice at once do everything once (CO-08)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest

from approvals import daily, handing_over, notify, sending, slack_cards, transitions
from approvals.channels import email, slack
from approvals.letters.envelope import Letter
from approvals.models import Absence, Ask, Digest, Notification, SlackCard, SlackChannel
from approvals.tasks import (
    plan_digests,
    sweep_absences,
    sweep_digests,
    sweep_notifications,
    sweep_overdue,
    sweep_slack_cards,
)
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    kinds,
    say,
    someone,
)
from tests.faults.racing import at_once_in_database
from tracks.clock import database_now
from tracks.events import dispatch
from tracks.models import Dispatch, Event
from tracks.tasks import sweep_dispatches


def overdue_ask() -> Ask:
    ask: Ask = AskFactory(timeout_seconds=0)
    return ask


def test_two_sweeps_record_each_timeout_once(shared_database: None) -> None:
    asks = [overdue_ask() for _ in range(10)]

    at_once_in_database(sweep_overdue, sweep_overdue)

    for ask in asks:
        assert kinds(ask.track).count("input_request.timeout") == 1
        ask.refresh_from_db()
        assert (ask.status, ask.closed_at) == (Ask.Status.TIMEOUT, ask.expires_at)


def test_a_sweep_that_finds_what_was_just_swept_is_harmless(shared_database: None) -> None:
    ask = overdue_ask()
    assert (sweep_overdue(), sweep_overdue()) == (1, 0)
    assert kinds(ask.track).count("input_request.timeout") == 1


@pytest.fixture
def notification(shared_database: None) -> Notification:
    ask = AskFactory()
    notify.on_events([Event.objects.get(track=ask.track, type="input_request.created")])
    return Notification.objects.get(kind=Notification.Kind.ASK)


def test_of_five_workers_one_claims_a_notification(notification: Notification) -> None:
    results = at_once_in_database(*[partial(Notification.claim, notification.pk)] * 5)

    claimed = [each for each in results if each is not None]
    assert claimed == [notification]
    assert claimed[0].attempts == 1


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Notification]]:
    """Collect what is handed over instead of sending it."""
    handed_over: list[Notification] = []

    def send(notification: Notification) -> email.Sent:
        handed_over.append(notification)
        return email.Sent("<a@mail.example>", "Decision needed")

    monkeypatch.setattr(email, "send", send)
    return handed_over


def test_three_workers_and_two_sweeps_send_one_mail(
    notification: Notification, sent: list[Notification]
) -> None:
    worker = partial(sending.send, notification.pk)

    at_once_in_database(worker, worker, worker, sweep_notifications, sweep_notifications)

    assert sent == [notification]
    assert kinds(notification.track).count("approver.notified") == 1


def test_an_event_planned_by_two_processes_is_planned_once(shared_database: None) -> None:
    ask = AskFactory()
    event = Event.objects.get(track=ask.track, type="input_request.created")

    results = at_once_in_database(*[partial(notify.on_events, [event])] * 5)

    assert results == [None] * 5
    assert Notification.objects.filter(kind=Notification.Kind.ASK).count() == 1


def test_two_sweeps_run_the_consumers_of_an_event_once(
    shared_database: None, settings: Any
) -> None:
    event = say(TrackFactory(), "Parsed.")
    now = database_now()
    Dispatch(event=event, attempts=1, next_attempt_at=now - timedelta(seconds=1)).save()
    settings.EVENT_CONSUMERS = [f"{__name__}.remember"]
    remembered.clear()

    at_once_in_database(sweep_dispatches, sweep_dispatches, partial(dispatch, event.pk))

    assert remembered == [event]
    assert not Dispatch.objects.exists()


remembered: list[Event] = []


def remember(events: Sequence[Event]) -> None:
    remembered.extend(events)


@pytest.mark.postgresql
def test_two_beats_and_three_workers_record_each_timeout_once(shared_database: None) -> None:
    """Each beat asks for three sweeps; three workers take them as they come."""
    asks = [overdue_ask() for _ in range(20)]
    chained = [AskFactory(timeout_seconds=0, escalate_to=["next@acme.com"]) for _ in range(5)]
    messages: SimpleQueue[Callable[[], int]] = SimpleQueue()
    for _ in range(2 * 3):
        messages.put(sweep_overdue)

    def worker() -> int:
        taken = 0
        with suppress(Empty):
            while True:
                messages.get_nowait()()
                taken += 1
        return taken

    assert sum(at_once_in_database(worker, worker, worker)) == 6

    for ask in asks:
        assert kinds(ask.track).count("input_request.timeout") == 1
    for ask in chained:
        story = kinds(ask.track)
        assert story.count("ask.escalated") == story.count("input_request.created") - 1
        assert (
            story.count("input_request.timeout")
            == Ask.objects.filter(track=ask.track, status="timeout").count()
        )
        assert Ask.objects.filter(escalated_from=ask).count() == 1


def test_three_workers_bring_a_stand_in_to_each_ask_once(shared_database: None) -> None:
    workspace = WorkspaceFactory()
    asks = [AskFactory(track=TrackFactory(workspace=workspace)) for _ in range(5)]
    now = database_now()
    absence = Absence.objects.create(
        approver=someone(workspace, CFO),
        stand_in=someone(workspace, "dana@acme.com"),
        starts_at=now,
        ends_at=now + timedelta(days=1),
        created_at=now,
        next_attempt_at=now,
    )

    begin = partial(handing_over.begin_absence, absence.pk)
    at_once_in_database(begin, begin, sweep_absences, sweep_absences)

    for ask in asks:
        assert kinds(ask.track).count("ask.handed_over") == 1
        assert ask.holders.count() == 2


@pytest.mark.postgresql
def test_an_ask_that_did_not_see_the_absence_begin_has_a_stand_in_a_minute_later(
    shared_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = TrackFactory()
    cfo = someone(track.workspace, CFO)
    has_looked, may_commit = Flag(), Flag()
    look = transitions.seat_stand_ins

    def look_and_dawdle(*args: Any, **named: Any) -> None:
        look(*args, **named)
        has_looked.set()
        assert may_commit.wait(30)

    monkeypatch.setattr(transitions, "seat_stand_ins", look_and_dawdle)
    opening = Thread(target=at_once_in_database, args=[partial(AskFactory, track=track)])
    opening.start()
    assert has_looked.wait(30)
    absence = handing_over.set_absence(
        approver=cfo,
        stand_in="dana@acme.com",
        starts_at=database_now(),
        ends_at=database_now() + timedelta(days=1),
    )
    handing_over.begin_absence(absence.pk)
    may_commit.set()
    opening.join()
    assert kinds(track).count("ask.handed_over") == 0

    a_minute_later = database_now() + timedelta(minutes=1)
    monkeypatch.setattr("tracks.work.database_now", lambda: a_minute_later)
    sweep_absences()

    assert kinds(track).count("ask.handed_over") == 1


def test_two_beats_plan_one_digest_a_day(
    shared_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = WorkspaceFactory()
    for _ in range(3):
        AskFactory(track=TrackFactory(workspace=workspace), timeout_seconds=86_400)
    monkeypatch.setattr(daily, "is_digest_time", lambda moment, zone: True)
    digests: list[Letter] = []

    def send(letter: Letter) -> email.Sent:
        digests.append(letter)
        return email.Sent("<a@mail.example>", "3 requests")

    monkeypatch.setattr(email, "send_letter", send)

    at_once_in_database(plan_digests, plan_digests, plan_digests)
    at_once_in_database(sweep_digests, sweep_digests, sweep_digests)

    assert Digest.objects.count() == 1
    assert len(digests) == 1


def test_a_card_is_changed_though_its_ask_closes_while_it_is_posted(
    shared_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[Any] = []
    monkeypatch.setattr(slack, "post", lambda channel, message: f"C1/{channel.pk}")
    monkeypatch.setattr(slack, "change", lambda channel, name, message: changed.append(name))
    for _ in range(10):
        ask = AskFactory()
        SlackChannel.objects.create(workspace_id=ask.workspace_id, bot_token="xoxb", channel="C1")
        SlackCard.objects.create(ask=ask, next_attempt_at=database_now())

        at_once_in_database(partial(slack_cards.send, ask.pk), partial(close, ask))
        sweep_slack_cards()

        card = SlackCard.objects.get(ask=ask)
        assert card.next_attempt_at is None
        assert (card.posted_at is None) is (card.closed_at is None)
    assert len(changed) == SlackCard.objects.filter(closed_at__isnull=False).count()


@pytest.mark.postgresql
def test_an_ask_that_closes_while_its_card_is_written_down_as_posted_changes_it(
    shared_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[Any] = []
    monkeypatch.setattr(slack, "change", lambda channel, name, message: changed.append(name))
    ask = AskFactory()
    SlackChannel.objects.create(workspace_id=ask.workspace_id, bot_token="xoxb", channel="C1")
    SlackCard.objects.create(ask=ask, next_attempt_at=database_now())
    card = SlackCard.claim(ask.pk)
    assert card is not None
    closing = Thread(target=at_once_in_database, args=[partial(close, ask)])

    def while_it_closes() -> datetime:
        # The ask was found open, and nothing is committed yet: the other has to wait for that.
        closing.start()
        closing.join(1)
        assert closing.is_alive()
        return database_now()

    monkeypatch.setattr(slack_cards, "database_now", while_it_closes)
    slack_cards._write_posted(card=card, message_id="C1/1")
    closing.join()
    monkeypatch.setattr(slack_cards, "database_now", database_now)
    sweep_slack_cards()

    assert changed == ["C1/1"]


def close(ask: Ask) -> None:
    """Answer an ask, and plan what follows for its card."""
    answer(ask, True)
    slack_cards.on_events([Event.objects.get(track=ask.track, type="input_request.answered")])
