"""405 with Allow; HEAD; paths that do not exist (API-20)."""

import pytest
from django.test import Client

from tests.api.agent import Agent
from tests.api.calls import CALLS, READS, Call
from tests.api.refused import code_of
from tests.factories import AskFactory, answer
from tracks.models import Track

ALLOWED: dict[str, set[str]] = {}
for _call in CALLS:
    ALLOWED.setdefault(_call.path, set()).update(
        {"GET", "HEAD"} if _call.method == "GET" else {_call.method}
    )
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@pytest.mark.parametrize(
    ("path", "method"),
    [(path, method) for path in ALLOWED for method in METHODS if method not in ALLOWED[path]],
)
def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(
    agent: Agent, path: str, method: str
) -> None:
    response = agent.call(method, path.format(track="x", ask="x"))
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == ALLOWED[path]
    if method != "HEAD":
        assert code_of(response) == (405, "method_not_allowed")


@pytest.mark.parametrize("call", READS, ids=str)
def test_head_answers_like_get_without_a_body(agent: Agent, track: Track, call: Call) -> None:
    ask = AskFactory(track=track)
    answer(ask, True)
    path = call.path.format(track=track.public_id, ask=ask.public_id)
    get, head = agent.get(path), agent.call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nope", "/tracks/", "/tracks/x/steps/0", "/tracks/x/steps/0/pause", "/asks/x/"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_path_that_does_not_exist_is_a_problem_document_not_a_page(
    agent: Agent, path: str, method: str
) -> None:
    assert code_of(agent.call(method, path)) == (404, "not_found")


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/json",
        "text/html",
        "application/xml",
        "application/problem+json",
        "",
        "x",
    ],
)
def test_the_api_speaks_json_whatever_one_would_rather_have(agent: Agent, accept: str) -> None:
    response = agent.get("/tracks", Accept=accept)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    assert code_of(agent.get("/tracks/x", Accept=accept)) == (404, "not_found")


def test_a_post_needs_no_csrf_token_and_no_cookie_is_set(agent: Agent) -> None:
    strict = Agent(agent.key, client=Client(enforce_csrf_checks=True))
    response = strict.post("/tracks", {"title": "A"}, Origin="https://evil.example")
    assert response.status_code == 201
    assert not response.cookies


@pytest.mark.parametrize("path", ["/tracks", "/tracks/x", "/nope"])
def test_every_answer_has_the_common_headers(agent: Agent, path: str) -> None:
    """SE-11."""
    headers = agent.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Request-Id"].startswith("req_")
