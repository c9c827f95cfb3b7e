"""What is Airflow's own, against an emulator with its faults, and against recorded answers."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from mirroring.connectors.airflow import Airflow
from mirroring.connectors.base import (
    ConnectorError,
    Gone,
    Kind,
    Option,
    Outcome,
    Person,
    Result,
    State,
)
from tests.mirroring.connectors.airflow_system import AirflowSystem
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.test_contract import ALICE, decide

PAYLOADS = Path(__file__).parent / "payloads" / "airflow"


@pytest.fixture
def airflow() -> Iterator[AirflowSystem]:
    system = AirflowSystem()
    yield system
    system.close()


def test_a_recorded_page_is_read(api: Api) -> None:
    api.on("POST /auth/token", {"access_token": "t"}, status=201)
    api.on(
        "GET /api/v2/dags/~/dagRuns/~/hitlDetails", (PAYLOADS / "hitl_details.json").read_bytes()
    )
    config = {"base_url": api.url, "username": "sayso", "password": "secret-password"}
    page = Airflow({**config, "mail_domain": "corp.example"}).list(None, 100)
    (item,) = page.items
    assert item.title == "Pay invoice 4711?"
    assert (item.amount, item.currency) == (Decimal("18400.5"), None)
    assert item.approvers == (Person(id="7", email="alice@corp.example", name="alice"),)
    assert item.external_id.startswith("pay_invoices/manual__2026-11-22T10%3A00%3A00%2B00%3A00/")
    assert item.summary[-1] == ("amount", "18400.5")
    assert (page.complete, page.is_snapshot) == (True, True)
    assert len(page.skipped) == 1


def test_a_cleared_task_is_another_approval(airflow: AirflowSystem) -> None:
    ref = airflow.open("Cleared")
    airflow.server.clear(airflow.task(ref))
    connector = airflow.connector()
    with pytest.raises(Gone):
        connector.get(ref)
    assert decide_blindly(airflow, ref).result == Result.GONE
    (anew,) = connector.list(None, 10).items
    assert anew.external_id != ref


def decide_blindly(airflow: AirflowSystem, ref: str) -> Outcome:
    return airflow.connector().decide(
        ref, "approve", actor=ALICE, comment="", expected="x", key="sayso-1"
    )


def test_other_options_are_offered_by_their_words(airflow: AirflowSystem) -> None:
    airflow.server.ask("Which one?", options=("Blue", "Approve"))
    (item,) = airflow.connector().list(None, 10).items
    assert item.options[0] == Option(code="Blue", label="Blue", state=State.UNKNOWN)
    assert decide(airflow, item.external_id, "Blue").result == Result.APPLIED
    assert decide(airflow, item.external_id, "Blue").result == Result.ALREADY_SAME
    assert decide(airflow, item.external_id, "approve").result == Result.CONFLICT
    assert airflow.connector().get(item.external_id).state == State.UNKNOWN


def test_who_answered_in_airflow_is_told(airflow: AirflowSystem) -> None:
    ref = airflow.open("Answered there")
    airflow.decide(ref, State.APPROVED)
    assert airflow.connector().get(ref).decided_by == Person(
        id="alice", email="alice@corp.example", name="alice"
    )


def test_of_two_answers_at_once_the_one_that_stayed_counts(airflow: AirflowSystem) -> None:
    ref = airflow.open("Both win")
    airflow.server.faults = ["both_win"]
    # It was written, and overwritten: that is no refusal.
    assert decide(airflow, ref, "approve").result == Result.UNKNOWN


def test_an_error_after_the_commit_leads_to_a_look(airflow: AirflowSystem) -> None:
    ref = airflow.open("Error after the commit")
    airflow.server.faults = ["server_error_after_commit"]
    assert decide(airflow, ref, "approve").result == Result.UNKNOWN
    assert airflow.connector().get(ref).state == State.APPROVED
    assert decide(airflow, ref, "approve").result == Result.ALREADY_SAME


@pytest.mark.parametrize(
    ("fault", "kind", "pause"),
    [("server_error", Kind.SERVER, None), ("too_many_requests", Kind.RATE_LIMITED, 7)],
)
def test_a_failing_list_is_no_empty_one(
    airflow: AirflowSystem, fault: str, kind: Kind, pause: float | None
) -> None:
    airflow.server.faults = [fault]
    with pytest.raises(ConnectorError) as failure:
        airflow.connector().list(None, 10)
    assert (failure.value.kind, failure.value.retry_after) == (kind, pause)


def test_a_short_page_is_not_the_last(airflow: AirflowSystem) -> None:
    refs = [airflow.open(f"Short {index}") for index in range(3)]
    airflow.server.faults = ["short_page"]
    connector = airflow.connector()
    first = connector.list(None, 10)
    second = connector.list(first.cursor, 10)
    assert (len(first.items), first.complete, second.complete) == (1, False, True)
    assert [item.external_id for item in (*first.items, *second.items)] == refs


def test_a_token_that_ended_is_asked_for_anew(airflow: AirflowSystem) -> None:
    connector = airflow.connector()
    connector.list(None, 10)
    airflow.server.tokens.clear()
    assert connector.list(None, 10).complete is True


def test_a_task_that_ended_without_an_answer_is_cancelled(airflow: AirflowSystem) -> None:
    ref = airflow.open("Timed out")
    detail = airflow.server.details[airflow.task(ref)]
    detail["task_instance"]["state"] = "failed"
    connector = airflow.connector()
    assert connector.get(ref).state == State.CANCELLED
    assert connector.list(None, 10).items == ()
    assert decide(airflow, ref, "approve").result == Result.CONFLICT


def test_the_account_is_not_asked_itself(airflow: AirflowSystem) -> None:
    ref = airflow.open("The account alone")
    detail = airflow.server.details[airflow.task(ref)]
    detail["assigned_users"] = [{"id": "9", "name": "sayso"}]
    assert airflow.connector().get(ref).approvers == ()
    named = airflow.connector(default_approver="cfo@corp.example").get(ref)
    assert [person.email for person in named.approvers] == ["cfo@corp.example"]


def test_an_account_that_is_not_assigned_may_not_answer(airflow: AirflowSystem) -> None:
    ref = airflow.open("Not for the account")
    airflow.server.details[airflow.task(ref)]["assigned_users"].pop()
    assert decide(airflow, ref, "approve").result == Result.FORBIDDEN
    assert airflow.connector().get(ref).state == State.PENDING


def test_nobody_named_is_the_default_approver(airflow: AirflowSystem) -> None:
    ref = airflow.open("Nobody")
    airflow.server.details[airflow.task(ref)]["assigned_users"] = []
    assert airflow.connector().get(ref).approvers == ()
    named = airflow.connector(default_approver="cfo@corp.example").get(ref)
    assert named.approvers == (Person(id="cfo@corp.example", email="cfo@corp.example"),)


def test_a_note_is_added_to_what_is_there_and_fits(airflow: AirflowSystem) -> None:
    ref = airflow.open("Noted")
    task = airflow.server.details[airflow.task(ref)]["task_instance"]
    task["note"] = "Look at the invoice first."
    airflow.connector().note(ref, "x" * 2000, "m-1")
    assert task["note"].startswith("Look at the invoice first.\n\nxxx")
    assert task["note"].endswith("x\n[m-1]")
    assert len(task["note"]) == 1000
    with pytest.raises(ConnectorError):
        airflow.connector().note(ref, "more", "m-2")


def test_a_name_with_a_slash_leads_nowhere_else(airflow: AirflowSystem) -> None:
    odd = "/".join(quote(each, safe="") for each in ("a/b", "run", "task", "-1", "id"))
    with pytest.raises(Gone):
        airflow.connector().get(odd)
    assert airflow.server.requests == []


def test_the_recorded_page_is_what_it_says() -> None:
    said = json.loads((PAYLOADS / "hitl_details.json").read_text())
    assert said["total_entries"] == len(said["hitl_details"])
