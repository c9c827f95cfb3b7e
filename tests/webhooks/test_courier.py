"""Who carries what, when (WH-15, WH-17, WH-19 to WH-21)."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from tests import receivers
from tests.api.agent import Agent
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory
from tests.receivers import Receiver, receiving, reply
from tests.webhooks.conftest import Hook, add_hook
from tracks.models import Dispatch, Track
from tracks.tasks import sweep_dispatches
from tracks.transitions import log_action
from webhooks import courier, tasks
from webhooks.courier import Courier
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.models.delivery import Room

pytestmark = pytest.mark.django_db(transaction=True)

Carry = Callable[[], None]


def wait_until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def service() -> Iterator[None]:
    """The courier of this process, stopped behind the test."""
    yield
    courier.stop(within=5)


@pytest.fixture
def hanging(service: None) -> Iterator[Receiver]:
    """A receiver that never answers; it goes before the courier does."""
    with receiving(receivers.hang) as one:
        yield one


def act(track: Track, *, times: int = 1) -> None:
    for _ in range(times):
        log_action(
            track_id=track.pk,
            workspace_id=track.workspace_id,
            text="Pulled 47 invoices.",
            step=None,
            actor=AGENT,
        )


@pytest.mark.usefixtures("service")
def test_a_receiver_that_hangs_delays_no_other(
    agent: Agent, stranger: Agent, receiver: Receiver, hanging: Receiver, track: Track
) -> None:
    """WH-17."""
    add_hook(agent, hanging.url)
    add_hook(agent, receiver.url)
    act(track, times=40)
    started = time.monotonic()
    tasks.deliver()
    receiver.wait_for(40, seconds=5)
    assert time.monotonic() - started < 5
    assert hanging.connections == Room.MOST
    assert Attempt.objects.filter(delivery__endpoint__url=hanging.url).count() == 0


def test_an_endpoint_that_fails_gets_less_room(
    agent: Agent, hanging: Receiver, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_hook(agent, hanging.url)
    act(track, times=5)
    Endpoint.objects.update(failing_since="2026-11-22T00:00:00Z")
    claimed = Delivery.claim_due(most=100, room=Room([]))
    assert len(claimed) == Room.MOST_WHILE_FAILING


def test_room_counts_what_is_under_way_and_serves_the_oldest_first(
    agent: Agent, receiver: Receiver, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Room, "MOST", 3)
    for name in ("a", "b"):
        add_hook(agent, f"{receiver.url}/{name}")
    act(track, times=5)
    first = Delivery.claim_due(most=4, room=Room([]))
    # The oldest four are the first two events at both; the next round has one place left at each.
    assert sorted(each.event.seq for each in first if each.event) == [2, 2, 3, 3]
    second = Delivery.claim_due(most=100, room=Room(first))
    assert sorted(each.event.seq for each in second if each.event) == [4, 4]
    assert Delivery.claim_due(most=100, room=Room([*first, *second])) == []


def test_a_claimed_delivery_is_nobody_else_s_until_its_lease_is_over(
    hook: Hook, receiver: Receiver, carry: Carry, clock: Clock
) -> None:
    """WH-19: a worker that died before or after sending loses nothing."""
    hook.agent.post(f"{hook.path}/test")
    [claimed] = Delivery.claim_due(most=10, room=Room([]))
    courier.attempt(claimed)  # sent, and dies before it is written down
    carry()
    assert len(receiver.seen) == 1
    clock.move(seconds=61)
    carry()
    first, second = receiver.seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert hook.only()["status"] == "delivered"


def test_what_outlived_its_lease_overwrites_nothing(
    hook: Hook, receiver: Receiver, carry: Carry, clock: Clock
) -> None:
    from webhooks import transitions

    receiver.scripts = [reply(500), reply(200)]
    hook.agent.post(f"{hook.path}/test")
    [claimed] = Delivery.claim_due(most=10, room=Room([]))
    outcome = courier.attempt(claimed)
    clock.move(seconds=61)
    carry()
    transitions.settle([outcome])
    delivery = hook.only()
    assert (delivery["status"], delivery["next_attempt_at"]) == ("delivered", None)
    assert [each["status_code"] for each in delivery["attempts"]] == [500, 200]


def test_nothing_is_sent_for_a_change_that_was_rolled_back(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track
) -> None:
    """WH-20."""
    with transaction.atomic():
        AskFactory(track=track)
        transaction.set_rollback(True)
    sweep_dispatches()
    carry()
    assert (receiver.seen, Delivery.objects.count()) == ([], 0)


def test_what_was_committed_by_a_process_that_died_is_delivered(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track, clock: Clock, monkeypatch: Any
) -> None:
    """WH-21: dead on the instruction after the commit, before any consumer has run."""
    with monkeypatch.context() as dying:
        dying.setattr("tracks.events._run_consumers", lambda _: None)
        AskFactory(track=track)
    assert Delivery.objects.count() == 0
    clock.move(seconds=31)
    sweep_dispatches()
    carry()
    assert [seen.json["type"] for seen in receiver.seen] == ["input_request.created"]
    assert not Dispatch.objects.exists()


@pytest.mark.usefixtures("service")
def test_a_poke_wakes_the_courier_of_the_process(
    hook: Hook, receiver: Receiver, track: Track
) -> None:
    for count in (1, 2):
        hook.agent.post(f"{hook.path}/test")
        tasks.deliver()
        receiver.wait_for(count)
    wait_until(lambda: hook.deliveries()[-1]["status"] == "delivered")
    assert sum(each.name == "courier" for each in threading.enumerate()) == 1


@pytest.mark.usefixtures("service")
def test_the_courier_survives_a_database_that_fails(
    hook: Hook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "PAUSE_AFTER_ERROR", 0.01)
    hook.agent.post(f"{hook.path}/test")
    real = Delivery.claim_due
    failures = iter([True, True])

    def fail(**options: Any) -> Any:
        if next(failures, False):
            raise RuntimeError("the database is away")
        return real(**options)

    monkeypatch.setattr(Delivery, "claim_due", fail)
    tasks.deliver()
    receiver.wait_for(1)
    wait_until(lambda: hook.only()["status"] == "delivered")


def test_stopping_writes_down_what_came_back_and_leaves_the_rest_to_its_lease(
    agent: Agent, receiver: Receiver, hanging: Receiver, track: Track
) -> None:
    slow = receivers.late(0.3)
    receiver.scripts = [slow]
    good, bad = add_hook(agent, receiver.url), add_hook(agent, hanging.url)
    act(track)
    tasks.deliver()
    receiver.wait_for(1)
    hanging.wait_for(1)
    (thread,) = (each for each in threading.enumerate() if each.name == "courier")
    started = time.monotonic()
    tasks.stop_courier()
    assert time.monotonic() - started < tasks.GRACE + 0.5
    assert good.only()["status"] == "delivered"
    assert bad.only()["status"] == "pending"
    hanging.close()
    thread.join(10)  # it still writes down that this one hung up


def test_a_delivery_planned_while_its_endpoint_was_switched_off_is_put_aside(
    hook: Hook, receiver: Receiver, carry: Carry
) -> None:
    hook.agent.post(f"{hook.path}/test")
    Endpoint.objects.update(enabled=False)
    carry()
    assert (hook.only()["status"], receiver.seen) == ("skipped", [])


def test_two_couriers_share_the_work(
    hook: Hook, receiver: Receiver, track: Track, vendor: str
) -> None:
    """CO-13: rows are taken by status and never twice."""
    hook.agent.patch(hook.path, {"event_types": []})
    act(track, times=60)
    carriers = [Courier() for _ in range(2)]

    def run(each: Courier) -> None:
        from django.db import connection

        each.carry()
        connection.close()

    threads = [threading.Thread(target=run, args=(each,)) for each in carriers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(receiver.seen) == len({seen.headers["webhook-id"] for seen in receiver.seen}) == 60
    assert Delivery.objects.filter(status="delivered", attempts=1).count() == 60
