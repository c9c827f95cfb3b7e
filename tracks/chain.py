"""The hash chain of a track's events (contract §3). Pure: no database, no clock."""

import hashlib
from dataclasses import dataclass
from typing import Any

import rfc8785

VERSION = 1


def data_commitment(data: dict[str, Any], *, salt: str) -> str:
    """Return SHA256(salt ‖ JCS(data)) as hex; `salt` is hex, its bytes are hashed."""
    return hashlib.sha256(bytes.fromhex(salt) + rfc8785.dumps(data)).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """What an event's hash covers."""

    track_id: str
    seq: int
    prev_hash: str
    type: str
    actor: dict[str, str]
    at: str
    data_commitment: str

    def hash(self) -> str:
        """Return SHA256(0x00 ‖ JCS(link)) as hex; 0x00 marks a leaf (RFC 6962)."""
        content: dict[str, Any] = {
            "v": VERSION,
            "track_id": self.track_id,
            "seq": self.seq,
            "prev_hash": self.prev_hash,
            "type": self.type,
            "actor": self.actor,
            "at": self.at,
            "data_commitment": self.data_commitment,
        }
        return hashlib.sha256(b"\x00" + rfc8785.dumps(content)).hexdigest()
