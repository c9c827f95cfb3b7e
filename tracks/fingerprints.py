"""Keyed digests: tell whether two requests say the same without keeping what they said."""

import hmac
import json
from typing import Any

from django.conf import settings


def fingerprint(content: Any) -> str:
    """Return a digest of JSON content under the current key, as hex.

    Keyed, since the content may hold a password: a stolen database must not allow guessing it.
    """
    return _digest(settings.SECRET_KEY, content)


def is_fingerprint_of(stored: str, content: Any) -> bool:
    """Tell whether a stored digest is of this content, under the current or an earlier key."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(hmac.compare_digest(stored, _digest(key, content)) for key in keys)


def _digest(key: str, content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(b"sayso.fingerprint" + key.encode(), canonical.encode(), "sha256").hex()
