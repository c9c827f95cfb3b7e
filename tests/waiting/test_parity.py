"""The paths that wait are not a second API: with and without `wait` every answer is the same.

The one without is Django's, the one with `wait` the router's. Only the request's id and the time
may differ.
"""

import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.clients import Agent
from tests.server import Installation, Outsider, Web
from tests.waiting.raw import Answer, Connection

UNKNOWN = "0" * 32
BUCKET_IS_FULL = 1.1  # seconds until a key may send all that it may again


@pytest.fixture(scope="module")
def paths(web: Web, key: str) -> dict[str, str]:
    """A closed ask and a track with events: both are answered at once."""
    agent = Agent(web, key)
    ask = agent.ask()
    agent.http.post(f"/asks/{ask['id']}/cancel")
    return {"ask": f"/asks/{ask['id']}", "feed": f"/tracks/{ask['track_id']}/events"}


def both(web: Web, path: str, *headers: str, query: str = "") -> Answer:
    """Ask with and without `wait`, compare the answers, and return one."""
    plain = get(web, path, *headers, query=query)
    waiting = get(web, path, *headers, query=f"{query}&wait=1" if query else "wait=1")
    assert waiting.status == plain.status
    assert comparable(waiting.headers) == comparable(plain.headers)
    assert without_id(waiting.json) == without_id(plain.json)
    return plain


def get(web: Web, path: str, *headers: str, query: str) -> Answer:
    with Connection(web) as connection:
        line = f"GET /api/v1{path}?{query}" if query else f"GET /api/v1{path}"
        return connection.request(line, *headers)


def comparable(headers: dict[str, str]) -> dict[str, str]:
    assert headers["x-request-id"].startswith("req_")
    return {name: headers[name] for name in headers if name not in ("x-request-id", "date")}


def without_id(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in body if name != "request_id"}


def bearer(key: str) -> str:
    return f"Authorization: Bearer {key}"


@pytest.mark.parametrize("what", ["ask", "feed"])
class TestEachPath:
    def test_what_is_found(self, web: Web, paths: dict[str, str], key: str, what: str) -> None:
        assert both(web, paths[what], bearer(key)).status == 200

    def test_no_key(self, web: Web, paths: dict[str, str], what: str) -> None:
        answer = both(web, paths[what])
        assert (answer.status, answer.json["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == 'Bearer realm="sayso"'

    @pytest.mark.parametrize(
        "header",
        [
            "Authorization: Bearer nonsense",
            "Authorization: Basic c2s6",
            "Authorization: Bearer",
            "Authorization:",
        ],
    )
    def test_no_real_key(self, web: Web, paths: dict[str, str], what: str, header: str) -> None:
        assert both(web, paths[what], header).status == 401

    def test_a_key_of_nobody(
        self, web: Web, paths: dict[str, str], outsider: Outsider, what: str
    ) -> None:
        assert both(web, paths[what], bearer(outsider.call("unissued_key"))).status == 401

    def test_a_revoked_key(
        self, web: Web, paths: dict[str, str], outsider: Outsider, what: str
    ) -> None:
        issued = outsider.call("issue_key")
        outsider.call("revoke_key", id=issued["id"])
        assert both(web, paths[what], bearer(issued["key"])).status == 401

    def test_two_keys_at_once(self, web: Web, paths: dict[str, str], key: str, what: str) -> None:
        assert both(web, paths[what], bearer(key), bearer(key)).status == 401

    def test_a_key_in_the_url(self, web: Web, paths: dict[str, str], key: str, what: str) -> None:
        answer = both(web, paths[what], bearer(key), query=f"api_key={key}")
        assert (answer.status, answer.json["code"]) == (400, "key_in_url")

    def test_a_key_in_a_cookie(self, web: Web, paths: dict[str, str], key: str, what: str) -> None:
        assert both(web, paths[what], f"Cookie: key={key}").status == 400

    def test_a_key_without_the_scope(
        self, web: Web, paths: dict[str, str], outsider: Outsider, what: str
    ) -> None:
        issued = outsider.call("issue_key", scopes=["audit:read"])
        answer = both(web, paths[what], bearer(issued["key"]))
        assert (answer.status, answer.json["code"]) == (403, "missing_scope")

    def test_an_object_of_another_workspace(
        self, web: Web, paths: dict[str, str], outsider: Outsider, what: str
    ) -> None:
        issued = outsider.call("issue_key", workspace="Globex")
        answer = both(web, paths[what], bearer(issued["key"]))
        assert (answer.status, answer.json["code"]) == (404, "not_found")

    def test_a_percent_encoded_path(
        self, web: Web, paths: dict[str, str], key: str, what: str
    ) -> None:
        path = paths[what].replace("asks", "%61sks").replace("tracks", "t%72acks")
        assert both(web, path, bearer(key)).status == 200

    def test_an_unknown_parameter(
        self, web: Web, paths: dict[str, str], key: str, what: str
    ) -> None:
        assert both(web, paths[what], bearer(key), query="colour=blue&x=%FF").status == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/asks/ask_{UNKNOWN}",
        "/asks/ask_1",
        f"/asks/trk_{UNKNOWN}",
        f"/asks/ask_{UNKNOWN}%0A",
        "/asks/%C3%A9",
        "/asks/..",
        f"/tracks/trk_{UNKNOWN}/events",
        f"/tracks/ask_{UNKNOWN}/events",
        "/tracks/x%2Fy/events",
    ],
)
def test_what_is_not_found(web: Web, key: str, path: str) -> None:
    answer = both(web, path, bearer(key))
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=501", "limit"), ("after=-1", "after"), ("after=x", "after")],
)
def test_a_parameter_of_the_feed_that_is_out_of_range(
    web: Web, paths: dict[str, str], key: str, query: str, field: str
) -> None:
    answer = both(web, paths["feed"], bearer(key), query=query)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize("wait", ["26", "abc", "-1", "", "1.5", "%201", "٣", "9999999999999"])
