"""Standard Webhooks signatures, ours and theirs (WH-01, WH-06, IN-02, IN-03, IN-06, IN-07)."""

import base64
from datetime import UTC, datetime

import pytest
import standardwebhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from webhooks import signing

BODY = b'{"type":"webhook.test","data":{"amount":"750.50"}}'
NOW = 1_794_960_000
KEY = signing.new_key("v1")


def signed(body: bytes = BODY, *, key: str = KEY, id: str = "evt_1", at: int = NOW) -> dict:
    return signing.headers([key], id=id, timestamp=at, body=body)


def test_the_specification_s_own_example() -> None:
    """The signature that the Standard Webhooks specification prints for its example."""
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signing.headers(
        [key],
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")), st.integers(0, 10**11))
def test_the_reference_package_signs_as_we_do(text: str, timestamp: int) -> None:
    theirs = standardwebhooks.Webhook(KEY)
    at = datetime.fromtimestamp(timestamp, UTC)
    expected = theirs.sign("evt_1", at, text)
    assert signing.sign(KEY, id="evt_1", timestamp=timestamp, body=text.encode()) == expected


def test_every_secret_is_fresh_and_has_256_bits() -> None:
    keys = {signing.new_key("v1") for _ in range(100)}
    assert len(keys) == 100
    assert {len(base64.b64decode(key.removeprefix("whsec_"))) for key in keys} == {32}


def test_ed25519_verifies_with_the_published_key() -> None:
    private = signing.new_key("v1a")
    assert private.startswith("whsk_")
    public = signing.public_key(private)
    assert public.startswith("whpk_")
    version, _, value = signing.sign(private, id="evt_1", timestamp=NOW, body=BODY).partition(",")
    assert version == "v1a"
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    key.verify(base64.b64decode(value), b"evt_1.%d." % NOW + BODY)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(value), b"evt_1.%d." % (NOW + 1) + BODY)


def test_a_message_of_ours_is_verified() -> None:
    assert signing.verify([KEY], headers=signed(), body=BODY, now=NOW) == "evt_1"


def test_the_older_of_two_secrets_verifies() -> None:
    """IN-13."""
    keys = [signing.new_key("v1"), KEY]
    assert signing.verify(keys, headers=signed(), body=BODY, now=NOW) == "evt_1"


def test_one_good_signature_among_ten_is_enough_and_the_eleventh_is_not_looked_at() -> None:
    """IN-02."""
    good = signed()["webhook-signature"]
    bad = "v1," + base64.b64encode(b"x" * 32).decode()
    for count, is_good in ((9, True), (10, False), (1000, False)):
        headers = signed() | {"webhook-signature": " ".join([bad] * count + [good])}
        if is_good:
            assert signing.verify([KEY], headers=headers, body=BODY, now=NOW) == "evt_1"
        else:
            refused(headers)


@pytest.mark.parametrize("offset", [-300, -299, 0, 299, 300])
def test_a_clock_may_be_five_minutes_off(offset: int) -> None:
    """IN-03."""
    headers = signed(at=NOW + offset)
    assert signing.verify([KEY], headers=headers, body=BODY, now=NOW) == "evt_1"


@pytest.mark.parametrize("offset", [-301, 301, -86_400, 10**9])
def test_a_message_from_another_time_is_refused(offset: int) -> None:
    """IN-03."""
    refused(signed(at=NOW + offset))


TIMESTAMPS = [
    *("", " ", "1e9", "NaN", "inf", "1_794", f"{NOW}.0", f"{NOW}.9", f" {NOW}", f"{NOW} "),
    *("-1", "+1794960000", "9999999999999", "0x6AFDBC80", "１７９４９６００００", f"{NOW}\n", "ü"),
]


@pytest.mark.parametrize("timestamp", TIMESTAMPS)
def test_a_timestamp_is_digits_and_nothing_else(timestamp: str) -> None:
    """IN-03: even under a signature that covers it as it is written."""
    content = f"evt_1.{timestamp}.".encode() + BODY
    value = base64.b64encode(signing._hmac(KEY, content)).decode()
    refused(signed() | {"webhook-timestamp": timestamp, "webhook-signature": f"v1,{value}"})


IDS = ["", "a.b", "evt 1", "evt_1\n", "\x00", "é", "x" * 257, "evt_1.1794960000"]


@pytest.mark.parametrize("id", IDS)
def test_an_id_without_dots_and_of_256_characters_at_most(id: str) -> None:
    """IN-07."""
    refused(signed(id=id))
    assert signing.verify([KEY], headers=signed(id="x" * 256), body=BODY, now=NOW) == "x" * 256


SIGNATURES = [
    *("", " ", ",", "v1", "v1,", "v1,,", "v1,a,b", "v1,ü", "v1,====", "v1,AAAA", "v1,AA AA"),
    *("v2,AAAA", "v1a,AAAA", "v0,AAAA", "whsec_x", "v1," + "A" * 10_000, "\x00", "v1," + "A" * 43),
]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_of_any_shape_is_refused_alike(signature: str) -> None:
    """IN-02."""
    refused(signed() | {"webhook-signature": signature})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.text(max_size=60)
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        },
    )
)
def test_no_header_whatever_breaks_the_verifier(headers: dict) -> None:
    """IN-02."""
    refused(headers)


def test_another_body_header_or_secret_is_refused() -> None:
    """IN-06, IN-08: also the same JSON written otherwise."""
    refused(signed(), body=BODY.replace(b":", b": "))
    refused(signed(), body=BODY + b"\n")
    refused(signed() | {"webhook-id": "evt_2"})
    refused(signed() | {"webhook-timestamp": str(NOW + 1)})
    refused(signed(key=signing.new_key("v1")))
    with pytest.raises(signing.BadSignature):
        signing.verify([], headers=signed(), body=BODY, now=NOW)


def test_bytes_that_are_no_text_can_be_signed() -> None:
    body = b"\xff\xfe\x00"
    assert signing.verify([KEY], headers=signed(body), body=body, now=NOW) == "evt_1"


def refused(headers: dict, *, body: bytes = BODY) -> None:
    with pytest.raises(signing.BadSignature):
        signing.verify([KEY], headers=headers, body=body, now=NOW)
