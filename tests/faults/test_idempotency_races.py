"""The same Idempotency-Key twenty times at once: one effect, and one answer for all who get one."""

from functools import partial
from typing import Any

from tests.clients import Agent
from tests.faults.racing import at_once
from tests.server import Outsider

TIMES = 20


def at_the_same_time(agent: Agent, path: str, body: dict[str, Any], key: str) -> list[Any]:
    headers = {"Idempotency-Key": key}
    return at_once(*[partial(agent.http.post, path, json=body, headers=headers)] * TIMES)


def test_one_ask_is_opened(agent: Agent, outsider: Outsider) -> None:
    track = agent.track()
    body = {"kind": "confirm", "prompt": "Go on?", "notify": False}

    results = at_the_same_time(agent, f"/tracks/{track['id']}/asks", body, "ask")

    made = [each for each in results if each.status_code == 201]
    others = [each.json()["code"] for each in results if each.status_code != 201]
    assert set(others) <= {"idempotency_in_flight"}
    assert len(made) + len(others) == TIMES
    assert len({each.content for each in made}) == 1
    replayed = [each.headers.get("Idempotency-Replayed") for each in made]
    assert replayed.count(None) == 1
    assert outsider.call("events", track=track["id"]) == ["track.created", "input_request.created"]


def test_one_line_is_written(agent: Agent, outsider: Outsider) -> None:
    track = agent.track()

    at_the_same_time(agent, f"/tracks/{track['id']}/actions", {"text": "Parsed."}, "line")

    assert outsider.call("events", track=track["id"]) == ["track.created", "action.logged"]


def test_whoever_was_refused_in_flight_gets_the_answer_later(agent: Agent) -> None:
    body = {"title": "Batch"}
    results = at_the_same_time(agent, "/tracks", body, "later")
    made = {each.json()["id"] for each in results if each.status_code == 201}

    again = agent.http.post("/tracks", json=body, headers={"Idempotency-Key": "later"})

    assert {again.json()["id"]} == made
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_refusal_leaves_the_key_unused(agent: Agent) -> None:
    track = agent.track(customer_email=None)
    body = {"kind": "confirm", "prompt": "Go on?"}
    path = f"/tracks/{track['id']}/asks"
    refused = at_the_same_time(agent, path, body, "refused")
    codes = {each.json()["code"] for each in refused}
    assert codes <= {"requires_customer_email", "idempotency_in_flight"}

    agent.http.patch(f"/tracks/{track['id']}", json={"customer_email": "cfo@acme.com"})

    again = agent.http.post(path, json=body, headers={"Idempotency-Key": "refused"})
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, None)