@pytest.mark.parametrize("what", ["ask", "feed"])
def test_a_wait_that_is_out_of_range(
    web: Web, paths: dict[str, str], key: str, what: str, wait: str
) -> None:
    answer = get(web, paths[what], bearer(key), query=f"wait={quote(wait, safe='%')}")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "wait")


@pytest.mark.parametrize("query", ["wait=1&wait=0", "wait=x&wait=0", "wait=0"])
def test_the_last_of_two_waits_counts(agent: Agent, query: str) -> None:
    ask = agent.ask()

    assert agent.http.get(f"/asks/{ask['id']}?{query}").elapsed.total_seconds() < 0.9


@pytest.mark.parametrize("query", ["wait=0&wait=1", "wait=01", "w%61it=1", "&&wait=1"])
def test_a_wait_in_any_spelling_waits(agent: Agent, query: str) -> None:
    ask = agent.ask()

    response = agent.http.get(f"/asks/{ask['id']}?{query}")

    assert response.json() == ask
    assert response.elapsed.total_seconds() >= 1


def test_too_many_requests(place: Installation, key: str, paths: dict[str, str]) -> None:
    web = place.another_web(REQUESTS_PER_SECOND_AND_KEY="1")
    try:
        plain = limited(web, paths["ask"], key, query="")
        waiting = limited(web, paths["ask"], key, query="wait=1")
    finally:
        web.stop()
    assert comparable(waiting.headers) == comparable(plain.headers)
    assert without_id(waiting.json) == without_id(plain.json)
    assert plain.json["code"] == "rate_limited"
    assert plain.headers["retry-after"] == "1"


def limited(web: Web, path: str, key: str, *, query: str) -> Answer:
    for _ in range(10):
        answer = get(web, path, bearer(key), query=query)
        if answer.status == 429:
            return answer
    raise AssertionError("nothing was refused")


def test_a_request_that_waits_counts_once(place: Installation, key: str) -> None:
    web = place.another_web(REQUESTS_PER_SECOND_AND_KEY="4")
    try:
        agent = Agent(web, key)
        ask = agent.ask()
        time.sleep(BUCKET_IS_FULL)
        waiting = [agent.waiting(f"/asks/{ask['id']}?wait=20") for _ in range(4)]
        time.sleep(BUCKET_IS_FULL)
        agent.http.post(f"/asks/{ask['id']}/cancel").raise_for_status()
        answers = [each.response() for each in waiting]
    finally:
        web.stop()
    assert [answer.status_code for answer in answers] == [200] * 4
