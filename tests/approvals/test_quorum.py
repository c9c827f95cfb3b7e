"""What several verdicts add up to."""

import pytest

from approvals.quorum import settle

YES, NO = True, False


@pytest.mark.parametrize(
    ("needed", "invited", "verdicts", "outcome"),
    [
        (1, 1, [], None),
        (1, 1, [YES], True),
        (1, 1, [NO], False),
        (1, 2, [], None),
        (1, 2, [NO], None),
        (1, 2, [NO, NO], False),
        (1, 2, [NO, YES], True),
        (1, 2, [YES], True),
        (2, 2, [YES], None),
        (2, 2, [YES, YES], True),
        (2, 2, [NO], False),
        (2, 2, [YES, NO], False),
        (2, 3, [YES], None),
        (2, 3, [NO], None),
        (2, 3, [YES, NO], None),
        (2, 3, [YES, NO, YES], True),
        (2, 3, [NO, NO], False),
        (3, 3, [YES, YES], None),
        (3, 3, [YES, YES, NO], False),
        (20, 20, [YES] * 19, None),
        (20, 20, [YES] * 20, True),
        (20, 20, [NO], False),
        (1, 20, [NO] * 19, None),
        (1, 20, [NO] * 20, False),
    ],
)
def test_the_outcome_that_the_verdicts_force(
    needed: int, invited: int, verdicts: list[bool], outcome: bool | None
) -> None:
    assert settle(needed=needed, invited=invited, verdicts=verdicts) is outcome


@pytest.mark.parametrize("invited", range(1, 6))
def test_when_all_have_spoken_it_is_settled(invited: int) -> None:
    for needed in range(1, invited + 1):
        for yes in range(invited + 1):
            verdicts = [YES] * yes + [NO] * (invited - yes)
            assert settle(needed=needed, invited=invited, verdicts=verdicts) is (yes >= needed)
