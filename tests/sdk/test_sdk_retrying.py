"""What is tried again, how often, and how long after."""

import json
from dataclasses import replace

import pytest
from sayso import (
    APIError,
    Conflict,
    ConnectionFailed,
    RateLimited,
    Sayso,
    ServerError,
    _requests,
)
from sayso._protocol import Reply
from sayso._retrying import call

SEVEN_PAUSES = [0.075, 0.15, 0.3, 0.6, 1.2, 2.4, 3.75]


@pytest.fixture
def post():
    return _requests.log_action("trk_1", "Pulled 47 invoices", None)


def test_a_success_is_returned_as_its_json(stage, session, post, ok):
    assert stage.play(call(session, post), ok({"id": "evt_1"}, 201)) == {"id": "evt_1"}
    assert stage.steps == [post]


def test_a_lost_connection_is_retried_with_the_same_request(stage, session, post, ok, lost):
    stage.play(call(session, post), lost, lost, ok({}))
    assert stage.sent == [post, post, post]
    assert len(post.idempotency_key) == 32


def test_each_post_has_a_key_of_its_own():
    keys = {_requests.log_action("trk_1", "x", None).idempotency_key for _ in range(50)}
    assert len(keys) == 50


def test_only_posts_have_a_key():
    assert _requests.update_track("trk_1", {}).idempotency_key is None
    assert _requests.get_track("trk_1").idempotency_key is None


def test_after_seven_retries_a_lost_connection_is_an_error(stage, session, post, lost):
    with pytest.raises(ConnectionFailed) as raised:
        stage.play(call(session, post), *[lost] * 8)
    assert raised.value.__cause__ is lost.error
    assert stage.pauses == SEVEN_PAUSES


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (409, "idempotency_in_flight", Conflict),
        (429, "rate_limited", RateLimited),
        (502, "bad_gateway", ServerError),
        (503, "unavailable", ServerError),
        (504, "gateway_timeout", ServerError),
    ],
)
def test_what_passes_is_retried_seven_times(stage, session, post, refusal, status, code, error):
    with pytest.raises(error) as raised:
        stage.play(call(session, post), *[refusal(status, code)] * 8)
    assert (raised.value.status, raised.value.code) == (status, code)
    assert stage.pauses == SEVEN_PAUSES


@pytest.mark.parametrize("status", [500, 501, 520])
def test_a_plain_500_is_retried_twice(stage, session, post, refusal, status):
    with pytest.raises(ServerError):
        stage.play(call(session, post), *[refusal(status, "internal")] * 3)
    assert stage.pauses == [0.075, 0.15]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "malformed"),
        (401, "unauthorized"),
        (402, "monthly_ask_limit_reached"),
        (403, "missing_scope"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (409, "track_closed"),
        (413, "too_large"),
        (415, "unsupported_media_type"),
        (422, "idempotency_mismatch"),
    ],
)
def test_a_refusal_is_not_retried(stage, session, post, refusal, status, code):
    with pytest.raises(APIError) as raised:
        stage.play(call(session, post), refusal(status, code))
    assert (raised.value.status, raised.value.code) == (status, code)
    assert stage.pauses == []


def test_max_retries_bounds_all_of_it(stage, session, post, lost, refusal):
    impatient = replace(session, max_retries=0)
    with pytest.raises(ConnectionFailed):
        stage.play(call(impatient, post), lost)
    with pytest.raises(ServerError):
        stage.play(call(replace(session, max_retries=1), post), *[refusal(500, "internal")] * 2)
    assert stage.pauses == [0.075]


def test_retry_after_is_honoured_up_to_a_minute(stage, session, post, refusal, ok):
    replies = [refusal(429, "rate_limited", {"retry-after": "60"}), ok({})]
    stage.play(call(session, post), *replies)
    assert stage.pauses == [60.0]


def test_a_longer_retry_after_is_raised_at_once(stage, session, post, refusal):
    with pytest.raises(RateLimited) as raised:
        stage.play(call(session, post), refusal(429, "rate_limited", {"retry-after": "61"}))
    assert raised.value.retry_after == 61.0
    assert stage.pauses == []


def test_a_retry_after_never_shortens_the_pause(stage, session, post, refusal, ok):
    stage.play(call(session, post), refusal(503, "unavailable", {"retry-after": "0"}), ok({}))
    assert stage.pauses == [0.075]


def test_a_retry_after_that_is_nonsense_is_ignored(stage, session, post, refusal, ok):
    stage.play(call(session, post), refusal(503, "unavailable", {"retry-after": "soon"}), ok({}))
    assert stage.pauses == [0.075]


def test_a_success_that_is_not_json_is_an_error(stage, session, post):
    with pytest.raises(ServerError) as raised:
        stage.play(call(session, post), Reply(200, {}, b"<h1>Sign in</h1>"))
    assert (raised.value.code, raised.value.status) == ("unreadable_response", 200)
    assert "Does base_url point at Sayso" in str(raised.value)


def test_a_redirect_is_an_error_that_says_where_to(stage, session, post):
    reply = Reply(308, {"location": "https://sayso.acme.com/"}, b"")
    with pytest.raises(APIError) as raised:
        stage.play(call(session, post), reply)
    assert str(raised.value) == (
        "308 http_308: The server redirects to https://sayso.acme.com/."
        " Set base_url to where it really is."
    )


# On real sockets

TRACK = {"id": "trk_1", "seq": 1, "status": "active", "title": "Invoices"}


@pytest.mark.parametrize("fault", ["drop", "half"])
def test_a_connection_that_breaks_is_retried_under_the_same_key(server, quick, fault):
    server.will(getattr(server, fault), server.drop, server.answer(TRACK, 201))
    track = Sayso("sk_live_x", server.base_url).create_track("Invoices")
    assert track.id == "trk_1"
    assert len({request["headers"]["idempotency-key"] for request in server.requests}) == 1
    assert len(server.requests) == 3
    assert {request["body"] for request in server.requests} == {b'{"title":"Invoices"}'}


def test_a_server_that_says_nothing_is_given_up_after_the_timeout(server, quick):
    server.will(server.stall, server.answer(TRACK, 201))
    client = Sayso("sk_live_x", server.base_url, timeout=0.4)
    assert client.create_track("Invoices").id == "trk_1"
    assert len(server.requests) == 2


def test_nobody_listening_is_a_connection_failure(server, quick):
    server.close()
    with pytest.raises(ConnectionFailed) as raised:
        Sayso("sk_live_x", server.base_url).create_track("Invoices")
    assert str(raised.value).startswith(f"No answer to POST {server.base_url}/api/v1/tracks (Conn")


def test_a_lost_response_to_an_ask_leads_to_one_ask(server, quick, ask_json, answered):
    server.will(
        server.answer(TRACK, 201),
        server.drop,
        server.answer(
            {"code": "idempotency_in_flight", "status": 409},
            409,
            ["Content-Type: application/problem+json"],
        ),
        server.answer(ask_json(), 201),
        server.answer(answered),
    )
    answer = Sayso("sk_live_x", server.base_url).create_track("Invoices").confirm("Pay?")
    assert answer.approved
    asks = [request for request in server.requests if request["path"].endswith("/asks")]
    assert len(asks) == 3
    assert len({ask["headers"]["idempotency-key"] for ask in asks}) == 1
    assert len({json.loads(ask["body"])["key"] for ask in asks}) == 1
