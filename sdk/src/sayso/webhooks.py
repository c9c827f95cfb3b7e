"""Check that a webhook comes from Sayso before you believe it (Standard Webhooks 1.0.0).

from sayso import webhooks

event = webhooks.verify(request.body, request.headers, "whsec_…")
if event["type"] == "input_request.answered":
    print(event["data"]["answerValue"])

Pass the body as it arrived, before anything has read it as JSON. Deliveries come at least once, in
any order: a repeated one has the same `webhook-id`, and `event["data"]["seq"]` counts per track.
"""

import base64
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sayso import _clock
from sayso.errors import SaysoError

__all__ = ["InvalidWebhook", "verify"]

TOLERANCE_SECONDS = 300
MOST_SIGNATURES = 10

_ID = re.compile(r"[!-\-/-~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class InvalidWebhook(SaysoError):
    """The request does not prove that Sayso sent it: answer 401 and do nothing."""


def verify(
    body: bytes | str,
    headers: Mapping[str, Any],
    secret: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> Any:
    """Return the event in a webhook that Sayso signed.

    Args:
        body: the request's body as it arrived: bytes, or text decoded from UTF-8.
        headers: the request's headers; names in any case, values str or bytes.
        secret: the endpoint's `whsec_…`, or its `whpk_…` where it signs with Ed25519. Pass both
            secrets while you replace one.
        tolerance_seconds: how far the sender's clock and this one may differ.

    Returns:
        The JSON of the body: `{"type", "timestamp", "data"}`.

    Raises:
        InvalidWebhook: it is not signed with this secret, too old or too new, or no JSON.
        ValueError: `secret` is not a secret; this is yours to mend, not the sender's.
        ImportError: a `whpk_…` needs the package `cryptography`.
    """
    keys = [secret] if isinstance(secret, str) else list(secret)
    checks = [_check_of(key) for key in keys]
    content = body.encode() if isinstance(body, str) else bytes(body)
    found = _lower(headers)
    signed = _signed(found, content, tolerance_seconds)
    signatures = found.get("webhook-signature", "").split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
    if not any(check(each, signed) for each in signatures for check in checks):
        raise InvalidWebhook("no signature fits")
    try:
        return json.loads(content)
    except ValueError as error:
        raise InvalidWebhook("the body is not JSON") from error


def _lower(headers: Mapping[str, Any]) -> dict[str, str]:
    return {_text(name).lower(): _text(value) for name, value in headers.items()}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _signed(headers: Mapping[str, str], body: bytes, tolerance: float) -> bytes:
    """Return what must have been signed: `id.timestamp.body`."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(id) or not _TIMESTAMP.fullmatch(timestamp):
        raise InvalidWebhook("the headers webhook-id and webhook-timestamp are missing or wrong")
    if abs(_clock.now().timestamp() - int(timestamp)) > tolerance:
        raise InvalidWebhook("the message is too old or too new")
    return f"{id}.{timestamp}.".encode() + body


def _check_of(secret: str) -> Any:
    """Return what tells whether a signature fits, for one secret."""
    if secret.startswith("whpk_"):
        return _ed25519(_decode_secret(secret, "whpk_"))
    key = _decode_secret(secret, "whsec_")

    def check(signature: str, signed: bytes) -> bool:
        version, value = _parts(signature)
        return version == "v1" and hmac.compare_digest(value, hmac.digest(key, signed, "sha256"))

    return check


def _ed25519(public: bytes) -> Any:
    # Imported late: most endpoints are symmetric, and the package is not one of ours.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(public)

    def check(signature: str, signed: bytes) -> bool:
        version, value = _parts(signature)
        if version != "v1a":
            return False
        try:
            key.verify(value, signed)
        except InvalidSignature:
            return False
        return True

    return check


def _decode_secret(secret: str, prefix: str) -> bytes:
    try:
        decoded = base64.b64decode(secret.removeprefix(prefix), validate=True)
    except ValueError:
        decoded = b""
    if not decoded:
        raise ValueError(f"A secret looks like {prefix}… and goes on in base64.")
    return decoded


def _parts(signature: str) -> tuple[str, bytes]:
    version, _, value = signature.partition(",")
    try:
        return version, base64.b64decode(value, validate=True)
    except ValueError:
        return version, b""
