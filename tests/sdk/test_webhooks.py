"""sayso.webhooks.verify: what Sayso signed, and nothing else."""

import base64
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from sayso import SaysoError, _clock, webhooks

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(32)).decode()
EVENT = {"type": "input_request.answered", "data": {"answerValue": True, "comment": "Größe 字"}}
BODY = json.dumps(EVENT, ensure_ascii=False).encode()


def signed(body=BODY, *, secret=SECRET, id="evt_1", at=None):
    at = at or datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(id, at, body.decode()),
    }


def refused(headers, body=BODY, secret=SECRET):
    with pytest.raises(webhooks.InvalidWebhook) as error:
        webhooks.verify(body, headers, secret)
    assert isinstance(error.value, SaysoError)


def test_what_the_reference_package_signs_is_returned_as_an_event():
    assert webhooks.verify(BODY, signed(), SECRET) == EVENT
    assert webhooks.verify(BODY.decode(), signed(), SECRET) == EVENT
    assert webhooks.verify(bytearray(BODY), signed(), SECRET) == EVENT


def test_headers_come_as_every_framework_has_them():
    headers = signed()
    shapes = [
        {name.title(): value for name, value in headers.items()},
        {name.upper(): value for name, value in headers.items()},
        {name.encode(): value.encode() for name, value in headers.items()},
        {**headers, "Content-Type": "application/json", "X-Odd": 5},
    ]
    for shape in shapes:
        assert webhooks.verify(BODY, shape, SECRET) == EVENT


def test_either_of_two_secrets_will_do():
    assert webhooks.verify(BODY, signed(secret=OTHER), [SECRET, OTHER]) == EVENT
    assert webhooks.verify(BODY, signed(), (OTHER, SECRET)) == EVENT
    refused(signed(secret=OTHER))
    refused(signed(), secret=[])


def test_several_signatures_are_looked_through_but_not_endlessly():
    headers = signed()
    good = headers["webhook-signature"]
    bad = signed(secret=OTHER)["webhook-signature"]
    for count, is_good in ((1, True), (9, True), (10, False), (1000, False)):
        many = headers | {"webhook-signature": " ".join([bad] * count + [good])}
        if is_good:
            assert webhooks.verify(BODY, many, SECRET) == EVENT
        else:
            refused(many)


def test_a_changed_body_id_or_time_is_refused():
    headers = signed()
    refused(headers, BODY + b" ")
    refused(headers, json.dumps(EVENT).encode())
    refused(headers | {"webhook-id": "evt_2"})
    refused(headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)})


@pytest.mark.parametrize("seconds", [-299, 299])
def test_a_clock_may_be_five_minutes_off(seconds):
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    assert webhooks.verify(BODY, signed(at=at), SECRET) == EVENT


@pytest.mark.parametrize("seconds", [-302, 302])
def test_an_old_message_and_one_from_the_future_are_refused(seconds):
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    refused(signed(at=at))
    assert webhooks.verify(BODY, signed(at=at), SECRET, tolerance_seconds=600) == EVENT


def test_the_clock_is_the_one_of_the_package(monkeypatch):
    headers = signed()
    monkeypatch.setattr(_clock, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    refused(headers)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": ""},
        {"webhook-id": "a.b"},
        {"webhook-id": "x" * 257},
        {"webhook-id": "a\n"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "NaN"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": " 1794960000"},
        {"webhook-timestamp": "1_794_960_000"},
        {"webhook-timestamp": "9999999999999"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v1,ü"},
        {"webhook-signature": "v1," + "A" * 10_000},
        {"webhook-signature": None},
    ],
)
def test_headers_of_any_shape_are_refused_and_never_break(change):
    refused(signed() | change)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40)), st.binary(max_size=50))
def test_nothing_whatever_breaks_it(headers, body):
    refused(headers, body)


def test_a_missing_header_is_refused():
    for name in signed():
        headers = signed()
        del headers[name]
        refused(headers)
    refused({})


def test_a_signed_body_that_is_no_json_is_refused():
    for body in (b"", b"{", b"hello"):
        refused(signed(body), body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whpk_", "not a secret"])
def test_a_secret_that_is_none_is_the_caller_s_mistake(secret):
    with pytest.raises(ValueError, match="A secret looks like"):
        webhooks.verify(BODY, signed(), secret)


@pytest.fixture
def pair():
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return private, "whpk_" + base64.b64encode(raw).decode()


def test_an_ed25519_signature_is_checked_with_the_public_key(pair):
    private, public = pair
    headers = signed()
    content = f"evt_1.{headers['webhook-timestamp']}.".encode() + BODY
    value = base64.b64encode(private.sign(content)).decode()
    headers["webhook-signature"] = f"v1,AAAA v1a,{value}"
    assert webhooks.verify(BODY, headers, public) == EVENT
    assert webhooks.verify(BODY, headers, [SECRET, public]) == EVENT
    refused(headers)
    refused(headers, BODY + b" ", public)
    refused(headers | {"webhook-signature": "v1a,AAAA"}, secret=public)
    refused(signed(), secret=public)


def test_importing_it_needs_nothing_that_the_package_does_not_bring(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    assert webhooks.verify(BODY, signed(), SECRET) == EVENT
    with pytest.raises(ImportError):
        webhooks.verify(BODY, signed(), "whpk_" + base64.b64encode(bytes(32)).decode())
