"""Questions that came before the one on the card, and whether its system changed it since."""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals import receipts
from approvals.display_time import Clock, Moment
from approvals.models import Ask, Grant
from approvals.visits import Visit


@dataclass(frozen=True, slots=True)
class Earlier:
    """A question that came before the one on the card."""

    prompt: str
    result: str
    at: Moment | None
    receipt_of: str = ""


def of(ask: Ask, visit: Visit, *, clock: Clock) -> Earlier:
    """Return the line of an earlier question; who could answer it finds the receipt there."""
    closed = ask.shown_closed_at
    is_answered = ask.status == Ask.Status.ANSWERED
    may_read = is_answered and visit.viewer.grant_for({each.approver_id for each in ask.table})
    return Earlier(
        prompt=ask.prompt,
        result=_answered(ask, visit) if is_answered else _unanswered(ask, visit),
        at=clock.moment(closed) if closed else None,
        receipt_of=ask.public_id if may_read else "",
    )


def _answered(ask: Ask, visit: Visit) -> str:
    word = receipts.meaning(ask, ask.answer.value)
    return f"{word}, before it changed in {visit.source.name}" if visit.source else word


def _unanswered(ask: Ask, visit: Visit) -> str:
    if ask.shown_status == Ask.Status.TIMEOUT:
        return "Closed without an answer"
    return "Replaced by the question above" if visit.source else "Withdrawn"


def change_since(ask: Ask, asks: Sequence[Ask], visit: Visit, *, me: Grant | None) -> str:
    """Say that an open question was answered before its system changed it, and by whom.

    A mirrored request is decided once: a question behind an answer is there because of a change.
    """
    before = [each for each in asks if each.pk < ask.pk and each.status == Ask.Status.ANSWERED]
    if visit.source is None or ask.shown_status != Ask.Status.OPEN or not before:
        return ""
    said = before[0].said
    is_mine = me is not None and any(each.approver_id == me.approver_id for each in said)
    return "Changed since you answered" if is_mine else "Changed since it was answered"
