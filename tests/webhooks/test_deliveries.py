"""Deliveries: made, listed, replayed, recovered, forgotten (WH-14, WH-16, WH-22 to WH-25)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.agent import Agent
from tests.conftest import Clock
from tests.factories import AskFactory, answer
from tests.receivers import Receiver, reply
from tests.webhooks.conftest import PAUSES, V1, Hook, add_hook
from tracks.events import dispatch
from tracks.models import Entry, Event, Track
from webhooks import keeping, outbound
from webhooks.models import Attempt, Delivery

pytestmark = pytest.mark.django_db

Carry = Callable[[], None]


def test_an_answer_arrives_and_is_written_down(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track, clock: Clock
) -> None:
    receiver.scripts = [reply(202, b'{"took": "it"}')]
    ask = AskFactory(track=track)
    clock.move(seconds=1)
    answer(ask, True)
    carry()
    [created, answered] = hook.deliveries()
    event = Event.objects.get(type="input_request.answered")
    assert answered["attempts"][0].pop("latency_ms") < 5000
    assert answered == {
        "id": Delivery.objects.get(event=event).public_id,
        "event_id": event.public_id,
        "type": "input_request.answered",
        "status": "delivered",
        "next_attempt_at": None,
        "created_at": "2026-11-22T10:00:01.000Z",
        "attempts": [
            {
                "at": "2026-11-22T10:00:01.000Z",
                "status_code": 202,
                "error": None,
                "excerpt": '{"took": "it"}',
                "trigger": "event",
            }
        ],
    }
    assert created["status"] == "delivered"
    carry()
    assert len(receiver.seen) == 2


def test_only_what_an_endpoint_listens_to_is_sent(
    agent: Agent, stranger: Agent, receiver: Receiver, carry: Carry, track: Track
) -> None:
    """API-16: and nothing of another workspace."""
    everything = add_hook(agent, f"{receiver.url}/all")
    some = add_hook(agent, f"{receiver.url}/some", event_types=["input_request.created"])
    foreign = add_hook(stranger, f"{receiver.url}/foreign")
    answer(AskFactory(track=track), True)
    carry()
    assert {each["type"] for each in everything.deliveries()} == {
        "input_request.created",
        "input_request.answered",
    }
    assert [each["type"] for each in some.deliveries()] == ["input_request.created"]
    assert foreign.deliveries() == []


def test_while_it_is_off_messages_are_kept_and_can_be_recovered(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event], clock: Clock
) -> None:
    """WH-14."""
    heard.agent.patch(heard.path, {"enabled": False})
    events = []
    for _ in range(3):
        events.append(act())
        clock.move(minutes=1)
    carry()
    assert receiver.seen == []
    assert {each["status"] for each in heard.deliveries()} == {"skipped"}
    refused = heard.agent.post(f"{heard.path}/recover", {"since": "2026-11-22T00:00:00Z"})
    assert refused.status_code == 422
    assert heard.agent.patch(heard.path, {"enabled": True}).json()["disabled_reason"] is None
    carry()
    assert receiver.seen == []
    response = heard.agent.post(f"{heard.path}/recover", {"since": "2026-11-22T10:01:00Z"})
    assert (response.status_code, response.json()) == (202, {"deliveries": 2})
    carry()
    ids = [each.headers["webhook-id"] for each in receiver.seen]
    assert sorted(ids) == sorted(event.public_id for event in events[1:])
    assert [each["status"] for each in heard.deliveries()] == [
        *("skipped", "delivered", "delivered")
    ]
    assert heard.deliveries()[1]["attempts"][0]["trigger"] == "recovery"
    assert Entry.objects.get(type="deliveries.recovered").data["count"] == 2


def test_what_was_on_its_way_when_it_was_switched_off_can_be_recovered_too(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event], clock: Clock
) -> None:
    receiver.scripts = [reply(500), reply(200)]
    act()
    carry()
    heard.agent.patch(heard.path, {"enabled": False})
    clock.move(days=1)
    carry()
    assert (heard.only()["status"], len(receiver.seen)) == ("skipped", 1)
    heard.agent.patch(heard.path, {"enabled": True})
    heard.agent.post(f"{heard.path}/recover", {"since": "2026-11-22T00:00:00Z"})
    carry()
    assert heard.only()["status"] == "delivered"


def test_a_delivered_message_can_be_replayed(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event], clock: Clock
) -> None:
    """WH-22."""
    event = act()
    carry()
    clock.move(days=3)
    delivery = heard.only()
    response = heard.agent.post(f"/deliveries/{delivery['id']}/replay")
    assert (response.status_code, response.json()["status"]) == (202, "pending")
    carry()
    replayed = heard.only()
    assert replayed["status"] == "delivered"
    assert [each["trigger"] for each in replayed["attempts"]] == ["event", "manual"]
    first, second = receiver.seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == event.public_id
    assert first.body == second.body
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    entry = Entry.objects.get(type="delivery.replayed")
    assert (entry.subject, entry.actor_type, entry.actor_name) == (
        *(delivery["id"], "agent", "Bookkeeper"),
    )


def test_a_replay_begins_the_retries_anew(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event], clock: Clock
) -> None:
    receiver.scripts = [reply(500)]
    act()
    for pause in [*PAUSES, timedelta()]:
        carry()
        clock.move_to(clock.now + pause + timedelta(seconds=1))
    delivery = heard.only()
    assert delivery["status"] == "exhausted"
    heard.agent.post(f"/deliveries/{delivery['id']}/replay")
    carry()
    row = heard.row_of(delivery)
    latency = timedelta(milliseconds=heard.only()["attempts"][-1]["latency_ms"])
    assert (row.status, row.attempts) == ("failed", 11)
    assert row.next_attempt_at == clock.now + latency + PAUSES[0]


@pytest.mark.django_db(transaction=True)
def test_a_replay_while_it_is_sent_is_sent_behind_it(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    def replay(connection: Any, _: Any) -> None:
        Delivery.objects.update(
            attempts_before=1, next_attempt_at=now, status="pending", trigger="manual"
        )
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    receiver.scripts = [replay, reply(200)]
    act()
    now = Delivery.objects.get().next_attempt_at
    carry()
    assert [each["trigger"] for each in heard.only()["attempts"]] == ["event", "manual"]
    assert (heard.only()["status"], len(receiver.seen)) == ("delivered", 2)


def test_a_test_is_sent_whatever_the_endpoint_listens_to(
    heard: Hook, receiver: Receiver, carry: Carry, clock: Clock
) -> None:
    response = heard.agent.post(f"{heard.path}/test")
    assert (response.status_code, response.json()["type"]) == (202, "webhook.test")
    carry()
    [seen] = receiver.seen
    assert seen.headers["webhook-id"] == response.json()["event_id"]
    assert seen.json == {
        "type": "webhook.test",
        "timestamp": "2026-11-22T10:00:00.000Z",
        "data": {
            "endpoint_id": heard.id,
            "message": "This is a test. No track and no ask has changed.",
        },
    }
    assert (heard.only()["status"], heard.only()["attempts"][0]["trigger"]) == ("delivered", "test")


def test_an_endpoint_that_is_off_is_not_tested(heard: Hook, receiver: Receiver) -> None:
    heard.agent.patch(heard.path, {"enabled": False})
    assert heard.agent.post(f"{heard.path}/test").status_code == 422
    assert not Delivery.objects.exists()


def test_what_waits_goes_to_the_new_address_and_never_to_the_old(
    heard: Hook, carry: Carry, act: Callable[[], Event], receiver: Receiver, clock: Clock
) -> None:
    """WH-25."""
    receiver.scripts = [reply(500), reply(200)]
    act()
    carry()
    heard.agent.patch(heard.path, {"url": f"{receiver.url}/new"})
    clock.move(days=1)
    carry()
    assert [seen.line.split()[1] for seen in receiver.seen] == ["/hook", "/hook/new"]
    assert [each.url for each in Attempt.objects.all()] == [receiver.url, f"{receiver.url}/new"]


def test_nothing_is_sent_to_an_endpoint_that_was_deleted(
    heard: Hook, carry: Carry, act: Callable[[], Event], receiver: Receiver
) -> None:
    act()
    heard.agent.call("DELETE", heard.path)
    act()
    carry()
    assert receiver.seen == []


def test_the_excerpt_is_the_first_4_kb_as_text(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    """WH-16, WH-23."""
    receiver.scripts = [reply(500, b"\xff\x00\x1b[31m" + "ü".encode() * 5000)]
    act()
    carry()
    excerpt = heard.only()["attempts"][0]["excerpt"]
    assert excerpt.startswith("\ufffd\ufffd\ufffd[31mü")
    assert 4000 < len(excerpt.encode()) <= 4096


def test_nothing_that_is_secret_is_shown(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    """WH-23."""
    act()
    carry()
    shown = heard.agent.get(f"{heard.path}/deliveries").text
    signature = receiver.seen[0].headers["webhook-signature"]
    for secret in (heard.secret, heard.secret.removeprefix("whsec_"), signature, "127.0.0.1"):
        assert secret not in shown


def test_deliveries_are_listed_newest_first_by_status_and_page(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    receiver.scripts = [reply(200), reply(200), reply(500)]
    for _ in range(3):
        act()
        carry()
    assert [each["status"] for each in heard.deliveries()] == ["delivered", "delivered", "failed"]
    assert len(heard.deliveries(status="delivered")) == 2
    first = heard.agent.get(f"{heard.path}/deliveries?limit=2").json()
    second = heard.agent.get(
        f"{heard.path}/deliveries?limit=2&cursor={first['next_cursor']}"
    ).json()
    assert [each["status"] for each in first["data"] + second["data"]] == [
        *("failed", "delivered", "delivered")
    ]
    assert heard.agent.get(f"{heard.path}/deliveries?status=lost").status_code == 422


def test_a_consumer_that_runs_twice_plans_one_delivery(
    heard: Hook, receiver: Receiver, carry: Carry, act: Callable[[], Event]
) -> None:
    event = Event.objects.get(pk=act().pk)
    outbound.on_events([event])
    outbound.on_events([event])
    dispatch(event.pk)
    carry()
    assert (Delivery.objects.count(), len(receiver.seen)) == (1, 1)


def test_the_limit_of_endpoints_does_not_limit_what_is_sent_to_each(
    agent: Agent, receiver: Receiver, carry: Carry, act: Callable[[], Event], track: Track
) -> None:
    hooks = [add_hook(agent, f"{receiver.url}/{number}") for number in range(20)]
    act()
    carry()
    assert {hook.only()["status"] for hook in hooks} == {"delivered"}
    assert len({seen.line for seen in receiver.seen}) == 20
    assert agent.get(V1).status_code == 200


def test_deliveries_are_forgotten_after_90_days_and_no_sooner(
    heard: Hook, carry: Carry, act: Callable[[], Event], clock: Clock
) -> None:
    act()
    carry()
    clock.move(days=89, hours=23)
    act()
    carry()
    assert keeping.purge_old() == 0
    clock.move(hours=2)
    assert keeping.purge_old() == 1
    assert (Delivery.objects.count(), Attempt.objects.count()) == (1, 1)
