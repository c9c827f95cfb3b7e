"""Forty-five days of a workspace: nobody is nagged, nothing is left lying, and all is on record."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from approvals.models import Ask, Digest, Holder
from approvals.working_hours import is_daytime, is_digest_time
from tests.approvals.simulation import Simulation
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tracks.ids import public_id
from tracks.management.commands.audit import Audit
from tracks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("Europe/Berlin")
PEOPLE = [f"{name}@acme.com" for name in ("ann", "ben", "cleo", "dan", "eve", "finn", "gus", "hua")]
ENDS = {f"input_request.{end}" for end in ("answered", "timeout", "cancelled")}


@pytest.fixture
def story(clock: Clock) -> Simulation:
    """The days have passed; the outbox, the event log and the rows are there to look at."""
    clock.move_to(datetime(2026, 10, 1, 9, tzinfo=UTC))  # summer time ends on the way
    workspace = WorkspaceFactory(name="Acme", time_zone="Europe/Berlin")
    simulation = Simulation(clock, workspace, ZONE, PEOPLE, seed=45, days=45)
    simulation.open_asks(50)
    simulation.be_away(6)
    simulation.run()
    return simulation


def test_forty_five_days(story: Simulation) -> None:
    log = list(Event.objects.select_related("content").order_by("track", "seq"))
    _nobody_was_told_twice(story, log)
    _nobody_was_asked_again_after_their_time_was_up(log)
    _no_ask_outlived_its_end(story, log)
    _reminders_were_few_and_came_in_working_hours(story, log)
    _digests_came_once_a_working_day(story)
    _nobody_was_mailed_of_what_was_over(story)
    assert Audit().first_fault() is None
    _it_was_no_idle_time(story, log)


def _it_was_no_idle_time(story: Simulation, log: list[Event]) -> None:
    """The seed tells one story, the same on either database."""
    assert Counter(event.type for event in log) == {
        "track.created": 50,
        "input_request.created": 104,
        "input_request.answered": 24,
        "input_request.timeout": 79,
        "approver.notified": 151,
        "ask.reminded": 85,
        "ask.decided": 14,
        "ask.declined": 4,
        "ask.escalated": 54,
        "ask.handed_over": 18,
    }
    assert Counter(each.kind for each in story.mails) == {"ask": 151, "reminder": 85, "digest": 8}
    assert Counter(story.refusals) == {"ask_not_open": 55, "invalid": 8, "passed_on_already": 1}


def _nobody_was_told_twice(story: Simulation, log: list[Event]) -> None:
    notices = [each for each in story.mails if each.kind == "ask"]
    assert len({(each.about, each.to) for each in notices}) == len(notices)
    names = [each.message.extra_headers["Message-ID"] for each in story.mails]
    assert len(set(names)) == len(names)
    told = [
        (event.data["ask_id"], event.data["approver"])
        for event in log
        if event.type == "approver.notified" and event.data
    ]
    assert sorted(told) == sorted((public_id("ask", each.ask_id), each.to) for each in notices)
    # and everybody who could decide was told
    could = Holder.objects.values_list("ask_id", "approver__address")
    assert sorted((each.ask_id, each.to) for each in notices) == sorted(could)


def _nobody_was_asked_again_after_their_time_was_up(log: list[Event]) -> None:
    asked: dict[str, set[str]] = {}  # by ask
    late: dict[Any, set[str]] = {}  # by track
    for event in log:
        said = event.data or {}
        if event.type == "input_request.created":
            people = set(said["approvers"])
        elif event.type == "ask.handed_over":
            people = {said["to"]}
        else:
            if event.type == "input_request.timeout":
                late.setdefault(event.track_id, set()).update(asked[said["ask_id"]])
            continue
        assert not people & late.get(event.track_id, set())
        assert not people & asked.get(said["ask_id"], set())
        asked.setdefault(said["ask_id"], set()).update(people)


def _no_ask_outlived_its_end(story: Simulation, log: list[Event]) -> None:
    still_open = Ask.objects.filter(status=Ask.Status.OPEN)
    assert all(ask.ends_at > story.clock.now for ask in still_open)
    ends = [event for event in log if event.type in ENDS]
    ended = {(event.data or {})["ask_id"]: event.at for event in ends}
    assert len(ended) == len(ends)
    for ask in Ask.objects.exclude(status=Ask.Status.OPEN):
        assert ended.pop(ask.public_id) == ask.closed_at
        assert (ask.closed_at == ask.ends_at) is (ask.status == Ask.Status.TIMEOUT)
    assert ended == {}


def _reminders_were_few_and_came_in_working_hours(story: Simulation, log: list[Event]) -> None:
    reminders = [each for each in story.mails if each.kind == "reminder"]
    assert all(is_daytime(each.at, ZONE) for each in reminders)
    assert max(Counter((each.about, each.to) for each in reminders).values()) <= 3
    recorded = [event for event in log if event.type == "ask.reminded"]
    assert Counter(
        ((event.data or {})["ask_id"], (event.data or {})["approver"]) for event in recorded
    ) == Counter((public_id("ask", each.ask_id), each.to) for each in reminders)
    assert sorted(event.at for event in recorded) == sorted(each.at for each in reminders)


def _digests_came_once_a_working_day(story: Simulation) -> None:
    digests = [each for each in story.mails if each.kind == "digest"]
    assert all(is_digest_time(each.at, ZONE) for each in digests)
    days = [(each.to, each.at.astimezone(ZONE).date()) for each in digests]
    assert len(set(days)) == len(days)
    assert Digest.objects.filter(sent_at__isnull=False).count() == len(digests)


def _nobody_was_mailed_of_what_was_over(story: Simulation) -> None:
    asks = {ask.pk: ask for ask in Ask.objects.all()}
    for each in story.mails:
        if each.kind != "digest":
            ask = asks[each.ask_id]
            assert ask.closed_at is None or each.at < ask.closed_at
            assert ask.created_at <= each.at < ask.ends_at
