"""The JSON of an ask. Plain functions: output is hot and needs no validation."""

from typing import Any
from uuid import UUID

from approvals.models import Ask, Decision
from approvals.transitions import duration_ms, on_behalf_of
from tracks.clock import rfc3339, rfc3339_or_none
from tracks.ids import public_id
from tracks.serializers import track_url


def ask_json(ask: Ask) -> dict[str, Any]:
    """Return the JSON of an ask that was fetched with `presented().with_everything()`."""
    return {
        "id": ask.public_id,
        "track_id": public_id("trk", ask.track_id),
        "url": track_url(ask.track),
        "key": ask.key,
        "kind": ask.kind,
        "prompt": ask.prompt,
        "config": ask.config,
        "status": ask.shown_status,
        "answer": _answer_json(ask),
        "approvers": [each.address for each in ask.asked],
        "needed": ask.needed,
        "decisions": [_decision_json(decision) for decision in ask.said],
        "asked_by": ask.asked_by,
        "timeout_seconds": ask.timeout_seconds,
        "expires_at": rfc3339(ask.expires_at),
        "due_at": rfc3339_or_none(ask.due_at),
        "created_at": rfc3339(ask.created_at),
        "closed_at": rfc3339_or_none(ask.shown_closed_at),
        "cancel_reason": ask.cancel_reason,
        "escalated_from": _public_id(ask.escalated_from_id),
        "escalated_to": _public_id(ask.successor_id),
        "display_digest": ask.display_digest,
        "action_digest": ask.action_digest,
        "receipt_url": receipt_url(ask),
    }


def _public_id(pk: UUID | None) -> str | None:
    return None if pk is None else public_id("ask", pk)


def receipt_url(ask: Ask) -> str | None:
    """Return where the receipt of an answered ask is."""
    if ask.status != Ask.Status.ANSWERED:
        return None
    return f"{track_url(ask.track)}/asks/{ask.public_id}/receipt"


def _answer_json(ask: Ask) -> dict[str, Any] | None:
    if ask.status != Ask.Status.ANSWERED:
        return None
    decision = ask.settled_by
    answer = {
        "value": ask.answer.value,
        "comment": decision.comment,
        "answered_by": decision.by,
        "answered_at": rfc3339(decision.at),
        "duration_ms": duration_ms(ask, decision),
        "verified_by": decision.verified_by,
    }
    return answer | {"overridden": True} if ask.is_overridden else answer


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "approver": decision.approver.address,
        "on_behalf_of": on_behalf_of(decision),
        "value": decision.value,
        "comment": decision.comment,
        "at": rfc3339(decision.at),
        "verified_by": decision.verified_by,
    }
