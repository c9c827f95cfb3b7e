"""POST /tracks/{id}/steps/{index}/start, /complete, /fail."""

from typing import Any

import pytest

from tests.api.agent import Agent
from tests.api.refused import UNSAFE, code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, kinds
from tracks.models import Event, Track, Workspace

NOW, LATER = "2026-11-22T10:00:00.000Z", "2026-11-22T10:00:01.500Z"


@pytest.fixture
def track(workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace, steps=["Fetch", "Parse"])


def change(agent: Agent, track: Track, step: object, verb: str, body: Any = None) -> Any:
    return agent.post(f"/tracks/{track.public_id}/steps/{step}/{verb}", body)


def test_a_step_is_started_and_completed(agent: Agent, track: Track, clock: Clock) -> None:
    started = change(agent, track, 1, "start", {"detail": "47 invoices"})
    assert started.status_code == 200
    assert started.json()["steps"][1] == {
        "index": 1,
        "title": "Parse",
        "status": "active",
        "detail": "47 invoices",
        "started_at": NOW,
        "ended_at": None,
    }
    clock.move(milliseconds=1500)
    completed = change(agent, track, 1, "complete")
    assert completed.json()["steps"][1] == started.json()["steps"][1] | {
        "status": "completed",
        "ended_at": LATER,
    }
    assert completed.json()["steps"][0]["status"] == "pending"
    assert kinds(track) == ["track.created", "step.started", "step.completed"]
    assert [event.data for event in Event.objects.filter(track=track)[1:]] == [
        {"index": 1, "title": "Parse", "detail": "47 invoices"},
        {"index": 1, "title": "Parse", "detail": None},
    ]


def test_a_step_fails(agent: Agent, track: Track, clock: Clock) -> None:
    step = change(agent, track, 0, "fail", {"detail": "No connection"}).json()["steps"][0]
    assert (step["status"], step["started_at"], step["ended_at"]) == ("failed", None, NOW)
    assert kinds(track) == ["track.created", "step.failed"]


def test_steps_change_in_any_order(agent: Agent, track: Track, clock: Clock) -> None:
    for verb, status in [
        ("complete", "completed"),
        ("start", "active"),
        ("fail", "failed"),
        ("complete", "completed"),
        ("fail", "failed"),
        ("start", "active"),
    ]:
        step = change(agent, track, 0, verb).json()["steps"][0]
        assert step["status"] == status
        assert step["ended_at"] == (None if verb == "start" else NOW)
    assert len(kinds(track)) == 7


@pytest.mark.parametrize("verb", ["start", "complete", "fail"])
def test_repeating_changes_nothing(agent: Agent, track: Track, verb: str, clock: Clock) -> None:
    first = change(agent, track, 0, verb, {"detail": "once"})
    clock.move(hours=1)
    with nothing_written():
        again = change(agent, track, 0, verb, {"detail": "twice"})
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize("index", ["2", "49", "50", "-1", "x", "1.0", "01x", "%00", "²", "9" * 99])
def test_a_bad_index_is_refused(agent: Agent, track: Track, index: str) -> None:
    with nothing_written():
        response = change(agent, track, index, "start")
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == "index"


def test_the_last_of_fifty_steps_is_number_49(agent: Agent, workspace: Workspace) -> None:
    track = TrackFactory(workspace=workspace, steps=["x"] * 50)
    assert change(agent, track, 49, "start").status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"detail": ""}, "detail", "blank"),
        ({"detail": "x" * 501}, "detail", "max_length"),
        ({"detail": 1}, "detail", "type"),
        ({"detail": ["x"]}, "detail", "type"),
        ({"reason": "x"}, "reason", "unknown_field"),
    ],
)
@pytest.mark.parametrize("verb", ["start", "complete", "fail"])
def test_a_bad_body_changes_nothing(
    agent: Agent, track: Track, verb: str, body: Any, field: str, code: str
) -> None:
    with nothing_written():
        response = change(agent, track, 0, verb, body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


@pytest.mark.parametrize("detail", ["x" * 500, "漢" * 500, None])
def test_a_detail_at_its_limit_is_taken(agent: Agent, track: Track, detail: str | None) -> None:
    response = change(agent, track, 0, "start", {"detail": detail})
    assert response.json()["steps"][0]["detail"] == detail


@pytest.mark.parametrize("character", [UNSAFE, "\n", "\t"])
def test_a_detail_is_one_honest_line(agent: Agent, track: Track, character: str) -> None:
    with nothing_written():
        response = change(agent, track, 0, "start", {"detail": f"a{character}"})
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["field"] == "detail"


@pytest.mark.parametrize("verb", ["start", "complete", "fail"])
def test_a_step_of_a_closed_track_does_not_change(agent: Agent, track: Track, verb: str) -> None:
    change(agent, track, 0, verb)
    agent.post(f"/tracks/{track.public_id}/complete")
    for index in (0, 1):
        with nothing_written():
            response = change(agent, track, index, verb)
        assert code_of(response) == (409, "track_closed")


def test_a_step_may_change_while_an_ask_is_open(agent: Agent, track: Track) -> None:
    ask = AskFactory(track=track)
    body = change(agent, track, 0, "start").json()
    assert body["open_ask"]["id"] == ask.public_id
