"""Links and codes that prove a mailbox: how they are made, written and recognized. Pure.

Nothing that would let anyone in is stored. Both secrets of a challenge are computed from its salt
with a key that is not in the database, so a mail that is sent twice says the same twice.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 8
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a mail carries: the code in its shown form, and the token of the link."""

    code: str
    token: str

    @property
    def shown_code(self) -> str:
        return f"{self.code[:4]}-{self.code[4:]}"


def new_salt() -> str:
    """Return the 16 random bytes, in hex, from which a challenge's secrets are computed."""
    return secrets.token_hex(16)


def secrets_of(*, key: str, salt: str) -> Secrets:
    """Return the code (40 bits) and the link token (256 bits) of a challenge."""
    return Secrets(code=_code(key, salt), token=_token(key, salt))


def _code(key: str, salt: str) -> str:
    number = int.from_bytes(mac(key, "code", salt)[:5], "big")
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(35, -1, -5))


def _token(key: str, salt: str) -> str:
    return base64.urlsafe_b64encode(mac(key, "link", salt)).rstrip(b"=").decode()


def mac(key: str, purpose: str, content: str) -> bytes:
    """Return what only who has the key can compute, and is good for one purpose."""
    return hmac.digest(f"sayso.{purpose}:{key}".encode(), content.encode(), "sha256")


def code_hmac(code: str, *, key: str, salt: str) -> str:
    """Return what is stored to recognize a code."""
    return mac(key, "recognize", salt + code).hex()


def is_code(code: str, stored: str, *, keys: Sequence[str], salt: str) -> bool:
    """Tell whether this is the code, under the current key or an earlier one."""
    return any(hmac.compare_digest(code_hmac(code, key=key, salt=salt), stored) for key in keys)


def token_hash(token: str) -> str:
    """Return what is stored to find a link again."""
    return hashlib.sha256(token.encode()).hexdigest()


def normalize_code(text: str) -> str | None:
    """Return a typed code in its plain form, or None if it cannot be one.

    Case, spaces and dashes are forgiven, and the letters that Crockford's alphabet leaves out.
    """
    typed = _SEPARATORS.sub("", text)
    if len(typed) != CODE_LENGTH or not typed.isascii():
        return None
    code = typed.upper().translate(_MISREAD)
    return code if set(code) <= set(CROCKFORD) else None
