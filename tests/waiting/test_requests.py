"""Requests as the network brings them: chunked, oversized, slow, odd."""

import json
import time
from contextlib import suppress

import pytest

from tests.clients import Agent
from tests.server import Web
from tests.waiting.raw import Answer, Connection

MEGABYTE = 1024 * 1024
TRACK = json.dumps({"title": "Batch"}).encode()


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def create(web: Web, key: str, *headers: str, body: bytes) -> Answer:
    with Connection(web) as connection:
        return connection.request(
            "POST /api/v1/tracks",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            *headers,
            body=body,
        )


def test_a_body_in_chunks_is_read(web: Web, key: str) -> None:
    body = chunked(TRACK[:5], TRACK[5:])
    answer = create(web, key, "Transfer-Encoding: chunked", body=body)
    assert (answer.status, answer.json["title"]) == (201, "Batch")


def test_a_body_in_chunks_that_is_too_large_is_refused_before_its_end(web: Web, key: str) -> None:
    part = b"%x\r\n%s\r\n" % (MEGABYTE + 1, b"x" * (MEGABYTE + 1))
    answer = create(web, key, "Transfer-Encoding: chunked", body=part)  # no last chunk
    assert (answer.status, answer.json["code"]) == (413, "too_large")


def test_a_body_that_says_it_is_too_large_is_refused_unread(web: Web, key: str) -> None:
    answer = create(web, key, f"Content-Length: {MEGABYTE + 1}", body=b"")
    assert (answer.status, answer.json["code"]) == (413, "too_large")


def test_the_largest_body_is_read(web: Web, key: str) -> None:
    body = b'{"title": "Batch", "metadata": {}' + b" " * (MEGABYTE - 34) + b"}"
    assert len(body) == MEGABYTE
    answer = create(web, key, f"Content-Length: {MEGABYTE}", body=body)
    assert answer.status == 201


@pytest.mark.parametrize("line", ["HEAD /api/v1/asks/{id}?wait=5", "HEAD /t/{slug}/live"])
def test_head_never_waits_and_has_no_body(web: Web, agent: Agent, key: str, line: str) -> None:
    ask = agent.ask()
    slug = ask["url"].rpartition("/")[2]
    started = time.monotonic()
    with Connection(web) as connection:
        connection.begin(line.format(id=ask["id"], slug=slug), f"Authorization: Bearer {key}")
        connection.begin("GET /healthz")
        first = connection.answer(has_body=False)
        second = connection.answer()
    assert first.status in (200, 404)
    assert second.json == {"status": "ok"}
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "OPTIONS", "PUT"])
def test_other_methods_never_wait(agent: Agent, method: str) -> None:
    ask = agent.ask()
    response = agent.http.request(method, f"/asks/{ask['id']}?wait=5", json={})
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_many_slow_bodies_hold_up_nobody(web: Web, key: str) -> None:
    slow = [Connection(web) for _ in range(30)]
    for connection in slow:
        connection.begin(
            "POST /api/v1/tracks",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            f"Content-Length: {len(TRACK)}",
        )
        connection.send(TRACK[:5])
    time.sleep(0.2)

    with Connection(web) as other:
        assert other.request("GET /healthz").status == 200

    for connection in slow:
        connection.send(TRACK[5:])
    assert {connection.answer().status for connection in slow} == {201}


def test_a_body_that_breaks_off_changes_nothing(web: Web, agent: Agent, key: str) -> None:
    before = agent.http.get("/tracks").json()["data"]
    with Connection(web) as connection:
        connection.begin(
            "POST /api/v1/tracks",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            "Content-Length: 100",
        )
        connection.send(TRACK)
    time.sleep(0.2)
    assert agent.http.get("/tracks").json()["data"] == before


def test_requests_sent_ahead_are_answered_in_order(web: Web, agent: Agent, key: str) -> None:
    ask = agent.ask()
    with Connection(web) as connection:
        connection.begin(f"GET /api/v1/asks/{ask['id']}?wait=1", f"Authorization: Bearer {key}")
        connection.begin("GET /healthz")
        assert connection.answer().json["id"] == ask["id"]
        assert connection.answer().json == {"status": "ok"}


def test_a_head_without_an_end_is_refused(web: Web) -> None:
    with Connection(web) as connection:
        connection.begin("GET /healthz", "X-Long: " + "x" * 1000)
        assert connection.answer().status == 200
        connection.send(b"GET /healthz HTTP/1.1\r\nX-Long: ")
        with suppress(ConnectionError):  # it may be closed before all of it is sent
            for _ in range(20):
                connection.send(b"x" * 65_536)
        assert connection.is_closed_within(5) or connection.answer().status == 400


def test_a_query_of_odd_bytes_is_no_bug(web: Web, key: str) -> None:
    with Connection(web) as connection:
        answer = connection.request(
            "GET /api/v1/asks?status=\xff\xfe", f"Authorization: Bearer {key}"
        )
    assert answer.status in (400, 422)


def test_a_header_with_an_underscore_is_not_taken_for_another(web: Web, key: str) -> None:
    with Connection(web) as connection:
        answer = connection.request(
            "POST /api/v1/tracks",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            f"Content-Length: {len(TRACK)}",
            "Idempotency_Key: not-this-one",
            body=TRACK,
        )
        again = connection.request(
            "POST /api/v1/tracks",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            f"Content-Length: {len(TRACK)}",
            "Idempotency_Key: not-this-one",
            body=TRACK,
        )
    assert answer.json["id"] != again.json["id"]


def test_a_client_that_goes_away_during_a_wait_leaves_nothing(
    web: Web, agent: Agent, key: str
) -> None:
    ask = agent.ask()
    with Connection(web) as connection:
        connection.begin(f"GET /api/v1/asks/{ask['id']}?wait=25", f"Authorization: Bearer {key}")
        time.sleep(0.2)
    agent.http.post(f"/asks/{ask['id']}/cancel")
    assert agent.http.get("/asks").status_code == 200
