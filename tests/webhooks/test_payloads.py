"""What the body of a webhook says (contract 字3; WH-18, WH-24)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from approvals.transitions import cancel_ask, record_timeout
from tests.api.agent import Agent
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer
from tests.receivers import Receiver
from tests.webhooks.conftest import Hook, add_hook
from tracks.event_types import EVENT_TYPES
from tracks.models import Event, EventData, Track
from tracks.transitions import log_action
from webhooks import payloads

pytestmark = pytest.mark.django_db

CONFIG = {
    "accept_label": "Approve the new rate",
    "reject_label": "Hold for negotiation",
    "summary": {"Previous rate": "$2,400", "New rate": "$2,592"},
    "description": "From January on.",
    "details": "Clause 7 of the contract.",
    "risk": "high",
}
Carry = Callable[[], None]


def test_the_four_payloads_of_an_ask(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track, clock: Clock
) -> None:
    asks = []
    for ending in ("answered", "cancelled", "timeout"):
        ask = AskFactory(track=track, config=CONFIG, timeout_seconds=60, action_digest=DIGEST)
        asks.append(ask)
        clock.move(milliseconds=48_211)
        if ending == "answered":
            answer(ask, True, comment="Fine.")
        elif ending == "cancelled":
            cancel_ask(
                ask_id=ask.pk, workspace_id=track.workspace_id, reason="Not now.", actor=AGENT
            )
        else:
            clock.move(seconds=60)
            record_timeout(track_id=track.pk)
    carry()
    bodies = sorted((seen.json for seen in receiver.seen), key=lambda body: body["data"]["seq"])
    assert [body["type"].partition(".")[2] for body in bodies] == [
        *("created", "answered", "created", "cancelled", "created", "timeout")
    ]
    common = [_common(ask, CONFIG) for ask in asks]
    assert bodies[0] == {
        "type": "input_request.created",
        "timestamp": "2026-11-22T10:00:00.000Z",
        "data": common[0]
        | {
            "seq": 2,
            "status": "open",
            "approvers": ["cfo@acme.com"],
            "needed": 1,
            "asked_by": "Bookkeeper",
            "timeout_seconds": 60,
            "expires_at": "2026-11-22T10:01:00.000Z",
            "due_at": None,
        },
    }
    assert bodies[1] == {
        "type": "input_request.answered",
        "timestamp": "2026-11-22T10:00:48.211Z",
        "data": common[0]
        | {
            "seq": 3,
            "status": "answered",
            "answerValue": True,
            "comment": "Fine.",
            "answered_by": "cfo@acme.com",
            "duration_ms": 48_211,
            "answer_text_is_untrusted": True,
            "receipt_url": f"http://127.0.0.1:8000/t/{track.slug}/asks/{asks[0].public_id}/receipt",
        },
    }
    assert bodies[3]["data"] == common[1] | {
        "seq": 5,
        "status": "cancelled",
        "cancel_reason": "Not now.",
    }
    assert bodies[5]["data"] == common[2] | {
        "seq": 7,
        "status": "timeout",
        "expires_at": "2026-11-22T10:02:36.422Z",
    }
    # Display metadata comes back as it was sent, in its order.
    assert list(bodies[0]["data"]["config"]["summary"]) == ["Previous rate", "New rate"]


DIGEST = "sha256:" + "a" * 64


def _common(ask: Any, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "ask_id": ask.public_id,
        "track_id": ask.track.public_id,
        "kind": "confirm",
        "prompt": "Approve the new rate?",
        "config": config,
        "display_digest": ask.display_digest,
        "action_digest": DIGEST,
    }


def test_the_id_is_the_event_s_and_seq_never_repeats(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track
) -> None:
    """WH-18."""
    answer(AskFactory(track=track), False)
    carry()
    events = {event.public_id: event for event in Event.objects.filter(track=track)}
    seen = {each.headers["webhook-id"]: each.json for each in receiver.seen}
    assert len(seen) == 2
    for id, body in seen.items():
        assert body["type"] == events[id].type
        assert body["data"]["seq"] == events[id].seq


@pytest.mark.parametrize(
    ("kind", "value"), [("text", "On Friday."), ("choice", "a"), ("confirm", False)]
)
def test_the_answer_is_a_boolean_a_text_or_an_option(
    kind: str, value: Any, hook: Hook, receiver: Receiver, carry: Carry, track: Track
) -> None:
    answer(AskFactory(track=track, kind=kind), value)
    carry()
    [body] = [each.json for each in receiver.seen if "answered" in each.json["type"]]
    assert (body["data"]["kind"], body["data"]["answerValue"]) == (kind, value)


def test_other_events_say_what_the_event_says(
    agent: Agent, receiver: Receiver, carry: Carry, track: Track
) -> None:
    add_hook(agent, receiver.url, event_types=["action.logged", "step.started"])
    to = {"track_id": track.pk, "workspace_id": track.workspace_id, "actor": AGENT}
    log_action(text="Pulled 47 invoices.", step=None, **to)
    carry()
    [seen] = receiver.seen
    assert seen.json["type"] == "action.logged"
    assert seen.json["data"] == {
        "track_id": track.public_id,
        "seq": 2,
        "text": "Pulled 47 invoices.",
        "step": None,
    }


def test_a_body_over_20_kb_leaves_the_details_out_and_says_so(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track
) -> None:
    """WH-24."""
    config = CONFIG | {"details": "字" * 8000, "description": "字" * 500}
    AskFactory(track=track, config=config | {"summary": {"A": "字" * 200}})
    ask = AskFactory(
        track=TrackFactory(workspace=track.workspace), config=config | {"details": "字" * 1000}
    )
    carry()
    large, small = sorted(
        (seen.json["data"] for seen in receiver.seen), key=lambda data: data["ask_id"]
    )
    assert large["config"] == {
        name: value for name, value in config.items() if name != "details"
    } | {"summary": {"A": "字" * 200}}
    assert large["details_omitted"] is True
    assert small["ask_id"] == ask.public_id
    assert "details_omitted" not in small
    assert max(len(seen.body) for seen in receiver.seen) <= 20_000


def test_whatever_is_large_beside_the_details_goes_next_and_the_answer_never(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track
) -> None:
    summary = {f"{index}{'𠮷' * 100}": "𠮷" * 200 for index in range(20)}
    answer(AskFactory(track=track, config=CONFIG | {"summary": summary}), True, comment="𠮷" * 2000)
    carry()
    for seen in receiver.seen:
        assert len(seen.body) <= 20_000
        assert seen.json["data"]["details_omitted"] is True
        assert set(seen.json["data"]["config"]) == set(CONFIG) - {"details", "summary"}
    [answered] = [each.json["data"] for each in receiver.seen if "answerValue" in each.json["data"]]
    assert answered["comment"] == "𠮷" * 2000


def test_a_long_answer_is_delivered_even_where_it_is_larger_than_the_limit(
    hook: Hook, receiver: Receiver, carry: Carry, track: Track
) -> None:
    ask = AskFactory(track=track, kind="text", config={"validate": "long", "details": "d" * 100})
    answer(ask, "字" * 8000)
    carry()
    [answered] = [each.json["data"] for each in receiver.seen if "answerValue" in each.json["data"]]
    assert answered["answerValue"] == "字" * 8000
    assert "details" not in answered["config"]


def test_a_large_event_of_another_type_tells_where_to_read(track: Track) -> None:
    event = Event.objects.get(track=track)
    content = EventData.objects.get(event=event)
    content.data = {"title": "t", "steps": ["字" * 120] * 100}
    content.save()
    body = json.loads(payloads.body_of(Event.objects.get(pk=event.pk)))
    assert body["data"] == {"track_id": track.public_id, "seq": 1, "details_omitted": True}


def test_an_erased_event_has_nothing_to_tell(track: Track) -> None:
    EventData.objects.all().delete()
    body = json.loads(payloads.body_of(Event.objects.get(track=track)))
    assert body["data"] == {"track_id": track.public_id, "seq": 1, "erased": True}


def test_the_types_are_those_of_the_contract() -> None:
    assert len(set(EVENT_TYPES)) == len(EVENT_TYPES) == 31
