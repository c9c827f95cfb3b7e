"""GET /records (contract §2.4)."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from mirroring import push
from mirroring.models import Connection, Push, Record
from tests.api.agent import Agent
from tests.api.refused import error_of
from tests.conftest import Clock
from tests.factories import answer
from tests.mirroring.connections.declared import LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import row
from tests.webhooks.conftest import run_consumers
from tracks.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def erp(workspace: Workspace, api: Api) -> Connection:
    api.on(LIST, {"rows": [row(number) for number in range(1, 4)]})
    connection = connect(workspace, api)
    poll(connection)
    return connection


def listed(agent: Agent, query: str = "") -> Any:
    response = agent.get(f"/records{query}")
    assert response.status_code == 200
    return response.json()["data"]


def test_a_record_says_what_the_contract_says(clock: Clock, agent: Agent, erp: Connection) -> None:
    record = Record.objects.get(external_id="1")
    assert record.track is not None
    assert record.ask is not None
    assert listed(agent)[-1] == {
        "id": record.public_id,
        "connection_id": erp.public_id,
        "external_id": "1",
        "revision": record.revision,
        "status": "pending",
        "reason": None,
        "approvers": ["al@corp.example"],
        "requester": None,
        "url": None,
        "track_id": record.track.public_id,
        "ask_id": record.ask.public_id,
        "last_seen_at": "2026-11-22T10:00:00.000Z",
        "push": None,
    }


def test_one_that_nobody_can_be_asked_about_says_why(
    agent: Agent, api: Api, erp: Connection
) -> None:
    api.on(LIST, {"rows": [row(9, deciders=[])]})
    poll(erp)
    shown = listed(agent, "?external_id=9")[0]
    assert (shown["status"], shown["track_id"], shown["ask_id"]) == ("needs_human", None, None)
    assert shown["reason"] == "The system names nobody who may decide."


def test_filters(agent: Agent, workspace: Workspace, api: Api, erp: Connection) -> None:
    other = connect(workspace, api, name="Other")
    poll(other)
    Record.objects.filter(connection=erp, external_id="2").update(status="approved")
    ids = [each["external_id"] for each in listed(agent, f"?connection={erp.public_id}")]
    assert sorted(ids) == ["1", "2", "3"]
    (approved,) = listed(agent, "?status=approved")
    assert (approved["connection_id"], approved["external_id"]) == (erp.public_id, "2")
    assert len(listed(agent, "?external_id=2")) == 2
    assert listed(agent, f"?connection={other.public_id}&status=approved") == []
    assert listed(agent, "?connection=con_1") == []
    assert error_of(agent.get("/records?status=lost")) == ("status", "invalid")


def test_pages_skip_and_double_none(agent: Agent, erp: Connection) -> None:
    first = agent.get("/records?limit=2").json()
    second = agent.get(f"/records?limit=2&cursor={first['next_cursor']}").json()
    ids = [each["external_id"] for each in first["data"] + second["data"]]
    assert sorted(ids) == ["1", "2", "3"]
    assert second["next_cursor"] is None


def test_a_decision_on_its_way_back_is_shown_with_its_attempts(
    clock: Clock, agent: Agent, api: Api, erp: Connection
) -> None:
    record = Record.objects.get(external_id="1")
    assert record.ask is not None
    answer(record.ask, True)
    run_consumers()
    planned = listed(agent, "?external_id=1")[0]
    assert planned["status"] == "deciding"
    assert planned["push"] == {
        "status": "waiting",
        "attempts": 0,
        "last_error": None,
        "confirmed_at": None,
    }
    api.on("GET /approvals/1", row(1), row(1), row(1, status="yes"))
    api.on("POST /approvals/1/yes", {})
    push.carry_out(Push.objects.get().pk)
    written = listed(agent, "?external_id=1")[0]
    assert written["status"] == "approved"
    assert written["push"] == {
        "status": "confirmed",
        "attempts": 1,
        "last_error": None,
        "confirmed_at": "2026-11-22T10:00:00.000Z",
    }


def test_the_last_decision_is_the_one_that_is_shown(
    clock: Clock, agent: Agent, erp: Connection
) -> None:
    record = Record.objects.get(external_id="1")
    decision: Any = {
        "choice": "approve",
        "label": "Approve",
        "state": "approved",
        "decided_by": "al@corp.example",
        "decided_at": clock.now,
        "digest": "",
        "created_at": clock.now,
    }
    for number, status in ((2, "changed"), (3, "needs_human")):
        other = Record.objects.get(external_id=str(number))
        Push.objects.create(record=record, ask=other.ask, status=status, **decision)
    assert listed(agent, "?external_id=1")[0]["push"]["status"] == "needs_human"


def test_a_page_takes_the_same_queries_however_long(
    agent: Agent,
    workspace: Workspace,
    api: Api,
    clock: Clock,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    api.on(LIST, {"rows": [row(number) for number in range(25)]})
    poll(connect(workspace, api))
    agent.get("/records")
    for limit in (1, 25):
        with django_assert_num_queries(2):
            assert len(agent.get(f"/records?limit={limit}").json()["data"]) == limit
