"""Whatever fails, and in whatever order: each approval once, each person once, no answer lost.

SAYSO_TEST_FAULT_SCHEDULES sets how many stories are lived through, SAYSO_TEST_FAULT_SEED where they
begin, SAYSO_TEST_FAULT_RECORDS how many approvals each has (docs/connectors.md, "Faults").
"""

import os

import pytest

from tests.conftest import Clock
from tests.mirroring.holding import wrong
from tests.mirroring.schedules import schedule
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

FIRST = int(os.environ.get("SAYSO_TEST_FAULT_SEED", "1"))
COUNT = int(os.environ.get("SAYSO_TEST_FAULT_SCHEDULES", "3"))
RECORDS = int(os.environ.get("SAYSO_TEST_FAULT_RECORDS", "40"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_nothing_is_lost_and_nothing_doubled(seed: int, workspace: Workspace, clock: Clock) -> None:
    with schedule(seed, RECORDS, workspace, clock) as story:
        problems = wrong(story)
    assert not problems, "\n".join(problems)
