"""Many at once open an ask when the plan has one left."""

from collections import Counter
from functools import partial

import pytest

from approvals.models import MonthOfAsks
from tests.clients import Agent
from tests.factories import AskFactory, TrackFactory, WorkspaceFactory
from tests.faults.racing import at_once, at_once_in_database, count
from tests.server import Outsider, Web

CAP = 25


def test_of_a_hundred_at_one_below_the_cap_one_is_opened(web: Web, outsider: Outsider) -> None:
    agent = Agent(web, outsider.call("issue_key", workspace="Capped")["key"])
    outsider.call("use_plan", workspace="Capped", plan="free", asks=CAP - 1)
    body = {"kind": "confirm", "prompt": "Go on?", "notify": False}
    tracks = [agent.track()["id"] for _ in range(100)]

    replies = at_once(
        *[partial(agent.http.post, f"/tracks/{each}/asks", json=body) for each in tracks]
    )

    assert Counter(each.status_code for each in replies) == {201: 1, 402: 99}
    refused = {each.json()["code"] for each in replies if each.status_code == 402}
    assert refused == {"monthly_ask_limit_reached"}
    assert agent.http.get("/usage").json()["asks"] == CAP


@pytest.mark.usefixtures("shared_database")
def test_of_twenty_that_begin_a_month_all_are_counted() -> None:
    workspace = WorkspaceFactory()
    tracks = [TrackFactory(workspace=workspace) for _ in range(20)]
    results = at_once_in_database(*[partial(AskFactory, track=track) for track in tracks])
    assert count(results) == {"Ask": 20}
    assert MonthOfAsks.objects.get().asks == 20
