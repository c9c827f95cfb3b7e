"""Sweeps that record many timeouts at once race with each other and with whoever answers.

Each ask ends exactly once, and what follows from its end happens once.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from structlog.testing import capture_logs

from approvals.models import Approver, Ask
from approvals.refusals import AskNotOpen
from approvals.tasks import sweep_overdue
from tests.factories import TrackFactory, WorkspaceFactory, answer, evidence_of, kinds, someone
from tests.faults.racing import ask_that_ends, asks_that_end, at_once_in_database
from tracks.models import Dispatch, Event
from tracks.transitions import lock_row

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("shared_database")]

ASKS = int(os.environ.get("SAYSO_RACES", "2000")) // 20
END_TOGETHER = 10  # of them, each tenth of a second
ANSWERERS = 4

followed: list[Any] = []


def follow(events: Sequence[Event]) -> None:
    followed.extend(event.pk for event in events)


def test_two_sweeps_and_people_who_answer_end_each_ask_once(settings: Any) -> None:
    workspace = WorkspaceFactory()
    tracks = TrackFactory.create_batch(ASKS, workspace=workspace)
    approver = someone(workspace, "cfo@acme.com")
    settings.EVENT_CONSUMERS = [f"{__name__}.follow"]
    Dispatch.objects.all().delete()
    followed.clear()
    after = [timedelta(seconds=1 + number // END_TOGETHER * 0.1) for number in range(ASKS)]
    asks = asks_that_end(tracks, approver, after=after)
    people = [partial(answer_late, approver, asks[each::ANSWERERS]) for each in range(ANSWERERS)]

    with capture_logs() as logs:
        results = at_once_in_database(sweep_until_all_ended, sweep_until_all_ended, *people)

    assert results == [None] * (2 + ANSWERERS)
    assert logs == []  # no sweep ran into another or into a person, and had to go one by one
    ends = Event.objects.exclude(type="track.created").select_related("content")
    assert Counter(ask_ended(event) for event in ends) == Counter(
        (ask.public_id, f"input_request.{ask.status}") for ask in Ask.objects.all()
    )
    statuses = set(Ask.objects.values_list("status", flat=True))
    assert statuses == {"answered", "timeout"}, "a race that somebody always wins is none"
    assert Counter(followed) == Counter(event.pk for event in ends)
    assert not Dispatch.objects.exists()


def ask_ended(event: Event) -> tuple[str, str]:
    assert event.data is not None
    return event.data["ask_id"], event.type


def sweep_until_all_ended() -> None:
    while Ask.objects.filter(status=Ask.Status.OPEN).exists():
        sweep_overdue()


def answer_late(approver: Approver, asks: list[Ask]) -> None:
    """Answer each ask about when it ends: mostly just before, sometimes just after.

    The first at once: however slow the machine is today, some are in time.
    """
    evidence = evidence_of(approver)
    for number, ask in enumerate(asks):
        moment = ask.ends_at.timestamp() + random.uniform(-0.05, 0.01)
        time.sleep(max(0.0, moment - time.time()) if number else 0)
        with suppress(AskNotOpen):
            answer(ask, evidence=evidence)


def test_a_track_that_somebody_has_locked_is_left_to_them_and_the_next_run() -> None:
    held, free = TrackFactory.create_batch(2)
    for track in (held, free):
        ask_that_ends(track, someone(track.workspace, "cfo@acme.com"), after=timedelta())
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            lock_row(held.pk)
            is_held.set()
            may_go.wait(30)

    def sweep() -> None:
        is_held.wait(30)
        sweep_overdue()
        may_go.set()  # not before the sweep is over: it has not waited

    assert at_once_in_database(hold, sweep) == [None, None]
    assert kinds(free) == ["track.created", "input_request.timeout"]
    assert kinds(held) == ["track.created"]
    sweep_overdue()
    assert kinds(held) == ["track.created", "input_request.timeout"]
