"""A deadline that passes during a wait ends it, although nobody records it: no worker runs here."""

from tests.clients import Agent
from tests.server import Outsider


def test_the_waiter_gets_the_timeout_at_the_deadline(agent: Agent, outsider: Outsider) -> None:
    ask = agent.ask(timeout_seconds=1)

    response = agent.http.get(f"/asks/{ask['id']}?wait=20")

    body = response.json()
    assert body["status"] == "timeout"
    assert body["closed_at"] == ask["expires_at"]
    assert 0.5 < response.elapsed.total_seconds() < 3
    assert "input_request.timeout" not in outsider.call("events", track=ask["track_id"])


def test_a_wait_that_is_shorter_ends_first(agent: Agent) -> None:
    ask = agent.ask(timeout_seconds=3)

    response = agent.http.get(f"/asks/{ask['id']}?wait=1")

    assert response.json()["status"] == "open"
    assert 1 <= response.elapsed.total_seconds() < 2.5


def test_an_answer_after_the_deadline_is_refused_and_recorded_as_timeout(
    agent: Agent, outsider: Outsider
) -> None:
    ask = agent.ask(timeout_seconds=1, notify=False)
    agent.http.get(f"/asks/{ask['id']}?wait=20")

    response = agent.http.post(f"/asks/{ask['id']}/cancel")

    assert (response.status_code, response.json()["code"]) == (409, "ask_not_open")
    assert outsider.call("events", track=ask["track_id"])[-1] == "input_request.timeout"
