"""GET /connections, GET /connections/{id}, POST …/test and …/poll (contract §2.4)."""

from typing import Any

import pytest
from django.db import connection as database
from pytest_django import DjangoAssertNumQueries

from mirroring import connecting, transitions
from mirroring.models import Connection, Poll, Record
from tests.api.agent import Agent
from tests.api.refused import code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import issue_key
from tests.mirroring.connections.declared import LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, row
from tracks.models import Entry, Workspace
from tracks.models.workspace import SCOPES

pytestmark = pytest.mark.django_db

CALLS = [
    ("GET", "/connections", "connections:read"),
    ("GET", "/connections/{id}", "connections:read"),
    ("POST", "/connections/{id}/test", "connections:write"),
    ("POST", "/connections/{id}/dry-run", "connections:write"),
    ("POST", "/connections/{id}/poll", "connections:write"),
    ("GET", "/records", "connections:read"),
]
ON_OBJECTS = [call for call in CALLS if "{id}" in call[1]]
NOBODYS = "con_" + "0" * 32
NO_RECORDS = dict.fromkeys(Record.Status.values, 0)


@pytest.fixture
def erp(workspace: Workspace, api: Api) -> Connection:
    api.on(LIST, {"rows": [row(1), row(2)]})
    return connect(workspace, api)


def path(connection: Connection, verb: str = "") -> str:
    return f"/connections/{connection.public_id}{verb and f'/{verb}'}"


def test_a_new_connection_is_loading(agent: Agent, clock: Clock, erp: Connection) -> None:
    assert agent.get(path(erp)).json() == {
        "id": erp.public_id,
        "name": "ERP",
        "kind": "rest",
        "enabled": True,
        "status": "loading",
        "interval_seconds": 60,
        "requests_per_minute": 120,
        "notices": "at_once",
        "notices_per_hour": 10,
        "expiry_days": 30,
        "records": NO_RECORDS,
        "polling": {
            "first_load": {"read": 0, "since": None},
            "lag_seconds": None,
            "last_success_at": None,
            "next_poll_at": "2026-11-22T10:00:00.000Z",
            "failures": 0,
            "last_error": None,
            "paused_at": None,
            "pause_reason": None,
            "warning": None,
            "unreadable": None,
            "health": None,
        },
        "created_at": "2026-11-22T10:00:00.000Z",
    }


def test_a_polled_one_says_how_it_stands(agent: Agent, clock: Clock, erp: Connection) -> None:
    poll(erp)
    clock.move(seconds=90)
    shown = agent.get(path(erp)).json()
    assert (shown["status"], shown["records"]) == ("ok", NO_RECORDS | {"pending": 2})
    assert shown["polling"]["first_load"] is None
    assert shown["polling"]["lag_seconds"] == 90
    assert shown["polling"]["last_success_at"] == "2026-11-22T10:00:00.000Z"
    assert shown["polling"]["health"] | {"clock_skew_seconds": None} == {
        "ok": True,
        "account": "sayso",
        "detail": None,
        "how_to_fix": None,
        "clock_skew_seconds": None,
        "checked_at": "2026-11-22T10:00:00.000Z",
    }


def test_one_that_fails_says_what_and_since_when(
    agent: Agent, clock: Clock, api: Api, erp: Connection
) -> None:
    api.on(LIST, {"message": "Out of order"}, status=500)
    poll(erp)
    shown = agent.get(path(erp)).json()
    assert (shown["status"], shown["polling"]["failures"]) == ("failing", 1)
    error = shown["polling"]["last_error"]
    assert (error["kind"], error["at"]) == ("server", "2026-11-22T10:00:00.000Z")
    assert "Out of order" in error["detail"]


@pytest.mark.parametrize(
    ("fields", "poll_fields", "status"),
    [
        ({"enabled": False}, {"failures": 1}, "disabled"),
        ({}, {"paused_at": "2026-11-22T10:00:00Z", "failures": 5}, "paused"),
        ({}, {"is_healthy": False}, "failing"),
        ({}, {"loaded_at": "2026-11-22T10:00:00Z"}, "ok"),
    ],
)
def test_the_worst_that_is_true_is_its_status(
    agent: Agent, erp: Connection, fields: Any, poll_fields: Any, status: str
) -> None:
    Connection.objects.update(**fields)
    Poll.objects.update(**poll_fields)
    assert agent.get(path(erp)).json()["status"] == status


