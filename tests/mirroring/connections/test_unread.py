"""What could not be read is a message of the connection, and harms nothing else."""

from typing import Any

import pytest

from mirroring.models import Connection
from tests.api.agent import Agent
from tests.conftest import Clock
from tests.mirroring.connections.declared import ACCOUNT, LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import BY_TIME, row
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

BAD = {"rows": [row(1), {"key": 2}, {"key": 3}]}
GOOD = {"rows": [row(1), row(2), row(3)]}
TOLD = {
    "count": 2,
    "notes": ["2: it has no title", "3: it has no title"],
    "at": "2026-11-22T10:00:00.000Z",
}


def connection_of(agent: Agent, connection: Connection) -> Any:
    return agent.get(f"/connections/{connection.public_id}").json()


def test_what_could_not_be_read_is_told_and_the_others_are_there(
    agent: Agent, clock: Clock, workspace: Workspace, api: Api
) -> None:
    erp, other = connect(workspace, api), connect(workspace, api, name="Other")
    api.on(LIST, BAD)
    poll(erp)
    clock.move(hours=23)
    shown = connection_of(agent, erp)
    assert (shown["status"], shown["records"]["pending"]) == ("ok", 1)
    assert shown["polling"]["unreadable"] == TOLD
    assert connection_of(agent, other)["polling"]["unreadable"] is None


def test_where_a_list_shows_all_the_next_one_that_can_be_read_ends_it(
    agent: Agent, clock: Clock, workspace: Workspace, api: Api
) -> None:
    erp = connect(workspace, api)
    api.on(LIST, BAD)
    poll(erp)
    clock.move(minutes=2)
    api.on(LIST, GOOD)
    poll(erp)
    assert connection_of(agent, erp)["polling"]["unreadable"] is None


def test_where_a_list_shows_what_changed_it_stands_for_a_day(
    agent: Agent, clock: Clock, workspace: Workspace, api: Api
) -> None:
    erp = connect(workspace, api, definition=ACCOUNT | BY_TIME)
    api.on(LIST, {"rows": [each | {"at": "2026-11-22T09:00:00Z"} for each in BAD["rows"]]})
    poll(erp)
    clock.move(hours=23)
    api.on(LIST, {"rows": []})
    poll(erp)
    assert connection_of(agent, erp)["polling"]["unreadable"] == TOLD
    clock.move(hours=1, seconds=1)
    assert connection_of(agent, erp)["polling"]["unreadable"] is None
