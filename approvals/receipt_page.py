"""A receipt as a person reads and prints it: the signed facts, in words."""

from datetime import datetime
from typing import Any

from approvals.display_time import Clock, Moment
from approvals.outcome import PROOFS, Fact

TIMES = (
    ("created_at", "Asked"),
    ("sent_at", "Mailed"),
    ("first_viewed_at", "First seen"),
    ("verified_at", "Mailbox proven"),
    ("answered_at", "Answered"),
    ("expires_at", "Deadline"),
)


def context(signed: dict[str, Any], *, clock: Clock) -> dict[str, Any]:
    """Return what the template shows of a signed receipt."""
    receipt = signed["receipt"]
    decision = receipt["decisions"][-1]
    return {
        "receipt": receipt,
        "signature": signed["signature"],
        "decision": decision,
        "answered": _moment(decision["at"], clock),
        "decisions": [_decision(receipt, each, clock) for each in receipt["decisions"]],
        "times": [
            (term, _moment(receipt["times"][name], clock))
            for name, term in TIMES
            if receipt["times"][name]
        ],
        "head": receipt["chain"][-1],
    }


def _decision(receipt: dict[str, Any], decision: dict[str, Any], clock: Clock) -> dict[str, Any]:
    at = _moment(decision["at"], clock).at
    return decision | {
        "utc": at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "proof": PROOFS.get(decision["verified_by"], decision["verified_by"]),
        "said": _said(receipt, decision),
    }


def _said(receipt: dict[str, Any], decision: dict[str, Any]) -> list[Fact]:
    is_typed = receipt["shown"]["kind"] == "text"
    facts = [
        Fact("Answer" if is_typed else "Words chosen", decision["label"], "agent"),
        Fact("Comment", decision["comment"] or "", "approver"),
    ]
    return [fact for fact in facts if fact.text]


def _moment(text: str, clock: Clock) -> Moment:
    return clock.moment(datetime.fromisoformat(text))
