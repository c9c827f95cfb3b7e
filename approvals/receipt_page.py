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
    override = receipt["override"]
    return {
        "receipt": receipt,
        "signature": signed["signature"],
        "decision": receipt["decisions"][-1] if override is None else None,
        "override": override and _override(receipt, override, clock),
        "answered": _moment(receipt["answer"]["answered_at"], clock),
        "decisions": [_decision(receipt, each, clock) for each in receipt["decisions"]],
        "times": [
            (term, _moment(receipt["times"][name], clock))
            for name, term in TIMES
            if receipt["times"][name]
        ],
        "head": receipt["chain"][-1],
    }


def _decision(receipt: dict[str, Any], decision: dict[str, Any], clock: Clock) -> dict[str, Any]:
    return decision | {
        "utc": _utc(decision["at"], clock),
        "proof": PROOFS.get(decision["verified_by"], decision["verified_by"]),
        "said": _said(receipt, decision),
    }


def _override(receipt: dict[str, Any], override: dict[str, Any], clock: Clock) -> dict[str, Any]:
    said = _said(receipt, override | {"comment": None})
    return override | {"utc": _utc(override["at"], clock), "said": said}


def _utc(text: str, clock: Clock) -> str:
    return _moment(text, clock).at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _said(receipt: dict[str, Any], decision: dict[str, Any]) -> list[Fact]:
    is_typed = receipt["shown"]["kind"] == "text"
    facts = [
        Fact("Answer" if is_typed else "Words chosen", decision["label"], "agent"),
        Fact("Comment", decision["comment"] or "", "approver"),
    ]
    return [fact for fact in facts if fact.text]


def _moment(text: str, clock: Clock) -> Moment:
    return clock.moment(datetime.fromisoformat(text))
