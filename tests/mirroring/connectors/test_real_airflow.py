"""What mirroring.connectors.airflow relies upon, of a real Airflow."""

import contextlib
from collections.abc import Iterator

import pytest

from mirroring.connectors.base import Gone, Option, Result, State
from tests.mirroring.connectors import real_airflow
from tests.mirroring.connectors.real_airflow import RealAirflowSystem
from tests.mirroring.connectors.test_contract import decide

pytestmark = pytest.mark.airflow


@pytest.fixture
def airflow() -> Iterator[RealAirflowSystem]:
    with contextlib.closing(RealAirflowSystem()) as system:
        yield system


def test_a_cleared_task_asks_anew_under_another_id(airflow: RealAirflowSystem) -> None:
    ref = airflow.open("Cleared")
    connector = airflow.connector()
    before = connector.get(ref)
    anew = airflow.clear(ref)
    with pytest.raises(Gone):
        connector.get(ref)
    assert connector.get(anew).created == before.created
    assert [item.external_id for item in connector.list(None, 10).items] == [anew]


def test_other_options_are_offered_by_their_words(airflow: RealAirflowSystem) -> None:
    ref = airflow.open("Which one?", dag="sayso_options")
    item = airflow.connector(default_approver="cfo@corp.example").get(ref)
    assert [person.email for person in item.approvers] == ["cfo@corp.example"]
    assert item.options == tuple(
        Option(code=word, label=word, state=State.UNKNOWN) for word in ("Blue", "Green")
    )
    assert decide(airflow, ref, "Green").result == Result.APPLIED
    assert decide(airflow, ref, "Blue").result == Result.CONFLICT


def test_an_account_that_is_not_assigned_may_not_answer(airflow: RealAirflowSystem) -> None:
    ref = airflow.open("Not for the account", dag="sayso_others")
    outcome = decide(airflow, ref, "approve")
    assert outcome.result == Result.FORBIDDEN
    assert "is not a respondent" in outcome.detail
    assert airflow.connector().get(ref).state == State.PENDING


def test_answers_are_refused_as_the_emulator_refuses_them(airflow: RealAirflowSystem) -> None:
    ref = airflow.open("Refused")
    path = f"{airflow.path(ref)}/hitlDetails"
    odd = {"chosen_options": ["Perhaps"], "params_input": {}}
    assert real_airflow.refused("sayso", "PATCH", path, odd) == 400
    airflow.decide(ref, State.APPROVED)
    late = {"chosen_options": ["Reject"], "params_input": {}}
    assert real_airflow.refused("sayso", "PATCH", path, late) == 409
    note = {"note": "x" * 1001}
    assert real_airflow.refused("sayso", "PATCH", airflow.path(ref), note) == 422


def test_who_answered_in_airflow_is_told(airflow: RealAirflowSystem) -> None:
    ref = airflow.open("Answered there")
    airflow.decide(ref, State.REJECTED)
    item = airflow.connector().get(ref)
    assert item.decided_by is not None
    assert (item.state, item.decided_by.email) == (State.REJECTED, "alice@corp.example")
