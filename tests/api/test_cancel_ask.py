"""POST /asks/{id}/cancel."""

from typing import Any

import pytest

from approvals.models import Ask
from tests.api.agent import Agent
from tests.api.refused import UNSAFE, code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, answer, kinds
from tracks.models import Event, Track


@pytest.fixture
def ask(track: Track) -> Ask:
    return AskFactory(track=track, timeout_seconds=60)


def cancel(agent: Agent, ask: Ask, body: Any = None) -> Any:
    return agent.post(f"/asks/{ask.public_id}/cancel", body)


def test_an_open_ask_is_cancelled(agent: Agent, track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track)
    response = cancel(agent, ask, {"reason": "Not needed\nany more."})
    assert response.status_code == 200
    assert response.json() == agent.get(f"/asks/{ask.public_id}").json()
    assert (response.json()["status"], response.json()["cancel_reason"]) == (
        "cancelled",
        "Not needed\nany more.",
    )
    assert response.json()["closed_at"] == "2026-11-22T10:00:00.000Z"
    assert kinds(track) == ["track.created", "input_request.created", "input_request.cancelled"]
    event = Event.objects.get(track=track, seq=3)
    assert (event.actor_type, event.actor_name) == ("agent", "Bookkeeper")
    assert event.data == {
        "ask_id": ask.public_id,
        "status": "cancelled",
        "kind": "confirm",
        "reason": "Not needed\nany more.",
    }


@pytest.mark.parametrize("body", [None, {}, {"reason": None}])
def test_a_reason_is_not_needed(agent: Agent, ask: Ask, body: Any) -> None:
    assert cancel(agent, ask, body).json()["cancel_reason"] is None


def test_cancelling_twice_is_harmless_and_keeps_the_first_reason(agent: Agent, ask: Ask) -> None:
    """CO-15."""
    first = cancel(agent, ask, {"reason": "One."})
    with nothing_written():
        second = cancel(agent, ask, {"reason": "Two."})
    assert (second.status_code, second.json()) == (200, first.json())


def test_an_answered_ask_is_not_cancelled(agent: Agent, ask: Ask) -> None:
    """CO-15."""
    answer(ask, False)
    with nothing_written():
        response = cancel(agent, ask)
    assert code_of(response) == (409, "ask_not_open")
    assert response.json()["ask_status"] == "answered"


def test_a_timed_out_ask_is_not_cancelled_and_its_timeout_is_recorded(
    agent: Agent, track: Track, clock: Clock
) -> None:
    ask = AskFactory(track=track, timeout_seconds=60)
    clock.move(seconds=60)
    for _ in range(2):
        response = cancel(agent, ask, {"reason": "Too late."})
        assert code_of(response) == (409, "ask_not_open")
        assert response.json()["ask_status"] == "timeout"
    assert kinds(track) == ["track.created", "input_request.created", "input_request.timeout"]
    ask.refresh_from_db()
    assert (ask.status, ask.closed_at, ask.cancel_reason) == ("timeout", ask.expires_at, None)


def test_an_ask_of_a_closed_track_stays_cancelled(agent: Agent, ask: Ask) -> None:
    agent.post(f"/tracks/{ask.track.public_id}/complete")
    with nothing_written():
        response = cancel(agent, ask)
    assert response.status_code == 200
    assert response.json()["cancel_reason"] == "The track was closed."


@pytest.mark.parametrize("reason", ["x" * 500, "😀" * 500, "a\nb\tc"])
def test_a_reason_at_its_limit_is_taken(agent: Agent, ask: Ask, reason: str) -> None:
    assert cancel(agent, ask, {"reason": reason}).json()["cancel_reason"] == reason


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"reason": ""}, "reason", "blank"),
        ({"reason": "x" * 501}, "reason", "max_length"),
        ({"reason": 1}, "reason", "type"),
        ({"reason": ["x"]}, "reason", "type"),
        ({"status": "cancelled"}, "status", "unknown_field"),
    ],
)
def test_a_bad_reason_leaves_the_ask_open(
    agent: Agent, ask: Ask, body: Any, field: str, code: str
) -> None:
    with nothing_written():
        response = cancel(agent, ask, body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


def test_a_deceptive_reason_leaves_the_ask_open(agent: Agent, ask: Ask) -> None:
    with nothing_written():
        response = cancel(agent, ask, {"reason": f"a\n{UNSAFE}"})
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["detail"] == "U+202E at offset 2 is not allowed here."
