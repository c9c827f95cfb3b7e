"""POST /tracks/{id}/actions."""

from typing import Any

import pytest

from tests.api.agent import Agent
from tests.api.refused import UNSAFE, code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import TrackFactory, kinds
from tracks.models import Event, Track, Workspace


@pytest.fixture
def track(workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace, steps=["Fetch", "Parse"])


def log(agent: Agent, track: Track, body: Any) -> Any:
    return agent.post(f"/tracks/{track.public_id}/actions", body)


def test_an_action_comes_back_as_the_event_it_is(agent: Agent, track: Track, clock: Clock) -> None:
    response = log(agent, track, {"text": "Pulled 47 invoices", "step": 1})
    event = Event.objects.get(track=track, seq=2)
    first = Event.objects.get(track=track, seq=1)
    assert response.status_code == 201
    assert response.json() == {
        "id": f"evt_{event.pk.hex}",
        "track_id": track.public_id,
        "seq": 2,
        "type": "action.logged",
        "actor": {"type": "agent", "name": "Bookkeeper"},
        "at": "2026-11-22T10:00:00.000Z",
        "data": {"text": "Pulled 47 invoices", "step": 1},
        "hash": event.hash,
        "prev_hash": first.hash,
    }
    assert agent.get(f"/tracks/{track.public_id}/events?after=1").json() == {
        "data": [response.json()],
        "last_seq": 2,
    }


@pytest.mark.parametrize("body", [{"text": "x"}, {"text": "x", "step": None}])
def test_an_action_needs_no_step(agent: Agent, track: Track, body: Any) -> None:
    assert log(agent, track, body).json()["data"] == {"text": "x", "step": None}


def test_the_same_action_twice_is_two_actions(agent: Agent, track: Track) -> None:
    log(agent, track, {"text": "x"})
    log(agent, track, {"text": "x"})
    assert kinds(track) == ["track.created", "action.logged", "action.logged"]


@pytest.mark.parametrize("text", ["x" * 500, "😀" * 500])
def test_a_text_at_its_limit_is_taken(agent: Agent, track: Track, text: str) -> None:
    assert log(agent, track, {"text": text}).json()["data"]["text"] == text


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "text", "required"),
        ({"text": ""}, "text", "blank"),
        ({"text": "x" * 501}, "text", "max_length"),
        ({"text": None}, "text", "null"),
        ({"text": 1}, "text", "type"),
        ({"text": "x", "step": 2}, "step", "invalid"),
        ({"text": "x", "step": -1}, "step", "invalid"),
        ({"text": "x", "step": 10**30}, "step", "invalid"),
        ({"text": "x", "step": "1"}, "step", "type"),
        ({"text": "x", "step": True}, "step", "type"),
        ({"text": "x", "step": 1.0}, "step", "type"),
        ({"text": "x", "step": [1]}, "step", "type"),
        ({"text": "x", "type": "input_request.answered"}, "type", "unknown_field"),
    ],
)
def test_a_bad_body_is_refused(
    agent: Agent, track: Track, body: Any, field: str, code: str
) -> None:
    with nothing_written():
        response = log(agent, track, body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


@pytest.mark.parametrize("character", [UNSAFE, "\n", "\x1b"])
def test_an_action_is_one_honest_line(agent: Agent, track: Track, character: str) -> None:
    """AI-21, AU-12."""
    with nothing_written():
        response = log(agent, track, {"text": f"ab{character}"})
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["field"] == "text"
    assert response.json()["detail"] == f"U+{ord(character):04X} at offset 2 is not allowed here."


def test_a_closed_track_takes_no_action(agent: Agent, track: Track) -> None:
    agent.post(f"/tracks/{track.public_id}/fail", {"reason": "No."})
    with nothing_written():
        response = log(agent, track, {"text": "x"})
    assert code_of(response) == (409, "track_closed")