def test_a_connection_that_is_posted_to_has_no_polling(agent: Agent, workspace: Workspace) -> None:
    posted, _ = transitions.create_connection(workspace_id=workspace.pk, name="Expenses")
    shown = agent.get(path(posted)).json()
    assert (shown["kind"], shown["status"], shown["polling"]) == ("push", "push", None)


def test_no_secret_and_nothing_that_the_connector_is_told_is_shown(
    agent: Agent, erp: Connection
) -> None:
    for shown in (agent.get(path(erp)), agent.get("/connections")):
        assert SECRET not in shown.content.decode()
        assert "definition" not in shown.content.decode()


@pytest.mark.parametrize("number", [1, 12])
def test_a_list_takes_the_same_queries_however_long(
    agent: Agent,
    workspace: Workspace,
    api: Api,
    clock: Clock,
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    api.on(LIST, {"rows": [row(1), row(2)]})
    for each in range(number):
        poll(connect(workspace, api, name=f"ERP {each}"))
    agent.get("/connections")
    with django_assert_num_queries(3):
        shown = agent.get("/connections").json()["data"]
    assert [each["records"]["pending"] for each in shown] == [2] * number


def test_pages_of_connections_skip_and_double_none(
    agent: Agent, workspace: Workspace, api: Api
) -> None:
    made = [connect(workspace, api, name=f"ERP {each}").public_id for each in range(3)]
    first = agent.get("/connections?limit=2").json()
    connect(workspace, api, name="Newer")
    second = agent.get(f"/connections?limit=2&cursor={first['next_cursor']}").json()
    assert [each["id"] for each in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None
    assert error_of(agent.get("/connections?cursor=x")) == ("cursor", "invalid")


# -- test ------------------------------------------------------------------------------------------


def test_a_test_proves_the_account_and_shows_a_sample(agent: Agent, erp: Connection) -> None:
    with nothing_written():
        found = agent.post(path(erp, "test"))
    assert found.status_code == 200
    assert found.json() | {"latency_ms": 0, "clock_skew_seconds": None} == {
        "ok": True,
        "account": "sayso",
        "detail": None,
        "error": None,
        "how_to_fix": None,
        "clock_skew_seconds": None,
        "latency_ms": 0,
        "sample": 2,
        "skipped": 0,
    }


def test_a_test_of_a_system_that_refuses_says_what_to_do(
    agent: Agent, api: Api, erp: Connection
) -> None:
    api.on("GET /me", {"message": f"{SECRET} is not a token"}, status=401)
    with nothing_written():
        found = agent.post(path(erp, "test"))
    assert (found.status_code, found.json()["ok"], found.json()["error"]) == (200, False, "auth")
    assert "Enter new credentials" in found.json()["how_to_fix"]
    assert SECRET not in found.content.decode()
    assert api.asked(LIST) == []


def test_a_list_that_cannot_be_read_fails_the_test(agent: Agent, api: Api, erp: Connection) -> None:
    api.on(LIST, {"approvals": []})
    found = agent.post(path(erp, "test")).json()
    assert (found["ok"], found["error"]) == (False, "bad_answer")


def test_a_system_that_is_not_there_fails_the_test(agent: Agent, api: Api, erp: Connection) -> None:
    api.receiver.close()
    found = agent.post(path(erp, "test")).json()
    assert (found["ok"], found["error"], found["sample"]) == (False, "unreachable", None)


def test_a_configuration_that_is_no_longer_right_fails_the_test(
    agent: Agent, erp: Connection
) -> None:
    Connection.objects.update(config={"definition": "list: {}"})
    found = agent.post(path(erp, "test")).json()
    assert (found["ok"], found["error"]) == (False, "bad_request")
    assert "definition" in found["detail"]


def test_a_test_with_a_key_is_made_once(agent: Agent, api: Api, erp: Connection) -> None:
    first = agent.post(path(erp, "test"), Idempotency_Key="k")
    again = agent.post(path(erp, "test"), Idempotency_Key="k")
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(api.asked(LIST)) == 1
    other = agent.post(path(erp, "dry-run"), Idempotency_Key="k")
    assert code_of(other) == (422, "idempotency_mismatch")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["test", "dry-run"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k"}])
def test_no_transaction_is_open_while_the_system_is_talked_to(
    agent: Agent,
    erp: Connection,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    headers: dict[str, str],
) -> None:
    seen = []

    def connector_for(connection: Connection) -> Any:
        seen.append(database.in_atomic_block)
        return real(connection)

    real = connecting.connector_for
    monkeypatch.setattr(connecting, "connector_for", connector_for)
    assert agent.post(path(erp, verb), **headers).status_code == 200
    assert seen == [False]


# -- poll ------------------------------------------------------------------------------------------


def test_a_poll_is_due_at_once(agent: Agent, clock: Clock, erp: Connection) -> None:
    poll(erp)
    now = clock.move(seconds=10)
    response = agent.post(path(erp, "poll"))
    assert response.status_code == 202
    assert response.json()["polling"]["next_poll_at"] == "2026-11-22T10:00:10.000Z"
    row = Poll.objects.get()
    assert (row.delta_at, row.next_attempt_at) == (now, now)
    entry = Entry.objects.get()
    assert (entry.type, entry.subject, entry.data) == ("connection.polled", erp.public_id, {})


def test_a_poll_that_runs_is_not_disturbed(agent: Agent, clock: Clock, erp: Connection) -> None:
    poll(erp)
    clock.move(minutes=2)
    running = Poll.claim(erp.pk)
    assert running is not None
    agent.post(path(erp, "poll"))
    assert Poll.claim(erp.pk) is None
    assert running.write_outcome(next_attempt_at=None)


@pytest.mark.parametrize("verb", ["test", "dry-run", "poll"])
def test_what_is_posted_to_is_not_polled(agent: Agent, workspace: Workspace, verb: str) -> None:
    posted, _ = transitions.create_connection(workspace_id=workspace.pk, name="Expenses")
    with nothing_written():
        assert code_of(agent.post(path(posted, verb))) == (409, "connection_not_polled")


def test_a_paused_connection_is_not_polled_and_says_why(agent: Agent, erp: Connection) -> None:
    Poll.objects.update(paused_at="2026-11-22T10:00:00Z", pause_reason="401: Unauthorized")
    with nothing_written():
        refused = agent.post(path(erp, "poll"))
    assert code_of(refused) == (409, "connection_paused")
    assert refused.json()["detail"] == "The connection is paused: 401: Unauthorized"


def test_a_connection_that_is_switched_off_is_not_polled(agent: Agent, erp: Connection) -> None:
    Connection.objects.update(enabled=False)
    with nothing_written():
        assert code_of(agent.post(path(erp, "poll"))) == (409, "connection_disabled")


# -- who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "template", "scope"), CALLS)
def test_each_call_needs_its_scope(
    workspace: Workspace, erp: Connection, method: str, template: str, scope: str
) -> None:
    others = Agent(issue_key(workspace, scopes=[each for each in SCOPES if each != scope]))
    alone = Agent(issue_key(workspace, scopes=[scope]))
    where = template.format(id=erp.public_id)
    with nothing_written():
        assert code_of(others.call(method, where)) == (403, "missing_scope")
    assert alone.call(method, where).status_code == (202 if where.endswith("poll") else 200)


@pytest.mark.parametrize(("method", "template", "scope"), ON_OBJECTS)
def test_a_connection_of_another_workspace_is_not_found_just_like_none(
    agent: Agent, stranger: Agent, api: Api, erp: Connection, method: str, template: str, scope: str
) -> None:
    agent.call(method, template.format(id=erp.public_id), headers={"Idempotency_Key": "k"})
    asked = len(api.asked())
    with nothing_written():
        theirs = stranger.call(
            method, template.format(id=erp.public_id), headers={"Idempotency_Key": "k"}
        )
        nobodys = stranger.call(method, template.format(id=NOBODYS))
    assert code_of(theirs) == (404, "not_found")
    assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}
    assert len(api.asked()) == asked


def test_lists_do_not_leak(stranger: Agent, erp: Connection) -> None:
    poll(erp)
    for where in ("/connections", "/records", f"/records?connection={erp.public_id}"):
        assert stranger.get(where).json() == {"data": [], "next_cursor": None}


@pytest.mark.parametrize("verb", ["test", "poll", "dry-run"])
def test_an_unknown_field_is_refused(agent: Agent, api: Api, erp: Connection, verb: str) -> None:
    with nothing_written():
        assert error_of(agent.post(path(erp, verb), {"x": 1}))[0] == "x"
    assert api.asked() == []
