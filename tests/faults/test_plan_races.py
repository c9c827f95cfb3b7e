"""Many at once open an ask when the plan has one left."""

from functools import partial

import pytest

from approvals.models import MonthOfAsks
from approvals.usage import LimitReached
from tests.factories import AskFactory, TrackFactory, WorkspaceFactory
from tests.faults.racing import at_once_in_database, count
from tracks.clock import database_now


@pytest.mark.usefixtures("shared_database")
def test_of_a_hundred_at_one_below_the_cap_one_is_opened() -> None:
    workspace = WorkspaceFactory(plan="free")
    month = f"{database_now():%Y-%m}"
    MonthOfAsks.objects.create(workspace=workspace, month=month, asks=24)
    tracks = [TrackFactory(workspace=workspace) for _ in range(100)]

    results = at_once_in_database(*[partial(AskFactory, track=track) for track in tracks])

    assert count(results) == {"Ask": 1, LimitReached.__name__: 99}
    assert MonthOfAsks.objects.get().asks == 25


@pytest.mark.usefixtures("shared_database")
def test_of_twenty_that_begin_a_month_all_are_counted() -> None:
    workspace = WorkspaceFactory()
    tracks = [TrackFactory(workspace=workspace) for _ in range(20)]
    results = at_once_in_database(*[partial(AskFactory, track=track) for track in tracks])
    assert count(results) == {"Ask": 20}
    assert MonthOfAsks.objects.get().asks == 20
