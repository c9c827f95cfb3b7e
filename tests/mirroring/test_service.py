"""The threads of a worker: a system that hangs holds up nobody else, and nothing begins twice."""

import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from mirroring import service, tasks
from mirroring.models import Poll, Push, Record
from mirroring.service import Lane
from tests.factories import AskFactory, TrackFactory
from tests.mirroring.conftest import connect_to
from tests.mirroring.emulators.servicenow import ServiceNow
from tracks.clock import database_now
from tracks.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 20.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


class Systems:
    """What lanes talk to here: some hang until they are let go."""

    def __init__(self) -> None:
        self.hanging: set[UUID] = set()
        self.let_go = threading.Event()
        self.begun: list[UUID] = []
        self.done: list[UUID] = []

    def talk(self, row: UUID, *, connection: UUID | None = None) -> None:
        """Hang if the system does, else be done."""
        self.begun.append(row)
        if (connection or row) in self.hanging:
            assert self.let_go.wait(PATIENCE)
        self.done.append(row)


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> Iterator[Systems]:
    """Lanes of their own that do nothing but talk to these."""
    found = Systems()

    def poll(pk: UUID) -> None:
        if Poll.claim(pk) is not None:
            found.talk(pk)

    def push(pk: UUID) -> None:
        row = Push.claim(pk)
        if row is not None:
            connection = Record.objects.values_list("connection", flat=True).get(pk=row.record_id)
            found.talk(pk, connection=connection)
            row.write_outcome(next_attempt_at=None)

    lanes = (Lane(Push, "record__connection", push), Lane(Poll, "connection", poll))
    monkeypatch.setattr(service, "LANES", lanes)
    yield found
    found.let_go.set()
    until(lambda: not any(lane.in_hand for lane in lanes))
    service.stop()


@pytest.fixture
def polls(workspace: Workspace, systems: Systems) -> list[UUID]:
    """Twelve connections of which each is due to be polled."""
    snow = ServiceNow()
    made = [connect_to(snow, workspace, name=f"System {number}").pk for number in range(12)]
    snow.close()
    return made


def test_a_system_that_hangs_holds_up_no_other(polls: list[UUID], systems: Systems) -> None:
    systems.hanging = set(polls[:3])
    service.wake()
    until(lambda: set(systems.done) == set(polls[3:]))
    assert sorted(systems.begun) == sorted(polls)
    service.wake()
    time.sleep(0.1)
    assert len(systems.begun) == 12  # nothing begins twice


def test_what_is_due_is_done_without_another_wake(polls: list[UUID], systems: Systems) -> None:
    """Twelve polls and eight threads."""
    assert tasks.work() == service.THREADS
    until(lambda: sorted(systems.done) == sorted(polls))


@pytest.fixture
def pushes(workspace: Workspace) -> tuple[list[UUID], UUID, UUID]:
    """Twelve decisions for one system, then one for another."""
    snow = ServiceNow()
    now = database_now()
    made = []
    one, other = (connect_to(snow, workspace, name=name, enabled=True) for name in ("One", "Two"))
    snow.close()
    Poll.objects.all().delete()
    for number in range(13):
        connection = other if number == 12 else one
        ask = AskFactory(track=TrackFactory(workspace=workspace))
        record = Record.objects.create(
            connection=connection,
            external_id=str(number),
            revision="1",
            status="deciding",
            track=ask.track,
            ask=ask,
            created_at=now,
            last_seen_at=now,
        )
        push = Push.objects.create(
            record=record,
            ask=ask,
            choice="approve",
            label="Approve",
            state="approved",
            decided_by="cfo@acme.com",
            decided_at=now,
            digest="",
            created_at=now,
            next_attempt_at=now,
        )
        made.append(push.pk)
    return made, one.pk, other.pk


def test_decisions_for_a_system_that_hangs_hold_up_no_others(
    pushes: tuple[list[UUID], UUID, UUID], systems: Systems, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though more of its decisions are due, and longer, than are looked at at once."""
    monkeypatch.setattr(service, "BATCH", 5)
    rows, hanging, _ = pushes
    systems.hanging = {hanging}
    service.wake()
    until(lambda: systems.done == [rows[-1]] and len(systems.begun) == 2)
    time.sleep(0.1)
    assert len(systems.begun) == 2  # the other thread hangs, and no third one does
    systems.let_go.set()
    until(lambda: len(systems.done) == 13)


def test_decisions_do_not_wait_behind_polls(
    pushes: tuple[list[UUID], UUID, UUID], polls: list[UUID], systems: Systems
) -> None:
    systems.hanging = set(polls)
    service.wake()
    until(lambda: len(systems.done) == 13)
    assert set(systems.done) == set(pushes[0])


def test_stopping_waits_for_nobody_and_leaves_what_is_under_way_claimed(
    polls: list[UUID], systems: Systems
) -> None:
    systems.hanging = set(polls)
    service.wake()
    until(lambda: len(systems.begun) == service.THREADS)
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 1
    systems.let_go.set()
    until(lambda: len(systems.done) == service.THREADS)
    time.sleep(0.1)
    assert len(systems.begun) == service.THREADS  # nothing more begins
    claimed = Poll.objects.filter(next_attempt_at__gt=database_now())
    assert sorted(claimed.values_list("pk", flat=True)) == sorted(systems.begun)
