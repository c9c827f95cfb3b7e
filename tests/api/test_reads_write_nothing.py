"""Reads write nothing (design §4), not even for what time has decided; writes record it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.models import Ask
from tests.api.agent import Agent
from tests.api.calls import CALLS, READS, Call
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, kinds
from tracks.models import Workspace

WRITES = [
    call
    for call in CALLS
    if call.method != "GET" and call.name not in ("create_track", "open_ask", "cancel_ask")
]


@pytest.fixture
def overdue(workspace: Workspace, clock: Clock) -> Ask:
    """An ask whose deadline passed a day ago, which nobody has noticed yet."""
    ask = AskFactory(track=TrackFactory(workspace=workspace, steps=["x"]), timeout_seconds=60)
    clock.move(days=1)
    return ask


def ids(ask: Ask) -> dict[str, str]:
    return {"track": ask.track.public_id, "ask": ask.public_id}


def writing(queries: list[dict[str, Any]]) -> list[str]:
    statements = [query["sql"].split()[0].upper() for query in queries]
    return [verb for verb in statements if verb not in ("SELECT",)]


@pytest.mark.parametrize("call", READS, ids=str)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_only_selects(agent: Agent, overdue: Ask, call: Call, method: str) -> None:
    answered = AskFactory(track=TrackFactory(workspace=overdue.workspace))
    answer(answered, True)
    path = call.path.format(track=overdue.track.public_id, ask=answered.public_id)
    with nothing_written(), CaptureQueriesContext(connection) as queries:
        assert agent.call(method, path).status_code == 200
    assert writing(queries.captured_queries) == []
    assert not any("FOR UPDATE" in query["sql"] for query in queries.captured_queries)


def test_every_read_presents_an_overdue_ask_as_timed_out_at_its_deadline(
    agent: Agent, overdue: Ask
) -> None:
    """CO-07."""
    with nothing_written():
        read = agent.get(f"/asks/{overdue.public_id}").json()
        assert (read["status"], read["closed_at"]) == ("timeout", "2026-11-22T10:01:00.000Z")
        assert agent.get("/asks").json()["data"] == [read]
        assert agent.get("/asks?status=timeout").json()["data"] == [read]
        assert agent.get("/asks?status=open").json()["data"] == []
        assert agent.get(f"/asks?track={overdue.track.public_id}").json()["data"] == [read]
        assert agent.get(f"/tracks/{overdue.track.public_id}").json()["open_ask"] is None
        assert agent.get("/tracks").json()["data"][0]["open_ask"] is None
        events = agent.get(f"/tracks/{overdue.track.public_id}/events").json()
        assert [each["type"] for each in events["data"]] == [
            "track.created",
            "input_request.created",
        ]


@pytest.mark.parametrize("call", WRITES, ids=str)
def test_every_write_to_the_track_first_records_the_timeout(
    agent: Agent, overdue: Ask, call: Call
) -> None:
    assert call.make(agent, **ids(overdue)).status_code in (200, 201)
    assert kinds(overdue.track)[2] == "input_request.timeout"
    assert kinds(overdue.track).count("input_request.timeout") == 1
    overdue.refresh_from_db()
    assert (overdue.status, overdue.closed_at) == ("timeout", overdue.expires_at)


@pytest.mark.parametrize("name", ["open_ask", "cancel_ask"])
def test_asking_and_cancelling_record_it_too(agent: Agent, overdue: Ask, name: str) -> None:
    (call,) = [call for call in CALLS if call.name == name]
    response = call.make(agent, **ids(overdue))
    assert response.status_code == {"open_ask": 201, "cancel_ask": 409}[name]
    assert kinds(overdue.track)[2] == "input_request.timeout"


def test_a_write_that_is_refused_still_records_it(agent: Agent, overdue: Ask) -> None:
    response = agent.post(f"/tracks/{overdue.track.public_id}/actions", {"text": "x", "step": 7})
    assert response.status_code == 422
    assert kinds(overdue.track)[-1] == "input_request.timeout"


def test_a_body_that_cannot_be_right_is_refused_before_the_track_is_touched(
    agent: Agent, overdue: Ask
) -> None:
    with nothing_written():
        response = agent.post(f"/tracks/{overdue.track.public_id}/actions", {"text": ""})
    assert response.status_code == 422
