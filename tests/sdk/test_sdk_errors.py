import json
import pickle

import pytest
from sayso import (
    AlreadyAwaiting,
    APIError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    RateLimited,
    RequiresCustomerEmail,
    Sayso,
    SaysoError,
    ServerError,
    Unauthorized,
)
from sayso._protocol import Reply
from sayso.errors import error_from


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "malformed", APIError),
        (401, "unauthorized", Unauthorized),
        (402, "monthly_ask_limit_reached", LimitReached),
        (403, "missing_scope", Forbidden),
        (404, "not_found", NotFound),
        (405, "method_not_allowed", APIError),
        (409, "requires_customer_email", RequiresCustomerEmail),
        (409, "already_awaiting", AlreadyAwaiting),
        (409, "ask_not_open", Conflict),
        (409, "track_closed", Conflict),
        (409, "external_id_taken", Conflict),
        (409, "idempotency_in_flight", Conflict),
        (413, "too_large", APIError),
        (415, "unsupported_media_type", APIError),
        (422, "invalid", Invalid),
        (422, "unsafe_text", Invalid),
        (422, "self_approval", Invalid),
        (429, "rate_limited", RateLimited),
        (500, "internal", ServerError),
        (503, "unavailable", ServerError),
        (418, "from_the_future", APIError),
    ],
)
def test_each_refusal_has_its_exception(refusal, status, code, kind):
    error = error_from(refusal(status, code, request_id="req_1"))
    assert type(error) is kind
    assert (error.code, error.status, error.request_id) == (code, status, "req_1")


def test_the_family_is_as_promised():
    for kind in (Unauthorized, NotFound, Conflict, LimitReached, Invalid, RateLimited, ServerError):
        assert kind.__base__ is APIError
    assert Forbidden.__base__ is APIError
    assert RequiresCustomerEmail.__base__ is AlreadyAwaiting.__base__ is Conflict
    assert APIError.__base__ is ConnectionFailed.__base__ is SaysoError


def test_a_conflict_names_what_is_in_the_way(refusal):
    assert error_from(refusal(409, "already_awaiting", open_ask_id="ask_9")).open_ask_id == "ask_9"
    assert error_from(refusal(409, "external_id_taken", track_id="trk_9")).track_id == "trk_9"


def test_an_invalid_request_names_its_fields(refusal):
    errors = [{"field": "config.options.1.label", "code": "unsafe_text", "detail": "U+202E at 3"}]
    error = error_from(refusal(422, "unsafe_text", errors=errors, request_id="req_1"))
    assert error.errors == errors
    assert str(error) == (
        "422 unsafe_text: No. [config.options.1.label: U+202E at 3] (request req_1)"
    )


def test_a_rate_limit_says_when_to_come_back(refusal):
    assert error_from(refusal(429, "rate_limited", {"retry-after": "12"})).retry_after == 12.0
    assert error_from(refusal(429, "rate_limited")).retry_after is None


def test_a_page_of_a_proxy_is_an_error_too():
    error = error_from(Reply(502, {}, b"<h1>Bad Gateway</h1>"))
    assert (type(error), error.code, error.request_id) == (ServerError, "http_502", None)
    assert str(error) == "502 http_502"


def test_an_error_without_fields_has_no_errors():
    assert error_from(Reply(422, {}, json.dumps({"code": "invalid"}).encode())).errors == []


def test_an_error_survives_pickling(refusal):
    """Task queues and process pools pickle what was raised."""
    error = error_from(refusal(409, "already_awaiting", open_ask_id="ask_9", request_id="req_1"))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is AlreadyAwaiting
    assert (copy.code, copy.status, copy.request_id, copy.open_ask_id, str(copy)) == (
        "already_awaiting", 409, "req_1", "ask_9", str(error),
    )  # fmt: skip


def test_a_wrong_key_is_refused_by_the_fake_as_by_the_server(fake):
    with pytest.raises(Unauthorized):
        Sayso("sk_live_wrong", fake.base_url).usage()
