"""The certificate of an answer: what was shown, what was said, by whom, how we know; signed."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from approvals.models import Ask, Decision
from approvals.opening import display_of
from approvals.transitions import duration_ms, on_behalf_of
from config.errors import NotFound
from tracks.clock import rfc3339, rfc3339_or_none
from tracks.models import Event
from tracks.rows import one_or_none

VERSION = 1
CONSENT = (
    "By choosing you record your decision together with your e-mail address, the time "
    "and exactly the text shown here."
)


@dataclass(frozen=True, slots=True)
class Signer:
    """An Ed25519 key (RFC 8032) that signs receipts."""

    key: Ed25519PrivateKey

    @classmethod
    def from_secret(cls, secret: str) -> "Signer":
        """Derive the key from a long random secret by HKDF (RFC 5869)."""
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sayso receipts")
        return cls(Ed25519PrivateKey.from_private_bytes(hkdf.derive(secret.encode())))

    @property
    def public_key(self) -> str:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    @property
    def key_id(self) -> str:
        return hashlib.sha256(base64.b64decode(self.public_key)).hexdigest()[:16]

    def sign(self, content: dict[str, Any]) -> str:
        """Return the signature over the RFC 8785 form of a JSON object, in base64."""
        return base64.b64encode(self.key.sign(rfc8785.dumps(content))).decode()

    def signed(self, receipt: dict[str, Any]) -> dict[str, Any]:
        """Return a receipt together with its signature and the key that checks it."""
        signature = {
            "algorithm": "Ed25519",
            "key_id": self.key_id,
            "public_key": self.public_key,
            "value": self.sign(receipt),
        }
        return {"receipt": receipt, "signature": signature}


@cache
def signers() -> tuple[Signer, ...]:
    """Return the signing keys; the first signs, all of them are published."""
    return tuple(Signer.from_secret(secret) for secret in settings.SIGNING_KEYS)


def public_keys() -> list[dict[str, str]]:
    """Return what anyone needs to verify a receipt."""
    return [
        {"key_id": each.key_id, "algorithm": "Ed25519", "public_key": each.public_key}
        for each in signers()
    ]


def of_ask(ask_id: UUID, **where: Any) -> dict[str, Any]:
    """Return the signed receipt of an answered ask; `where` narrows to whom it belongs."""
    asks = Ask.objects.presented().with_everything().select_related("track__workspace")
    ask = one_or_none(asks.filter(pk=ask_id, status=Ask.Status.ANSWERED, **where))
    if ask is None:
        raise NotFound()
    events = list(Event.objects.filter(track=ask.track).select_related("content"))
    return signers()[0].signed(content_of(ask, events))


def content_of(ask: Ask, events: list[Event]) -> dict[str, Any]:
    """Return what the receipt of an answered ask says, from the ask and its track's events."""
    addresses = [each.address for each in ask.asked]
    answered = (each for each in events if each.type == "input_request.answered")
    # Once its data is erased, an event no longer says which ask it is about.
    upto = next((each.seq for each in answered if _is_about(each, ask)), len(events))
    return {
        "v": VERSION,
        "reference": ask.reference,
        "ask_id": ask.public_id,
        "workspace": ask.track.workspace.name,
        "track": {"id": ask.track.public_id, "title": ask.track.title},
        "asked_by": {"name": ask.asked_by, "api_key_id": ask.asked_by_key},
        "shown": display_of(ask, addresses).canonical(),
        "display_digest": ask.display_digest,
        "action_digest": ask.action_digest,
        "answer": _answer(ask),
        "decisions": [_decision(ask, decision) for decision in ask.said],
        "override": _override(ask),
        "times": _times(ask, [event for event in events if event.seq <= upto]),
        "consent": {
            "text": CONSENT,
            "digest": "sha256:" + hashlib.sha256(CONSENT.encode()).hexdigest(),
        },
        "chain": [_link(event) for event in events if event.seq <= upto],
    }


def _is_about(event: Event, ask: Ask) -> bool:
    return event.data is not None and event.data.get("ask_id") == ask.public_id


def _answer(ask: Ask) -> dict[str, Any]:
    decision = ask.settled_by
    return {
        "value": ask.answer.value,
        "meaning": meaning(ask, ask.answer.value),
        "answered_by": decision.by,
        "answered_at": rfc3339(decision.at),
        "duration_ms": duration_ms(ask, decision),
    }


def _override(ask: Ask) -> dict[str, Any] | None:
    """Return the word of staff that took the place of a decision, if there is one."""
    override = ask.answer.override
    if override is None:
        return None
    return {
        "by": override.by,
        "value": override.value,
        "meaning": meaning(ask, override.value),
        "label": label(ask, override.value),
        "reason": override.reason,
        "at": rfc3339(override.at),
        "ip": override.ip,
        "user_agent": override.user_agent,
    }


def _decision(ask: Ask, decision: Decision) -> dict[str, Any]:
    return {
        "approver": decision.approver.address,
        "on_behalf_of": on_behalf_of(decision),
        "value": decision.value,
        "meaning": meaning(ask, decision.value),
        "label": label(ask, decision.value),
        "comment": decision.comment,
        "at": rfc3339(decision.at),
        "verified_by": decision.verified_by,
        "verified_at": rfc3339(decision.verified_at),
        "ip": decision.ip,
        "user_agent": decision.user_agent,
    }


def meaning(ask: Ask, value: bool | str) -> str:
    """Return what a value stands for, in our word."""
    return meaning_of(ask.kind, value)


def meaning_of(kind: str | None, value: bool | str | None) -> str:
    """Return what a value of an ask of a kind stands for, in our word."""
    if kind != Ask.Kind.CONFIRM:
        return "Answered"
    return "Approved" if value is True else "Rejected"


def label(ask: Ask, value: bool | str) -> str:
    """Return the words that the approver chose, as the agent wrote them."""
    if ask.kind == Ask.Kind.CONFIRM:
        return str(ask.config["accept_label" if value is True else "reject_label"])
    for option in ask.config.get("options", []):
        if option["value"] == value:
            return str(option["label"])
    return str(value)


def _times(ask: Ask, events: list[Event]) -> dict[str, Any]:
    def first(kind: str) -> str | None:
        found = (each.at for each in events if each.type == kind and _is_about(each, ask))
        return rfc3339_or_none(next(found, None))

    return {
        "created_at": rfc3339(ask.created_at),
        "sent_at": first("approver.notified"),
        "first_viewed_at": first("approver.viewed"),
        "verified_at": rfc3339_or_none(ask.settled_by.verified_at),
        "answered_at": rfc3339(ask.settled_by.at),
        "expires_at": rfc3339(ask.expires_at),
    }


def _link(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "type": event.type,
        "actor": {"type": event.actor_type, "name": event.actor_name},
        "at": rfc3339(event.at),
        "data_commitment": event.data_commitment,
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }
