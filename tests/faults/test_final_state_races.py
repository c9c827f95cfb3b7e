"""Answer, cancel and deadline race for one ask: exactly one of them happens, whoever is faster.

2,000 races; SAYSO_RACES=10000 runs more.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.db import connection

from approvals.models import Answer, Ask, Decision
from approvals.refusals import AskNotOpen
from approvals.transitions import cancel_ask, record_timeout
from tests.factories import AGENT, TrackFactory, answer, evidence_of, someone
from tests.faults.racing import ask_that_ends
from tracks.models import Event, Track

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("shared_database")]

RACES = int(os.environ.get("SAYSO_RACES", "2000"))
RACES_A_TRACK = 50
FINAL = {f"input_request.{status}" for status in ("answered", "cancelled", "timeout")}


def test_exactly_one_of_answer_cancel_and_deadline_happens() -> None:
    deadline = Deadline()
    with ThreadPoolExecutor(3) as threads:
        for _ in range(RACES // RACES_A_TRACK):
            race_on(TrackFactory(), threads, deadline)
        all_three = Barrier(3)
        for _ in range(3):
            threads.submit(contend, all_three, connection.close)

    asks = Ask.objects.all()
    ends = Counter(Event.objects.filter(type__in=FINAL).values_list("type", flat=True))
    assert asks.count() == sum(ends.values()) == RACES
    assert ends == Counter(f"input_request.{ask.status}" for ask in asks)
    assert set(ends) == FINAL, "a race that somebody always wins is none"
    for track in Track.objects.all():
        assert asks_that_ended_once(track) == RACES_A_TRACK
    answered = asks.filter(status=Ask.Status.ANSWERED)
    assert set(answered.values_list("pk")) == set(Answer.objects.values_list("ask_id"))
    assert set(answered.values_list("pk")) == set(Decision.objects.values_list("ask_id"))


def asks_that_ended_once(track: Track) -> int:
    """Return how many asks of a track have exactly one final event."""
    events = track.events.select_related("content").filter(type__in=FINAL)
    return list(Counter(event.data["ask_id"] for event in events).values()).count(1)


class Deadline:
    """When an ask expires: later whenever the deadline has won, sooner whenever it has lost."""

    seconds = 0.01

    def learn(self, ask: Ask) -> None:
        ask.refresh_from_db(fields=["status"])
        self.seconds *= 1.2 if ask.status == Ask.Status.TIMEOUT else 0.9

    def __call__(self) -> timedelta:
        return timedelta(seconds=self.seconds * random.uniform(0.5, 1.5))


def race_on(track: Track, threads: ThreadPoolExecutor, deadline: Deadline) -> None:
    approver = someone(track.workspace, "cfo@acme.com")
    evidence = evidence_of(approver)
    for number in range(RACES_A_TRACK):
        ask = ask_that_ends(track, approver, after=deadline())
        barrier = Barrier(3)
        contestants = (
            partial(answer, ask, evidence=evidence, form_nonce=f"{number}"),
            partial(
                cancel_ask,
                ask_id=ask.pk,
                workspace_id=track.workspace_id,
                reason=None,
                actor=AGENT,
            ),
            partial(expire, ask),
        )
        started = [threads.submit(contend, barrier, each) for each in contestants]
        for each in started:
            each.result()
        deadline.learn(ask)


def contend(barrier: Barrier, call: Callable[[], object]) -> None:
    barrier.wait(30)
    with suppress(AskNotOpen):
        call()


def expire(ask: Ask) -> None:
    """Do as the sweep does, in the moment in which the deadline passes."""
    time.sleep(max(0.0, ask.expires_at.timestamp() - time.time()))
    record_timeout(track_id=ask.track_id)
