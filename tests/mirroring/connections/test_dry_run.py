"""POST /connections/{id}/dry-run: what a poll would do, and nothing done."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from mirroring import dry_run
from mirroring.models import Connection, Identity, Poll, Record
from tests.api.agent import Agent
from tests.api.refused import code_of, nothing_written
from tests.conftest import Clock
from tests.mirroring.connections.declared import ACCOUNT, LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, row
from tracks.models import Workspace

pytestmark = pytest.mark.django_db
NOBODY: dict[str, Any] = {"deciders": []}


@pytest.fixture
def erp(workspace: Workspace, api: Api) -> Connection:
    api.on(LIST, {"rows": [row(1)]})
    return connect(workspace, api)


def run(agent: Agent, connection: Connection, **body: Any) -> Any:
    """Return what a dry run tells; it must have written nothing."""
    with nothing_written():
        response = agent.post(f"/connections/{connection.public_id}/dry-run", body)
    assert response.status_code == 200, response.content
    return response.json()


def effects(found: Any) -> dict[str, str]:
    return {each["external_id"]: each["effect"] for each in found["items"]}


def test_a_new_approval_with_who_would_be_asked_and_what_was_made_of_it(
    agent: Agent, erp: Connection
) -> None:
    found = run(agent, erp)
    assert found == {
        "counts": {
            "new": 1,
            "changed": 0,
            "resolved": 0,
            "unchanged": 0,
            "ignored": 0,
            "needs_human": 0,
        },
        "items": [
            {
                "external_id": "1",
                "title": "Approval 1",
                "state": "pending",
                "effect": "new",
                "why": None,
                "changes": [],
                "approvers": ["al@corp.example"],
                "told": "summed_up",
                "url": None,
                "mapped": found["items"][0]["mapped"],
                "raw": row(1, total={"value": "750.5", "unit": "EUR"}),
            }
        ],
        "skipped": [],
        "stopped": None,
    }
    mapped = found["items"][0]["mapped"]
    assert (mapped["title"], mapped["amount"], mapped["currency"]) == (
        *("Approval 1", "750.5", "EUR"),
    )


def test_what_every_approval_would_come_to(
    agent: Agent, api: Api, erp: Connection, clock: Clock
) -> None:
    api.on(LIST, {"rows": [row(number) for number in range(1, 6)]})
    poll(erp)
    Record.objects.filter(external_id="5").update(status="deciding")
    rows = [
        row(1),
        row(2, total={"value": 900, "unit": "EUR"}),
        row(3, status="yes"),
        row(4, status="on hold"),
        row(5, subject="Another"),
        row(6, status="no"),
        row(7, **NOBODY),
        row(8, status="on hold"),
        row(9),
    ]
    api.on(LIST, {"rows": [*rows, {"key": 10}]})
    found = run(agent, erp)
    assert effects(found) == {
        "1": "unchanged",
        "2": "changed",
        "3": "resolved",
        "4": "needs_human",
        "5": "unchanged",
        "6": "ignored",
        "7": "needs_human",
        "8": "needs_human",
        "9": "new",
    }
    by_id = {each["external_id"]: each for each in found["items"]}
    assert by_id["2"]["changes"] == ["Amount: 750.5 EUR → 900 EUR"]
    assert by_id["3"]["why"] == "Approved in ERP."
    assert by_id["6"]["why"] == "Denied already."
    assert by_id["7"]["why"] == "The system names nobody who may decide."
    assert "uses a word for its state" in by_id["8"]["why"]
    assert found["skipped"] == [{"external_id": "10", "why": "it has no title"}]


def test_what_waits_for_staff_still_says_why(agent: Agent, api: Api, erp: Connection) -> None:
    api.on(LIST, {"rows": [row(7, **NOBODY)]})
    poll(erp)
    (found,) = run(agent, erp)["items"]
    assert (found["effect"], found["why"]) == (
        *("unchanged", "The system names nobody who may decide."),
    )


def test_the_poll_that_follows_does_just_that(agent: Agent, api: Api, erp: Connection) -> None:
    api.on(LIST, {"rows": [row(1), row(2), row(3), row(7)]})
    poll(erp)
    api.on(
        LIST,
        {"rows": [row(1), row(2, subject="B"), row(3, status="yes"), row(4), row(5, **NOBODY)]},
    )
    before = dict(Record.objects.values_list("external_id", "ask_id"))
    told = effects(run(agent, erp))
    poll(erp)
    after = {each.external_id: each for each in Record.objects.all()}
    assert told == {
        "1": "unchanged",
        "2": "changed",
        "3": "resolved",
        "4": "new",
        "5": "needs_human",
    }
    assert after["1"].ask_id == before["1"]
    assert after["2"].ask_id != before["2"]
    assert [after[each].status for each in "12345"] == [
        *("pending", "pending", "approved", "pending", "needs_human"),
    ]


@pytest.mark.parametrize(
    ("settings_of", "told"),
    [
        ({"notices": "silent"}, ["silent"] * 3),
        ({"notices": "digest"}, ["summed_up"] * 3),
        ({"notices_per_hour": 2}, ["at_once", "at_once", "summed_up"]),
        ({"notices_per_hour": 10}, ["at_once"] * 3),
    ],
)
def test_how_loudly_each_would_be_told(
    agent: Agent, workspace: Workspace, api: Api, settings_of: Any, told: list[str]
) -> None:
    api.on(LIST, {"rows": []})
    erp = connect(workspace, api, **settings_of)
    poll(erp)
    api.on(LIST, {"rows": [row(number) for number in range(1, 4)]})
    assert [each["told"] for each in run(agent, erp)["items"]] == told


def test_somebody_whom_the_system_names_without_an_address_is_looked_up_and_not_kept(
    agent: Agent, api: Api, erp: Connection, clock: Clock
) -> None:
    api.on(LIST, {"rows": [row(1, deciders=[{"login": "al"}]), row(2, deciders=[{"login": "bo"}])]})
    Identity.objects.create(
        connection=erp, external_id="al", address="al@corp.example", first_seen_at=clock.now
    )
    found = run(agent, erp)["items"]
    assert [each["effect"] for each in found] == ["new", "needs_human"]
    assert found[0]["approvers"] == ["al@corp.example"]
    assert found[1]["why"] == "No e-mail address is known of bo."


def test_whoever_asks_cannot_approve(agent: Agent, workspace: Workspace, api: Api) -> None:
    item = {"requester": {"from": "by", "id": "@", "email": "@"}}
    erp = connect(workspace, api, definition={f"item__{name}": it for name, it in item.items()})
    api.on(LIST, {"rows": [row(1, by="AL@corp.example")]})
    (found,) = run(agent, erp)["items"]
    assert (found["effect"], found["why"]) == (
        "needs_human",
        "The requester cannot be an approver.",
    )


def test_what_looks_secret_is_not_in_what_the_system_said(
    agent: Agent, api: Api, erp: Connection
) -> None:
    api.on(LIST, {"rows": [row(1, api_token="abc")]})
    assert run(agent, erp)["items"][0]["raw"]["api_token"] == "[redacted]"


# -- how far it reads ------------------------------------------------------------------------------

PAGED = {
    "list__request": {"path": "/approvals", "query": {"offset": "{offset}"}},
    "list__cursor": {"type": "offset"},
}


def test_it_goes_on_where_the_last_poll_was_or_begins_anew(
    agent: Agent, workspace: Workspace, api: Api
) -> None:
    erp = connect(workspace, api, definition={**ACCOUNT, **PAGED})
    api.on(LIST, {"rows": [row(1)]}, {"rows": []})
    poll(erp)
    cursor = Poll.objects.get().cursor
    run(agent, erp)
    run(agent, erp, from_start=True)
    assert [each["offset"] for each in api.queries(LIST)[-2:]] == ["1", "0"]
    assert Poll.objects.get().cursor == cursor


def test_it_reads_page_after_page_and_stops_at_500(
    agent: Agent, workspace: Workspace, api: Api
) -> None:
    paged = {**PAGED, "list__pages": {"type": "offset"}}
    erp = connect(workspace, api, definition=paged)
    pages = [{"rows": [row(f"{page}-{each}") for each in range(120)]} for page in range(6)]
    api.on(LIST, *pages)
    found = run(agent, erp)
    assert (len(found["items"]), found["stopped"]) == (500, "items")
    assert len(api.asked(LIST)) == 5


def test_it_stops_when_time_is_up(
    agent: Agent, workspace: Workspace, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "MOST_SECONDS", -1.0)
    erp = connect(workspace, api, definition={**PAGED, "list__pages": {"type": "offset"}})
    api.on(LIST, {"rows": [row(1)]})
    found = run(agent, erp)
    assert (len(found["items"]), found["stopped"]) == (1, "time")
    assert len(api.asked(LIST)) == 1


def test_a_page_costs_a_few_queries_however_many_approvals_it_has(
    workspace: Workspace,
    api: Api,
    erp: Connection,
    django_assert_num_queries: DjangoAssertNumQueries,
    clock: Clock,
) -> None:
    poll(erp)
    api.on(LIST, {"rows": [row(number) for number in range(60)]})
    fresh = Connection.objects.select_related("poll", "workspace").get()
    # The records, what Al was told within the hour, and two that say what was sent.
    with django_assert_num_queries(4):
        assert len(dry_run.dry_run(fresh).outlooks) == 60


# -- what goes wrong -------------------------------------------------------------------------------


def test_a_system_that_fails_is_a_problem_in_its_words_and_without_a_secret(
    agent: Agent, api: Api, erp: Connection
) -> None:
    api.on(LIST, {"message": f"{SECRET} is worth nothing"}, status=401)
    with nothing_written():
        refused = agent.post(f"/connections/{erp.public_id}/dry-run")
    assert code_of(refused) == (424, "system_failed")
    assert refused.json()["kind"] == "auth"
    assert "is worth nothing" in refused.json()["detail"]
    assert "Enter new credentials" in refused.json()["how_to_fix"]
    assert SECRET not in refused.content.decode()


def test_a_failure_leaves_the_key_unused(agent: Agent, api: Api, erp: Connection) -> None:
    api.on(LIST, {"message": "Out of order"}, status=500)
    where = f"/connections/{erp.public_id}/dry-run"
    assert code_of(agent.post(where, Idempotency_Key="k")) == (424, "system_failed")
    api.on(LIST, {"rows": []})
    assert agent.post(where, Idempotency_Key="k").status_code == 200


def test_a_configuration_that_is_no_longer_right_is_a_problem_too(
    agent: Agent, erp: Connection
) -> None:
    Connection.objects.update(config={"definition": "list: {}"})
    refused = agent.post(f"/connections/{erp.public_id}/dry-run")
    assert code_of(refused) == (424, "system_failed")
    assert "definition" in refused.json()["detail"]
