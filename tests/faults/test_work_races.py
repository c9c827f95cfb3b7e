"""Sweeps and workers that run twice at once do everything once (CO-08)."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from approvals import notify, sending
from approvals.channels import email
from approvals.models import Ask, Notification
from approvals.tasks import sweep_notifications, sweep_overdue
from tests.factories import AskFactory, TrackFactory, kinds, say
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
    notify.on_event(Event.objects.get(track=ask.track, type="input_request.created"))
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

    results = at_once_in_database(*[partial(notify.on_event, event)] * 5)

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


def remember(event: Event) -> None:
    remembered.append(event)
