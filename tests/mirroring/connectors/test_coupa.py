"""What is Coupa's own, against an emulator and against recorded answers."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from mirroring.connectors.base import (
    ConnectorError,
    Gone,
    Kind,
    NoteTime,
    Person,
    Result,
    State,
)
from mirroring.connectors.coupa import Coupa
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.coupa_system import CoupaSystem
from tests.mirroring.connectors.system import find, one_pass
from tests.mirroring.connectors.test_contract import ALICE, decide
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.coupa import Decision

PAYLOADS = Path(__file__).parent / "payloads" / "coupa"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CFO = "cfo@corp.example"


def recorded(api: Api, **config: str) -> Coupa:
    api.on("POST /oauth2/token", {"access_token": "t0ken", "expires_in": 86399})
    for name in ("approvals", "requisitions", "invoices", "users"):
        api.on(f"GET /api/{name}", (PAYLOADS / f"{name}.json").read_bytes())
    known = {"base_url": api.url, "client_id": "id", "client_secret": "secret"}
    return Coupa({**known, **config})


def asked(coupa: CoupaSystem) -> list[str]:
    """Return the requests that came, without their queries, and forget them."""
    lines = [line.partition("?")[0] for line in coupa.server.requests]
    coupa.server.requests.clear()
    return lines


# -- what it looks like ----------------------------------------------------------------------------


def test_a_recorded_page_is_read(api: Api) -> None:
    page = recorded(api).list(None, 50)
    item = page.items[0]
    assert (item.external_id, item.state) == ("12622", State.PENDING)
    assert item.title == "Requisition 2696: AppBuilder Q1 PO"
    assert item.details == "AppBuilder Q1 PO\nDelivery"
    assert (item.amount, item.currency) == (Decimal("43840.00"), "INR")
    assert item.approvers == (
        Person(
            id="3",
            email="vpierre@corp.example",
            name="Victor (CFO) Pierre",
            manager="board@corp.example",
        ),
        Person(id="9", email="bjenkins@corp.example", name="Bob Jenkins"),
    )
    assert item.requester == Person(id="802", email="rita@corp.example", name="Rita Requester")
    assert item.updated == datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    assert item.due == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert item.url == f"{api.url}/requisition_headers/2696"
    assert page.complete is False
    assert [each.which for each in page.skipped] == ["12625"]


def test_an_invoice_goes_to_a_group_without_an_address(api: Api) -> None:
    item = recorded(api).list(None, 50).items[1]
    assert item.title == "Invoice 77: INV-4711"
    assert (item.amount, item.currency) == (Decimal("750.50"), "EUR")
    assert item.approvers == (Person(id="group 12", name="Accounts payable"),)
    assert (item.requester, item.details) == (None, None)


def test_a_document_of_another_type_is_named(api: Api) -> None:
    item = recorded(api).list(None, 50).items[2]
    assert (item.title, item.amount, item.url) == ("EasyFormResponse 5", None, None)


def test_the_first_question_is_what_is_pending(api: Api) -> None:
    recorded(api).list(None, 100)
    assert api.queries("GET /api/approvals") == [
        {
            "status": "pending_approval",
            "order_by": "updated_at",
            "dir": "asc",
            "limit": "50",
            "offset": "0",
        }
    ]
    query = api.queries("GET /api/requisitions")[0]
    assert query["id[in]"] == "2696,2697"
    assert json.loads(query["fields"]) == [
        "id",
        "justification",
        "need-by-date",
        "total",
        {"currency": ["code"]},
        {"requested-by": ["id", "login", "email", "fullname"]},
        {"requisition-lines": ["description"]},
    ]


def test_many_lines_are_not_all_told_and_yet_all_count(coupa: CoupaSystem) -> None:
    ref = coupa.open("Many lines")
    document = coupa.server.document_of(int(ref))
    document["requisition-lines"] = [{"id": n, "description": f"Line {n}"} for n in range(60)]
    before = coupa.connector().get(ref)
    assert before.details is not None
    assert before.details.splitlines()[-2:] == ["Line 49", "and 10 more"]
    document["requisition-lines"][59]["description"] = "Another line"
    after = coupa.connector().get(ref)
    assert after.details == before.details
    assert after.material_digest != before.material_digest


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("on_hold", State.NOT_REQUIRED),
        ("escalated", State.NOT_REQUIRED),
        ("skipped", State.NOT_REQUIRED),
        ("withdrawn", State.CANCELLED),
        ("cancelled", State.CANCELLED),
        ("reopened", State.UNKNOWN),
    ],
)
def test_what_is_not_pending_is_not_listed_at_first_and_never_decided(
    coupa: CoupaSystem, word: str, state: State
) -> None:
    ref = coupa.open("Not now")
    coupa.server.touch(int(ref), status=word)
    assert coupa.connector().list(None, 10).items == ()
    assert coupa.connector().get(ref).state == state
    assert decide(coupa, ref, "deny").result == Result.CONFLICT
    assert coupa.written(ref) == []


# -- how much is asked for -------------------------------------------------------------------------


def test_a_page_costs_one_request_for_each_type_of_document(coupa: CoupaSystem) -> None:
    for index in range(20):
        coupa.open(f"Many {index}")
    connector = coupa.connector()
    page = connector.list(None, 50)
    assert len(page.items) == 20
    assert asked(coupa) == [
        "POST /oauth2/token",
        "GET /api/approvals",
        "GET /api/requisitions",
        "GET /api/users",
    ]
    connector.list(page.cursor, 50)
    assert asked(coupa) == ["GET /api/approvals"]


def test_a_document_is_kept_for_a_pass_and_no_longer(coupa: CoupaSystem) -> None:
    ref = coupa.open("Dearer by now", amount="10.00")
    connector = coupa.connector()
    _, cursor = one_pass(connector)
    coupa.server.document_of(int(ref))["total"] = "11.00"
    items, _ = one_pass(connector, cursor)
    assert {item.amount for item in items} == {Decimal("11.00")}


def test_one_approval_costs_one_request_more_and_is_never_stale(coupa: CoupaSystem) -> None:
    ref = coupa.open("Dearer by now", amount="10.00")
    connector = coupa.connector()
    connector.list(None, 10)
    coupa.server.document_of(int(ref))["total"] = "11.00"
    asked(coupa)
    assert connector.get(ref).amount == Decimal("11.00")
    assert asked(coupa) == [f"GET /api/approvals/{ref}", "GET /api/requisitions"]


def test_documents_that_do_not_come_together_are_asked_for_singly(api: Api) -> None:
    connector = recorded(api)
    api.on("GET /api/requisitions", [{"id": 1, "total": "1.00"}])
    single = json.loads((PAYLOADS / "requisitions.json").read_text())[0]
    api.on("GET /api/requisitions/2696", single)
    items = connector.list(None, 50).items
    assert items[0].amount == Decimal("43840.00")
    assert len(api.asked("GET /api/requisitions/2696")) == 1


def test_documents_that_may_not_be_seen_are_told_as_such(coupa: CoupaSystem) -> None:
    ref = coupa.open("Hidden", amount="10.00")
    scopes = "core.approval.read core.approval.write"
    connector = coupa.connector(scopes=scopes)
    listed, alone = find(connector, ref), connector.get(ref)
    assert listed is not None
    assert (listed.amount, listed.revision) == (None, alone.revision)
    assert listed.summary == (("Document", "not visible to Sayso's client"),)
    assert listed.approvers[0].manager is None
    assert coupa.connector().get(ref).approvers[0].manager == CFO


# -- who we are ------------------------------------------------------------------------------------


def test_an_empty_list_for_a_bad_token_is_told_from_an_empty_system(coupa: CoupaSystem) -> None:
    empty = coupa.connector().check()
    assert (empty.ok, empty.account, empty.detail) == (
        True,
        "sayso-client",
        "The client sees no approvals.",
    )
    assert "core.approval.read" in empty.how_to_fix
    ref = coupa.open("Hidden")
    connector = coupa.connector()
    assert connector.check().detail == "The client sees approvals."
    coupa.server.faults.add(faults.EMPTY_FOR_A_BAD_TOKEN, times=None)
    coupa.server.tokens.clear()
    health = connector.check()
    assert (health.ok, health.error) == (False, Kind.FORBIDDEN)
    for ask in (lambda: connector.list(None, 10), lambda: connector.get(ref)):
        with pytest.raises(ConnectorError) as refusal:
            ask()
        assert refusal.value.kind == Kind.FORBIDDEN


def test_a_token_that_stops_working_does_not_move_the_cursor(coupa: CoupaSystem) -> None:
    coupa.open("Seen before")
    connector = coupa.connector()
    _, cursor = one_pass(connector)
    coupa.server.faults.add(faults.EMPTY_FOR_A_BAD_TOKEN, times=None)
    coupa.server.tokens.clear()
    assert one_pass(connector, cursor) == ([], cursor)


def test_a_token_that_ended_is_asked_for_anew(coupa: CoupaSystem) -> None:
    ref = coupa.open("After a day")
    connector = coupa.connector()
    connector.list(None, 10)
    coupa.server.tokens.clear()
    assert connector.get(ref).state == State.PENDING


def test_without_scopes_all_that_are_of_use_are_asked_for(api: Api) -> None:
    connector = recorded(api, scopes=" ")
    connector.check()
    (token,) = api.asked("POST /oauth2/token")
    assert dict(parse_qsl(token.body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "secret",
        "scope": "core.approval.read core.approval.write core.requisition.read core.invoice.read "
        "core.expense.read core.purchase_order.read core.user.read",
    }


def test_a_client_that_may_only_read_is_forbidden_to_decide(coupa: CoupaSystem) -> None:
    ref = coupa.open("Read only")
    connector = coupa.connector(scopes="core.approval.read core.requisition.read core.user.read")
    expected = connector.get(ref).revision
    outcome = connector.decide(
        ref, "approve", actor=ALICE, comment="", expected=expected, key="sayso-1"
    )
    assert (outcome.result, coupa.written(ref)) == (Result.FORBIDDEN, [])


def test_what_is_not_there_is_gone(coupa: CoupaSystem) -> None:
    with pytest.raises(Gone):
        coupa.connector().get("99999")


# -- what is written -------------------------------------------------------------------------------


def test_what_was_written_is_told_with_its_reason(coupa: CoupaSystem) -> None:
    coupa.server.clock.set(NOON)
    ref = coupa.open("Written down")
    decide(coupa, ref, "deny", comment="Too dear & too late?", key="sayso-77")
    (decision,) = coupa.server.decisions[int(ref)]
    assert decision == Decision(
        status="rejected",
        before="pending_approval",
        by="sayso-client",
        at=NOON,
        text="Deny: decided by Alice Approver <alice@corp.example> at 2026-11-22 10:30 UTC through "
        "Sayso (receipt rcp_0123456789).\n\nToo dear & too late?\n\n[sayso-77]",
    )
    decider = coupa.connector().get(ref).decided_by
    assert decider == Person(id="9464", name="sayso-client")


@pytest.mark.parametrize(("character", "is_whole"), [("a ", True), ("ü ", True), ("🜂 ", False)])
def test_a_comment_is_cut_only_where_a_url_has_no_room(
    coupa: CoupaSystem, character: str, is_whole: bool
) -> None:
    ref = coupa.open("Long")
    comment = (character * 125 + "a" * 250)[: coupa.connector().capabilities().comment_max]
    assert decide(coupa, ref, "approve", comment=comment, key="sayso-1").result == Result.APPLIED
    (decision,) = coupa.server.decisions[int(ref)]
    assert decision.text.startswith("Approve: decided by Alice Approver <alice@corp.example>")
    assert decision.text.endswith("\n\n[sayso-1]")
    assert (comment in decision.text, " […]" in decision.text) == (is_whole, not is_whole)
    assert comment[:80] in decision.text


def test_there_is_no_place_for_another_note(coupa: CoupaSystem) -> None:
    ref = coupa.open("Noted")
    connector = coupa.connector()
    assert connector.capabilities().note == NoteTime.WITH_DECISION
    before = connector.get(ref)
    connector.note(ref, "Asked in Sayso.", "sayso-asked-1")
    assert (connector.get(ref), coupa.log(ref)) == (before, [""])
