"""What to do about a decision, from what the system says right now. Pure (mirroring.md §5)."""

from collections.abc import Sequence
from enum import StrEnum

from mirroring.connectors.base import Item, State


class Verdict(StrEnum):
    """What the look before, or the look after, says of a decision that is to be written back."""

    SEND = "send"  # it still waits, and is what was decided about
    CONFIRMED = "confirmed"  # it is as we wrote it
    STALE = "stale"  # it was settled elsewhere: write nothing
    CHANGED = "changed"  # it still waits, and is something else by now: write nothing, ask again
    CONFLICT = "conflict"  # we wrote one thing, and it is another


def judge(
    item: Item, *, wanted: State, digest: str, approvers: Sequence[str], assigned: Sequence[str],
    was_sent: bool,
) -> Verdict:  # fmt: skip
    """Return what follows from an item.

    `wanted`: the state that the decision leads to; `digest`: of the material that was decided
    about; `approvers`: who was asked by address; `assigned`: who may decide in the system now;
    `was_sent`: a request with the decision may have reached the system.
    """
    if item.state == wanted and was_sent:
        return Verdict.CONFLICT if item.is_contested else Verdict.CONFIRMED
    if item.state != State.PENDING:
        return Verdict.CONFLICT if was_sent else Verdict.STALE
    if item.material_digest != digest or sorted(assigned) != sorted(approvers):
        return Verdict.CHANGED
    return Verdict.SEND
