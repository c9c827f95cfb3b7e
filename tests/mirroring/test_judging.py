"""What follows from a look at a decision: a table (mirroring.md §5)."""

import pytest

from mirroring.connectors.base import Item, State
from mirroring.judging import Verdict, judge

ALICE, BOB = "alice@corp.example", "bob@corp.example"


@pytest.mark.parametrize(
    ("state", "was_sent", "more", "verdict"),
    [
        (State.PENDING, False, {}, Verdict.SEND),
        (State.PENDING, True, {}, Verdict.SEND),
        (State.PENDING, False, {"digest": "other"}, Verdict.CHANGED),
        (State.PENDING, True, {"digest": "other"}, Verdict.CHANGED),
        (State.PENDING, False, {"assigned": [BOB]}, Verdict.CHANGED),
        (State.PENDING, False, {"assigned": []}, Verdict.CHANGED),
        # Who may decide is a set: some systems list it in any order.
        (State.PENDING, False, {"approvers": [BOB, ALICE], "assigned": [ALICE, BOB]}, Verdict.SEND),
        (State.APPROVED, True, {}, Verdict.CONFIRMED),
        (State.APPROVED, True, {"contested": True}, Verdict.CONFLICT),
        # As we would have it, but not by us: nothing is written, and the person learns it.
        (State.APPROVED, False, {}, Verdict.STALE),
        (State.REJECTED, False, {}, Verdict.STALE),
        (State.CANCELLED, False, {}, Verdict.STALE),
        (State.NOT_REQUIRED, False, {}, Verdict.STALE),
        (State.REJECTED, True, {}, Verdict.CONFLICT),
        (State.CANCELLED, True, {}, Verdict.CONFLICT),
    ],
)
def test_what_follows_from_a_look(
    state: State, was_sent: bool, more: dict[str, object], verdict: Verdict
) -> None:
    item = Item(
        external_id="1",
        revision="1",
        state=state,
        title="12 laptops",
        approvers=(),
        material_digest=str(more.get("digest", "asked")),
        is_contested=bool(more.get("contested")),
    )
    approvers, assigned = more.get("approvers", [ALICE]), more.get("assigned", [ALICE])
    assert isinstance(approvers, list)
    assert isinstance(assigned, list)
    found = judge(
        item,
        wanted=State.APPROVED,
        digest="asked",
        approvers=approvers,
        assigned=assigned,
        was_sent=was_sent,
    )
    assert found == verdict
