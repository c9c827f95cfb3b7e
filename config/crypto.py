"""Secrets that must be read again, encrypted where they are stored; the keys are elsewhere.

Fernet (AES-128-CBC and HMAC-SHA256). The first key of FIELD_KEYS encrypts, any of them decrypts, so
a new key goes in front and the old ones stay until nothing is encrypted with them any more.
"""

import base64
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

SECRET_BYTES = 32


def new_secret(prefix: str) -> str:
    """Return 256 random bits in base64 behind a prefix that says what they are for."""
    return prefix + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def encrypt(text: str) -> str:
    """Return a text as only the holder of a field key can read it."""
    return _box(tuple(settings.FIELD_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return what was encrypted; raises InvalidToken if no key fits or it was changed."""
    return _box(tuple(settings.FIELD_KEYS)).decrypt(token.encode()).decode()


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_fernet_key(secret)) for secret in keys])


def _fernet_key(secret: str) -> bytes:
    # RFC 5869: any long random text makes a good key.
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sayso fields")
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode()))


class SealedText(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted on its way to the database. It cannot be searched for."""

    if TYPE_CHECKING:  # where django-stubs looks for what a field takes and gives
        _pyi_private_set_type: str
        _pyi_private_get_type: str
        _pyi_lookup_exact_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return None if value is None else decrypt(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(str(value))
