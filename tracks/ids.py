"""Identifiers: UUIDv7 inside (RFC 9562, ordered by time), opaque prefixed strings outside."""

import re
import secrets
from datetime import datetime
from uuid import UUID

from uuid6 import uuid7

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PUBLIC = re.compile(r"([a-z]{3})_([0-9a-f]{32})")


def new_id() -> UUID:
    """Return a new primary key. Later ones sort behind earlier ones."""
    return UUID(int=uuid7().int)


def public_id(prefix: str, pk: UUID) -> str:
    """Return what the outside sees of a primary key: `trk_…`, `ask_…`, `evt_…`."""
    return f"{prefix}_{pk.hex}"


def parse_public_id(prefix: str, text: str) -> UUID | None:
    """Return the primary key behind a public id, or None if it is not one of that kind."""
    match = _PUBLIC.fullmatch(text)
    return UUID(match[2]) if match and match[1] == prefix else None


def known_id(prefix: str, text: str) -> UUID:
    """Return the primary key behind a public id that we wrote ourselves."""
    pk = parse_public_id(prefix, text)
    if pk is None:
        raise ValueError(f"{text!r} is no {prefix} id")
    return pk


def random_base62(length: int) -> str:
    """Return a random string of digits and letters: 5.95 bits a character."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def earliest_id(moment: datetime) -> UUID:
    """Return a key that sorts before every one that was made at or after a moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80)
