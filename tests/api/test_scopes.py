"""Each call × each scope (API-04), and what no scope can do (API-05)."""

import pytest

from tests.api import openapi
from tests.api.agent import Agent
from tests.api.calls import CALLS, Call
from tests.api.refused import code_of, nothing_written
from tests.factories import AskFactory, TrackFactory, answer, issue_key
from tracks.models import Workspace
from tracks.models.workspace import SCOPES


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_call_needs_exactly_its_scope(workspace: Workspace, call: Call) -> None:
    track = TrackFactory(workspace=workspace, steps=["x"])
    answered = AskFactory(track=track)
    answer(answered, True)
    ids = {"track": track.public_id, "ask": answered.public_id}
    others = Agent(issue_key(workspace, scopes=[each for each in SCOPES if each != call.scope]))
    with nothing_written():
        response = call.make(others, **ids)
    assert code_of(response) == (403, "missing_scope")
    assert response.json()["detail"] == f"This call needs the scope {call.scope}."
    alone = Agent(issue_key(workspace, scopes=[call.scope]))
    expected = 409 if call.name == "cancel_ask" else 201 if call.method == "POST" else 200
    if call.name in ("start_step", "complete_step", "fail_step", "complete_track", "fail_track"):
        expected = 200
    assert call.make(alone, **ids).status_code == expected


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_key_without_scopes_can_do_nothing(workspace: Workspace, call: Call) -> None:
    nobody = Agent(issue_key(workspace, scopes=[]))
    assert code_of(call.make(nobody, track="x", ask="x")) == (403, "missing_scope")


@pytest.mark.parametrize("call", [call for call in CALLS if call.method == "GET"], ids=str)
def test_head_needs_the_scope_of_get(workspace: Workspace, call: Call) -> None:
    nobody = Agent(issue_key(workspace, scopes=[]))
    path = call.path.format(track="x", ask="x")
    assert nobody.call("HEAD", path).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "POST"])
def test_what_has_no_scope_is_refused_to_all(agent: Agent, method: str) -> None:
    response = agent.call(method, "/asks")
    assert code_of(response) == (405, "method_not_allowed")


def test_the_scope_is_looked_at_before_the_body_and_before_the_object(
    workspace: Workspace,
) -> None:
    reader = Agent(issue_key(workspace, scopes=["tracks:read"]))
    response = reader.call("POST", "/tracks/trk_x/asks", raw=b"{")
    assert code_of(response) == (403, "missing_scope")


def test_the_document_names_each_calls_scope() -> None:
    documented = {
        operation["operationId"]: operation["security"] for _, _, operation in openapi.operations()
    }
    expected = {call.name: [{"ApiKey": [call.scope]}] for call in CALLS}
    assert {name: documented[name] for name in expected} == expected


def test_every_call_needs_one_known_scope_and_says_which() -> None:
    for _, _, operation in openapi.operations():
        (scope,) = operation["security"][0]["ApiKey"]
        assert scope in SCOPES
        assert f"Scope: `{scope}`." in operation["description"]


@pytest.mark.parametrize("path", ["answer", "hand-over", "not-me", "verify", "unlock", "code"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
def test_no_key_can_answer_or_verify(
    agent: Agent, workspace: Workspace, path: str, method: str
) -> None:
    """API-05, AI-12."""
    ask = AskFactory(track=TrackFactory(workspace=workspace))
    for base in (f"/asks/{ask.public_id}", f"/tracks/{ask.track.public_id}"):
        with nothing_written():
            response = agent.call(method, f"{base}/{path}", body={"value": True})
        assert code_of(response) == (404, "not_found")
