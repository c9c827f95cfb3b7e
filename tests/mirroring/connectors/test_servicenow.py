"""What is ServiceNow's own, against an emulator and against recorded answers."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from mirroring.connectors.base import (
    BadConfig,
    ConnectorError,
    Gone,
    Kind,
    Person,
    Result,
    State,
)
from mirroring.connectors.servicenow import ServiceNow
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.servicenow_system import ServiceNowSystem
from tests.mirroring.connectors.system import find, one_pass
from tests.mirroring.connectors.test_contract import ALICE, decide
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.servicenow import CLIENTS
from tests.mirroring.emulators.servicenow_table import Decision

PAYLOADS = Path(__file__).parent / "payloads" / "servicenow"
LIST = "GET /api/now/table/sysapproval_approver"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOBODY = "f" * 32


# -- what it looks like ----------------------------------------------------------------------------


def over(api: Api) -> ServiceNow:
    return ServiceNow({"base_url": api.url, "username": "u", "password": "secret"})


def recorded(api: Api) -> ServiceNow:
    api.on(LIST, (PAYLOADS / "approvals.json").read_bytes())
    return over(api)


def test_a_recorded_page_is_read(api: Api) -> None:
    page = recorded(api).list(None, 100)
    item, _ = page.items
    assert item.external_id == "070e9a1b4fb903002ba13879b110c7e3"
    assert (item.state, item.title) == (State.PENDING, "Twelve laptops for team Blue")
    assert item.details == "Model: 14 inch, 32 GB.\r\nDelivery: Berlin."
    assert item.approvers == (
        Person(
            id="71826bf03710200044e0bfc8bcbe5d3b",
            email="aileen.mottern@corp.example",
            name="Aileen Mottern",
            manager="cfo@corp.example",
        ),
    )
    assert item.requester == Person(
        id="62826bf03710200044e0bfc8bcbe5df1", email="rita@corp.example", name="Rita Requester"
    )
    assert (item.amount, item.currency) == (Decimal("18400.5"), "EUR")
    assert item.summary == (("Request", "RITM0010042"),)
    assert item.created == datetime(2026, 11, 22, 10, 26, 9, tzinfo=UTC)
    assert item.updated == datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    assert item.due == datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert item.decided_by is None
    assert item.url == f"{api.url}/sysapproval_approver.do?sys_id={item.external_id}"
    assert page.complete is True
    assert [(each.which, each.why) for each in page.skipped] == [
        (
            "270e9a1b4fb903002ba13879b110c7e5",
            "it has no sys_id, no state or no time of its last change",
        )
    ]


def test_what_the_account_may_not_see_is_left_open(api: Api) -> None:
    item = recorded(api).list(None, 100).items[1]
    assert item.title == "Change Request: CHG0030007"
    assert item.approvers == (Person(id="71826bf03710200044e0bfc8bcbe5d3b", name="Aileen Mottern"),)
    assert (item.requester, item.amount, item.currency, item.details) == (None, None, None, None)


def test_the_first_question_is_what_is_pending(api: Api) -> None:
    recorded(api).list(None, 500)
    (query,) = api.queries(LIST)
    assert query.pop("sysparm_fields").split(",")[-2:] == [
        "sys_mod_count",
        "sysapproval.ref_sc_req_item.price",
    ]
    assert query == {
        "sysparm_query": "state=requested^ORDERBYsys_updated_on^ORDERBYsys_id",
        "sysparm_limit": "100",
        "sysparm_display_value": "all",
        "sysparm_exclude_reference_link": "true",
    }


def test_an_amount_without_a_currency_is_in_the_one_that_was_given(snow: ServiceNowSystem) -> None:
    ref = snow.open("Laptops", amount="18400.50")
    assert snow.connector().get(ref).currency is None
    item = snow.connector(currency="EUR").get(ref)
    assert (item.amount, item.currency) == (Decimal("18400.50"), "EUR")
    assert snow.connector(amount_field="", currency="EUR").get(ref).currency is None


def test_a_word_that_is_not_known_is_for_a_person(snow: ServiceNowSystem) -> None:
    ref = snow.server.open("More information", state="more_info")
    assert snow.connector().get(ref).state == State.UNKNOWN
    assert decide(snow, ref, "approve").result == Result.CONFLICT


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("not requested", State.NOT_REQUIRED),
        ("not_required", State.NOT_REQUIRED),
        ("cancelled", State.CANCELLED),
        ("duplicate", State.CANCELLED),
    ],
)
def test_what_is_not_asked_for_is_not_listed_at_first_and_never_decided(
    snow: ServiceNowSystem, word: str, state: State
) -> None:
    ref = snow.server.open("Not now", state=word)
    assert snow.connector().list(None, 10).items == ()
    assert snow.connector().get(ref).state == state
    assert decide(snow, ref, "deny").result == Result.CONFLICT
    assert snow.written(ref) == []


# -- who we are ------------------------------------------------------------------------------------


def test_an_oauth_client_does_as_well_as_a_password(snow: ServiceNowSystem) -> None:
    ((client, secret),) = CLIENTS.items()
    nobody = {"username": "", "password": ""}
    connector = snow.connector(**nobody, client_id=client, client_secret=secret)
    ref = snow.open("By OAuth")
    assert find(connector, ref) is not None
    assert connector.check().account == "sayso.integration"
    snow.server.tokens.clear()
    assert connector.get(ref).state == State.PENDING
    wrong = snow.connector(**nobody, client_id=client, client_secret="wrong-secret").check()
    assert (wrong.ok, wrong.error) == (False, Kind.AUTH)
    assert "wrong-secret" not in wrong.detail


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"password": ""}, "username"),
        ({"username": "", "password": ""}, "username"),
        ({"username": "", "password": "", "client_id": "x"}, "client_id"),
        ({"client_id": "x", "client_secret": "y"}, "client_id"),
        ({"amount_field": "price^state=approved"}, "amount_field"),
        ({"currency": "Euro"}, "currency"),
    ],
)
def test_what_cannot_be_right_is_told_by_its_field(
    snow: ServiceNowSystem, config: dict[str, str], field: str
) -> None:
    with pytest.raises(BadConfig) as refusal:
        snow.connector(**config)
    assert [problem.field for problem in refusal.value.problems] == [field]


def test_an_empty_list_for_a_bad_token_is_told_from_an_empty_system(snow: ServiceNowSystem) -> None:
    empty = snow.connector().check()
    assert (empty.ok, empty.account) == (True, "sayso.integration")
    assert empty.detail == "The account sees no pending approvals."
    assert "approval_admin" in empty.how_to_fix
    ref = snow.open("Hidden from a guest")
    assert snow.connector().check().detail == "The account sees 1 pending approvals."
    snow.server.faults.add(faults.EMPTY_FOR_A_BAD_TOKEN, times=None)
    guest = snow.connector(**snow.bad_credentials())
    health = guest.check()
    assert (health.ok, health.error) == (False, Kind.AUTH)
    for ask in (lambda: guest.list(None, 10), lambda: guest.get(ref)):
        with pytest.raises(ConnectorError) as refusal:
            ask()
        assert refusal.value.kind == Kind.AUTH


def test_a_token_that_stops_working_does_not_move_the_cursor(snow: ServiceNowSystem) -> None:
    snow.open("Seen before")
    connector = snow.connector()
    _, cursor = one_pass(connector)
    snow.server.faults.add(faults.EMPTY_FOR_A_BAD_TOKEN, times=None)
    items, after = one_pass(snow.connector(**snow.bad_credentials()), cursor)
    assert (items, after) == ([], cursor)


def test_an_answer_about_everybody_does_not_say_who_we_are(api: Api) -> None:
    people = [{"user_name": "abel"}, {"user_name": "beth"}]
    api.on("GET /api/now/table/sys_user", {"result": people})
    health = recorded(api).check()
    assert (health.ok, health.error) == (False, Kind.BAD_ANSWER)


def test_what_is_not_there_is_gone_for_somebody_who_is_known(snow: ServiceNowSystem) -> None:
    with pytest.raises(Gone):
        snow.connector().get(NOBODY)
    refused = snow.connector().decide(
        NOBODY, "approve", actor=ALICE, comment="", expected="x", key="sayso-1"
    )
    assert refused.result == Result.GONE


def test_a_recorded_refusal_tells_what_to_do(api: Api) -> None:
    refusal = (PAYLOADS / "not_authenticated.json").read_bytes()
    api.on("GET /api/now/table/sys_user", refusal, status=401)
    health = recorded(api).check()
    assert (health.ok, health.error) == (False, Kind.AUTH)
    assert "User Not Authenticated" in health.detail


# -- what is written -------------------------------------------------------------------------------


def test_what_was_written_is_told_with_its_text(snow: ServiceNowSystem) -> None:
    snow.server.clock.set(NOON)
    ref = snow.open("Written down")
    decide(snow, ref, "deny", comment="Too dear.", key="sayso-77")
    (decision,) = snow.server.decisions[ref]
    assert decision == Decision(
        state="rejected",
        before="requested",
        by="sayso.integration",
        at=NOON,
        text="Deny: decided by Alice Approver <alice@corp.example> at 2026-11-22 10:30 UTC through "
        "Sayso (receipt rcp_0123456789).\n\nToo dear.\n\n[sayso-77]",
    )
    assert snow.connector().get(ref).decided_by == Person(id="sayso.integration")


def test_a_note_is_a_work_note_of_the_document(snow: ServiceNowSystem) -> None:
    ref = snow.open("Noted")
    before = snow.connector().get(ref).revision
    snow.connector().note(ref, "Asked in Sayso.", "sayso-asked-1")
    assert snow.server.document_of(ref).work_notes == ["Asked in Sayso.\n\n[sayso-asked-1]"]
    assert snow.server.table.rows[ref].comments == []
    assert snow.connector().get(ref).revision == before
