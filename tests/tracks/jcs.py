"""RFC 8785 and the chain of contract §3, written from their texts alone.

Nothing here is the project's: a verifier that shared its code would share its mistakes.
"""

import hashlib
from typing import Any

from tracks.models import Event

_SHORT = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}


def canonical(value: Any) -> str:
    """Return the canonical JSON of a value without floats (RFC 8785, 3.2)."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        assert abs(value) < 2**53, "not a safe integer"
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(each) for each in value) + "]"
    assert isinstance(value, dict), type(value)
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(f"{_string(name)}:{canonical(value[name])}" for name in names) + "}"


def _string(text: str) -> str:
    return '"' + "".join(_character(each) for each in text) + '"'


def _character(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    return f"\\u{ord(char):04x}" if ord(char) < 0x20 else char


def sha256(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


def commitment(data: Any, salt: str) -> str:
    """Return SHA256(salt ‖ JCS(data))."""
    return sha256(bytes.fromhex(salt), canonical(data).encode())


def link_hash(link: dict[str, Any]) -> str:
    """Return SHA256(0x00 ‖ JCS(link))."""
    return sha256(b"\x00", canonical(link).encode())


def first_broken(events: list[Event]) -> int | None:
    """Return the `seq` at which a track's events stop being a chain, or None if they never do."""
    previous = "0" * 64
    for place, event in enumerate(events, start=1):
        link = {
            "v": 1,
            "track_id": f"trk_{event.track_id.hex}",
            "seq": place,
            "prev_hash": previous,
            "type": event.type,
            "actor": {"type": event.actor_type, "name": event.actor_name},
            "at": event.at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "data_commitment": event.data_commitment,
        }
        if (event.seq, event.prev_hash, event.hash) != (place, previous, link_hash(link)):
            return place
        content = getattr(event, "content", None)
        if content and commitment(content.data, content.salt) != event.data_commitment:
            return place
        previous = event.hash
    return None
