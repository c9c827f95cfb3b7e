"""GET /asks/{id}."""

from typing import Any

import pytest

from approvals.models import Ask
from tests.api.agent import Agent
from tests.api.refused import code_of, error_of
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, approver_of, evidence_of
from tracks.models import Track


def read(agent: Agent, ask: Ask, query: str = "") -> Any:
    response = agent.get(f"/asks/{ask.public_id}{query}")
    assert response.status_code == 200
    return response.json()


def test_an_ask_is_read_as_it_was_opened(agent: Agent, track: Track) -> None:
    body = {"kind": "text", "prompt": "Why?", "config": {"validate": "long", "risk": "low"}}
    opened = agent.post(f"/tracks/{track.public_id}/asks", body).json()
    assert agent.get(f"/asks/{opened['id']}").json() == opened


@pytest.mark.parametrize(
    ("kind", "value"),
    [("confirm", True), ("confirm", False), ("text", "Because."), ("choice", "s")],
)
def test_an_answer_is_shown_with_who_when_and_how(
    agent: Agent, track: Track, clock: Clock, kind: str, value: bool | str
) -> None:
    ask = AskFactory(track=track, kind=kind)
    opened = read(agent, ask)
    clock.move(milliseconds=48_211)
    answer(ask, value, comment="Fine\nby me")
    url = f"http://127.0.0.1:8000/t/{track.slug}/asks/{ask.public_id}/receipt"
    assert read(agent, ask) == opened | {
        "status": "answered",
        "answer": {
            "value": value,
            "comment": "Fine\nby me",
            "answered_by": "cfo@acme.com",
            "answered_at": "2026-11-22T10:00:48.211Z",
            "duration_ms": 48_211,
            "verified_by": "email_link",
        },
        "decisions": [
            {
                "approver": "cfo@acme.com",
                "on_behalf_of": None,
                "value": value,
                "comment": "Fine\nby me",
                "at": "2026-11-22T10:00:48.211Z",
                "verified_by": "email_link",
            }
        ],
        "closed_at": "2026-11-22T10:00:48.211Z",
        "receipt_url": url,
    }


def test_a_password_shows_in_how_it_was_verified(agent: Agent, workspace: object) -> None:
    ask = AskFactory(track=TrackFactory(workspace=workspace))
    answer(ask, True, evidence=evidence_of(approver_of(ask), verified_by="email_code+password"))
    shown = read(agent, ask)
    assert shown["answer"]["verified_by"] == "email_code+password"
    assert shown["decisions"][0]["verified_by"] == "email_code+password"


def test_an_answer_without_a_comment_has_none(agent: Agent, track: Track) -> None:
    ask = AskFactory(track=track)
    answer(ask, True)
    assert read(agent, ask)["answer"]["comment"] is None


def test_a_cancelled_ask_shows_why(agent: Agent, track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track)
    opened = read(agent, ask)
    clock.move(seconds=1)
    agent.post(f"/asks/{ask.public_id}/cancel", {"reason": "Not needed."})
    assert read(agent, ask) == opened | {
        "status": "cancelled",
        "closed_at": "2026-11-22T10:00:01.000Z",
        "cancel_reason": "Not needed.",
    }


def test_an_overdue_ask_is_shown_as_timed_out_at_its_deadline(
    agent: Agent, track: Track, clock: Clock
) -> None:
    """CO-07."""
    ask = AskFactory(track=track, timeout_seconds=60)
    opened = read(agent, ask)
    clock.move(milliseconds=59_999)
    assert read(agent, ask) == opened
    clock.move(milliseconds=1)
    timed_out = opened | {"status": "timeout", "closed_at": "2026-11-22T10:01:00.000Z"}
    assert read(agent, ask) == timed_out
    clock.move(days=400)
    assert read(agent, ask) == timed_out


@pytest.mark.parametrize("wait", ["0", "1", "25"])
def test_a_closed_ask_is_answered_at_once_however_long_one_would_wait(
    agent: Agent, track: Track, wait: str
) -> None:
    ask = AskFactory(track=track)
    answer(ask, True)
    assert read(agent, ask, f"?wait={wait}")["status"] == "answered"


@pytest.mark.parametrize("wait", ["26", "-1", "abc", "", "1.5", "1e1", "%201", "9" * 400])
def test_a_bad_wait_is_refused(agent: Agent, track: Track, wait: str) -> None:
    response = agent.get(f"/asks/{AskFactory(track=track).public_id}?wait={wait}")
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == "wait"


@pytest.mark.parametrize(
    "ask_id", ["ask_" + "0" * 32, "trk_{hex}", "ask_{upper}", "{hex}", "ask_{hex}x", "%00"]
)
def test_what_is_no_ask_of_ours_is_not_found(agent: Agent, track: Track, ask_id: str) -> None:
    ask = AskFactory(track=track)
    path = ask_id.format(hex=ask.pk.hex, upper=ask.pk.hex.upper())
    assert code_of(agent.get(f"/asks/{path}")) == (404, "not_found")
