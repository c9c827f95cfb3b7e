"""What several verdicts add up to. Pure."""

from collections.abc import Sequence


def settle(*, needed: int, invited: int, verdicts: Sequence[bool]) -> bool | None:
    """Return the outcome these verdicts force, or None while it is still open."""
    if verdicts.count(True) >= needed:
        return True
    if invited - verdicts.count(False) < needed:
        return False
    return None
