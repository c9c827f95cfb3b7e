"""Standard Webhooks 1.0.0: signing what we send, verifying what is sent to us. No database."""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from config.crypto import new_secret

SYMMETRIC, ASYMMETRIC = "v1", "v1a"
SECRET_PREFIX, PRIVATE_PREFIX, PUBLIC_PREFIX = "whsec_", "whsk_", "whpk_"

TOLERANCE = 300  # seconds that a message's clock and ours may differ
MOST_SIGNATURES = 10
LONGEST_ID = 256

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
# What is signed is `id.timestamp.body`: a dot in the id would let one message pass for another.
_ID = re.compile(rf"[!-\-/-~]{{1,{LONGEST_ID}}}")


class BadSignature(ValueError):
    """The message does not prove that it comes from who holds the secret."""


def new_key(scheme: str) -> str:
    """Return a fresh signing key: `whsec_…` for v1, the private `whsk_…` for v1a."""
    return new_secret(SECRET_PREFIX if scheme == SYMMETRIC else PRIVATE_PREFIX)


def public_key(private: str) -> str:
    """Return the `whpk_…` with which receivers check what a `whsk_…` signed."""
    raw = _ed25519(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PUBLIC_PREFIX + base64.b64encode(raw).decode()


def headers(keys: Sequence[str], *, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt, signed with every key; the newest comes first."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            sign(key, id=id, timestamp=timestamp, body=body) for key in keys
        ),
    }


def sign(key: str, *, id: str, timestamp: int, body: bytes) -> str:
    """Return one signature over exactly these bytes, with its version in front."""
    content = _signed(id, str(timestamp), body)
    if key.startswith(PRIVATE_PREFIX):
        return f"{ASYMMETRIC},{base64.b64encode(_ed25519(key).sign(content)).decode()}"
    return f"{SYMMETRIC},{base64.b64encode(_hmac(key, content)).decode()}"


def verify(keys: Sequence[str], *, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Return the id of a message that one of the `whsec_…` keys signed; else raise BadSignature.

    `headers` has lower-case names. One refusal for everything: a sender who cannot sign learns
    nothing about what was wrong.
    """
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not is_id(id) or not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature
    if abs(now - int(timestamp)) > TOLERANCE:
        raise BadSignature
    content = _signed(id, timestamp, body)
    expected = [_hmac(key, content) for key in keys]
    found = headers.get("webhook-signature", "").split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
    matches = [hmac.compare_digest(_decoded(each), good) for each in found for good in expected]
    if not any(matches):
        raise BadSignature
    return id


def is_id(text: str) -> bool:
    """Tell whether a text can be a message's id."""
    return _ID.fullmatch(text) is not None


def _signed(id: str, timestamp: str, body: bytes) -> bytes:
    return f"{id}.{timestamp}.".encode() + body


def _decoded(signature: str) -> bytes:
    version, _, value = signature.partition(",")
    try:
        return base64.b64decode(value, validate=True) if version == SYMMETRIC else b""
    except (ValueError, binascii.Error):
        return b""


def _hmac(key: str, content: bytes) -> bytes:
    return hmac.digest(base64.b64decode(key.removeprefix(SECRET_PREFIX)), content, "sha256")


@lru_cache(maxsize=256)
def _ed25519(private: str) -> Ed25519PrivateKey:
    seed = base64.b64decode(private.removeprefix(PRIVATE_PREFIX))
    return Ed25519PrivateKey.from_private_bytes(seed)
