"""POST /tracks/{id}/complete and /fail."""

from typing import Any

import pytest

from tests.api.agent import Agent
from tests.api.refused import UNSAFE, code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, answer, kinds
from tracks.models import Event, Track


def close(agent: Agent, track: Track, verb: str, body: Any = None) -> Any:
    return agent.post(f"/tracks/{track.public_id}/{verb}", body)


def test_a_track_is_completed(agent: Agent, track: Track, clock: Clock) -> None:
    before = agent.get(f"/tracks/{track.public_id}").json()
    clock.move(seconds=1)
    response = close(agent, track, "complete", {"summary": "47 payments\nscheduled."})
    assert response.status_code == 200
    assert response.json() == before | {
        "status": "completed",
        "summary": "47 payments\nscheduled.",
        "seq": 2,
        "updated_at": "2026-11-22T10:00:01.000Z",
    }
    assert agent.get(f"/tracks/{track.public_id}").json() == response.json()
    assert kinds(track) == ["track.created", "track.completed"]
    assert Event.objects.get(track=track, seq=2).data == {"summary": "47 payments\nscheduled."}


def test_a_summary_is_not_needed(agent: Agent, track: Track) -> None:
    assert close(agent, track, "complete").json()["summary"] is None


@pytest.mark.parametrize(("body", "retryable"), [({}, False), ({"retryable": True}, True)])
def test_a_track_fails(agent: Agent, track: Track, body: Any, retryable: bool) -> None:
    response = close(agent, track, "fail", {"reason": "Approval timeout"} | body)
    assert response.status_code == 200
    assert response.json()["status"] == "failed"
    assert response.json()["failure"] == {"reason": "Approval timeout", "retryable": retryable}
    assert kinds(track) == ["track.created", "track.failed"]
    assert Event.objects.get(track=track, seq=2).data == response.json()["failure"]


@pytest.mark.parametrize("first", ["complete", "fail"])
@pytest.mark.parametrize("second", ["complete", "fail"])
def test_a_closed_track_is_not_closed_again(
    agent: Agent, track: Track, first: str, second: str
) -> None:
    body = {"reason": "No."}
    close(agent, track, first, body if first == "fail" else None)
    with nothing_written():
        response = close(agent, track, second, body if second == "fail" else None)
    assert code_of(response) == (409, "track_closed")


@pytest.mark.parametrize(
    ("verb", "body", "event"),
    [("complete", {}, "track.completed"), ("fail", {"reason": "No."}, "track.failed")],
)
def test_closing_cancels_the_open_ask_first(
    agent: Agent, track: Track, verb: str, body: Any, event: str, clock: Clock
) -> None:
    ask = AskFactory(track=track)
    clock.move(seconds=1)
    assert close(agent, track, verb, body).json()["open_ask"] is None
    shown = agent.get(f"/asks/{ask.public_id}").json()
    assert (shown["status"], shown["cancel_reason"], shown["closed_at"]) == (
        "cancelled",
        "The track was closed.",
        "2026-11-22T10:00:01.000Z",
    )
    assert kinds(track)[-2:] == ["input_request.cancelled", event]


def test_closing_after_the_deadline_records_a_timeout_not_a_cancellation(
    agent: Agent, track: Track, clock: Clock
) -> None:
    ask = AskFactory(track=track, timeout_seconds=1)
    clock.move(seconds=1)
    close(agent, track, "complete")
    assert agent.get(f"/asks/{ask.public_id}").json()["status"] == "timeout"
    assert kinds(track)[-2:] == ["input_request.timeout", "track.completed"]


def test_closing_leaves_an_answered_ask_alone(agent: Agent, track: Track) -> None:
    ask = AskFactory(track=track)
    answer(ask, True)
    close(agent, track, "complete")
    assert agent.get(f"/asks/{ask.public_id}").json()["status"] == "answered"
    assert kinds(track)[-2:] == ["input_request.answered", "track.completed"]


@pytest.mark.parametrize(("verb", "field"), [("complete", "summary"), ("fail", "reason")])
@pytest.mark.parametrize("text", ["x" * 2000, "😀" * 2000, "a\r\nb"])
def test_a_text_at_its_limit_is_taken(
    agent: Agent, track: Track, verb: str, field: str, text: str
) -> None:
    body = close(agent, track, verb, {field: text}).json()
    shown = body["summary"] if verb == "complete" else body["failure"]["reason"]
    assert shown == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("verb", "body", "field", "code"),
    [
        ("complete", {"summary": ""}, "summary", "blank"),
        ("complete", {"summary": " \n "}, "summary", "blank"),
        ("complete", {"summary": "x" * 2001}, "summary", "max_length"),
        ("complete", {"summary": 1}, "summary", "type"),
        ("complete", {"reason": "x"}, "reason", "unknown_field"),
        ("fail", {}, "reason", "required"),
        ("fail", {"reason": None}, "reason", "null"),
        ("fail", {"reason": "x" * 2001}, "reason", "max_length"),
        ("fail", {"reason": ["x"]}, "reason", "type"),
        ("fail", {"reason": "x", "retryable": 1}, "retryable", "type"),
        ("fail", {"reason": "x", "retryable": "true"}, "retryable", "type"),
        ("fail", {"reason": "x", "retryable": None}, "retryable", "null"),
        ("fail", {"reason": "x", "summary": "x"}, "summary", "unknown_field"),
    ],
)
def test_a_bad_body_leaves_the_track_and_its_ask_open(
    agent: Agent, track: Track, verb: str, body: Any, field: str, code: str
) -> None:
    AskFactory(track=track)
    with nothing_written():
        response = close(agent, track, verb, body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


@pytest.mark.parametrize(("verb", "field"), [("complete", "summary"), ("fail", "reason")])
def test_deceptive_text_is_refused(agent: Agent, track: Track, verb: str, field: str) -> None:
    with nothing_written():
        response = close(agent, track, verb, {field: f"a\n{UNSAFE}"})
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["detail"] == "U+202E at offset 2 is not allowed here."
