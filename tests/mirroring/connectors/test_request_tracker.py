"""What is Request Tracker's own: against the real one, and against answers it once gave."""

import contextlib
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mirroring.connectors.base import ConnectorError, Gone, Kind, Person, Result, State
from mirroring.connectors.request_tracker import RequestTracker
from tests import receivers
from tests.mirroring.connectors import rt
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.rt import RequestTrackerSystem
from tests.mirroring.connectors.system import find
from tests.mirroring.connectors.test_contract import ALICE, decide

PAYLOADS = Path(__file__).parent / "payloads" / "request_tracker"


def payload(name: str, **changes: Any) -> Any:
    return {**json.loads((PAYLOADS / f"{name}.json").read_text()), **changes}


def connector(api: Api) -> RequestTracker:
    return RequestTracker({"base_url": f"{api.url}/REST/2.0", "token": "1-35-abc"})


def decided(api: Api, *, expected: str = "") -> Result:
    by = connector(api)
    expected = expected or by.get("2").revision
    return by.decide(
        "2", "approve", actor=ALICE, comment="Fine.", expected=expected, key="sayso-1"
    ).result


# -- recorded --------------------------------------------------------------------------------------


def test_a_recorded_list_is_read(api: Api) -> None:
    api.on("GET /REST/2.0/tickets", payload("tickets"))
    page = connector(api).list(None, 100)
    first = page.items[0]
    assert (first.external_id, first.title) == ("2", "Approve: Prod DB read access for rita")
    assert first.approvers == (
        Person(id="alice@corp.example", email="alice@corp.example", name="Alice Approver"),
    )
    assert first.requester == Person(
        id="rita@corp.example", email="rita@corp.example", name="Rita Requester"
    )
    assert first.url == f"{api.url}/Approvals/Display.html?id=2"
    assert (first.due, first.summary) == (None, (("Request", "#1"),))
    assert (page.complete, page.is_snapshot) == (False, False)


def test_the_search_is_the_one_that_finds_approvals(api: Api) -> None:
    api.on("GET /REST/2.0/tickets", payload("tickets"), payload("tickets", next_page=None))
    by = connector(api)
    page = by.list(None, 500)
    by.list(by.list(page.cursor, 500).cursor, 500)
    first, second, third = api.queries("GET")
    assert first["query"] == "Type = 'approval' AND Status = 'open'"
    assert (first["per_page"], first["page"], first["orderby"]) == ("100", "1", "id")
    assert second["query"] == f"{first['query']} AND LastUpdated >= '2026-11-22 10:26:10 +0000'"
    assert third["query"].startswith("Type = 'approval' AND LastUpdated >= '")
    assert api.asked()[0].line.count("orderby=") == 2


def test_a_ticket_that_cannot_be_read_harms_no_other(api: Api) -> None:
    said = payload("tickets")
    del said["items"][0]["Owner"]
    api.on("GET /REST/2.0/tickets", said)
    page = connector(api).list(None, 100)
    assert [item.external_id for item in page.items] == ["4"]
    assert [each.which for each in page.skipped] == ["2"]


@pytest.mark.parametrize("content", [{}, [], {"items": None}, "text"])
def test_an_answer_without_items_is_not_an_empty_list(api: Api, content: Any) -> None:
    api.on("GET /REST/2.0/tickets", content)
    with pytest.raises(ConnectorError) as failure:
        connector(api).list(None, 100)
    assert failure.value.kind == Kind.BAD_ANSWER


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("new", State.NOT_REQUIRED),
        ("open", State.PENDING),
        ("stalled", State.NOT_REQUIRED),
        ("resolved", State.APPROVED),
        ("rejected", State.REJECTED),
        ("deleted", State.CANCELLED),
        ("escalated", State.UNKNOWN),
    ],
)
def test_each_status_has_its_state(api: Api, status: str, state: State) -> None:
    api.on("GET /REST/2.0/ticket/2", payload("ticket", Status=status))
    api.on("GET /REST/2.0/ticket/2/attachments", payload("attachments"))
    api.on("GET /REST/2.0/ticket/2/history", {"items": []})
    item = connector(api).get("2")
    assert (item.state, item.description) == (state, "Need read access to prod for incident 4711.")


def test_a_ticket_that_is_no_approval_or_was_merged_is_gone(api: Api) -> None:
    api.on("GET /REST/2.0/ticket/2", payload("ticket", Type="ticket"), payload("ticket", id=3))
    for _ in range(2):
        with pytest.raises(Gone):
            connector(api).get("2")


def test_an_approval_without_an_owner_has_no_approver(api: Api) -> None:
    nobody = {"type": "user", "id": "Nobody", "EmailAddress": "", "RealName": "Nobody"}
    api.on("GET /REST/2.0/ticket/2", payload("ticket", Owner=nobody, Requestor=[]))
    api.on("GET /REST/2.0/ticket/2/attachments", payload("attachments"))
    item = connector(api).get("2")
    assert (item.approvers, item.requester) == ((), None)


def test_two_decisions_at_once_show(api: Api) -> None:
    def move(old: str, new: str, who: str) -> dict[str, Any]:
        return {"Type": "Status", "OldValue": old, "NewValue": new, "Creator": {"id": who}}

    api.on("GET /REST/2.0/ticket/2", payload("ticket", Status="rejected"))
    api.on("GET /REST/2.0/ticket/2/attachments", payload("attachments"))
    opened, yes, no = (
        move("new", "open", "RT_System"),
        move("open", "resolved", "alice"),
        move("open", "rejected", "mirror"),
    )
    reopened = [opened, yes, move("resolved", "open", "RT_System"), no]
    for moves, contested in (([opened, no], False), ([opened, yes, no], True), (reopened, False)):
        api.on("GET /REST/2.0/ticket/2/history", {"items": moves})
        item = connector(api).get("2")
        assert (item.is_contested, item.decided_by) == (contested, Person(id="mirror"))


def writable(api: Api, *answers: Any, after: str = "open") -> None:
    """Let ticket 2 be open until it is written to."""
    ticket = payload("ticket")
    last = payload("ticket", Status=after)
    api.on("GET /REST/2.0/ticket/2", ticket, ticket, ticket, last, ETag='"62"')
    api.on("GET /REST/2.0/ticket/2/attachments", payload("attachments"))
    api.on("POST /REST/2.0/ticket/2/correspond", ["Correspondence added"], status=201)
    api.on("PUT /REST/2.0/ticket/2", *answers)


def test_the_person_is_named_first_and_the_etag_goes_along(api: Api) -> None:
    writable(api, ["Ticket 2: Status changed from 'open' to 'resolved'"], after="resolved")
    assert decided(api) == Result.APPLIED
    note, put = api.asked("POST")[0], api.asked("PUT")[0]
    assert "decided by Alice Approver <alice@corp.example>" in note.json["Content"]
    assert put.headers["if-match"] == '"62"'
    assert note.at < put.at


def test_200_is_no_decision(api: Api) -> None:
    writable(api, ["Ticket 2: Status 'resolved' isn't a valid status for this ticket."])
    assert decided(api) == Result.FORBIDDEN


@pytest.mark.parametrize(
    ("script", "result"),
    [
        (receivers.reply(412), Result.CONFLICT),
        (receivers.reply(403), Result.FORBIDDEN),
        (receivers.reply(500), Result.UNKNOWN),
        (receivers.reset, Result.UNKNOWN),
    ],
)
def test_what_rt_refuses_is_told(api: Api, script: Any, result: Result) -> None:
    writable(api, script)
    assert decided(api) == result
    assert len(api.asked("PUT")) == 1


def test_a_note_that_was_written_at_the_first_attempt_is_not_written_again(api: Api) -> None:
    writable(api, ["Ticket 2: Status changed from 'open' to 'resolved'"], after="resolved")
    api.on(
        "GET /REST/2.0/ticket/2/attachments", {"items": [{"Content": "Approve: …\n\n[sayso-1]"}]}
    )
    assert decided(api) == Result.APPLIED
    assert api.asked("POST") == []


def test_a_note_that_is_refused_leaves_the_ticket_undecided(api: Api) -> None:
    writable(api, [])
    api.on("POST /REST/2.0/ticket/2/correspond", {"message": "Permission Denied"}, status=400)
    assert decided(api) == Result.FORBIDDEN
    assert api.asked("PUT") == []


# -- the real one ----------------------------------------------------------------------------------


@pytest.fixture(params=[RequestTrackerSystem, rt.DeclaredRequestTracker])
def real(request: pytest.FixtureRequest) -> Iterator[RequestTrackerSystem]:
    with contextlib.closing(request.param()) as system:
        yield system


@pytest.mark.rt
def test_the_account_is_named() -> None:
    health = RequestTrackerSystem().connector().check()
    assert health.account == "mirror@corp.example"
    assert health.detail.startswith("The account sees ")


@pytest.mark.rt
def test_an_account_without_rights_is_told_so(real: RequestTrackerSystem) -> None:
    health = real.connector(token=rt.token("rita")).check()
    assert (health.ok, health.error) == (False, Kind.FORBIDDEN)


@pytest.mark.rt
def test_an_amount_and_the_text_come_along(real: RequestTrackerSystem) -> None:
    item = real.connector().get(real.open("12 laptops", amount="18400.50 EUR"))
    assert (item.amount, item.currency) == (Decimal("18400.50"), "EUR")
    assert (item.description or "").strip() == "Why: 12 laptops"
    assert item.requester is not None
    assert item.requester.email == "rita@corp.example"


@pytest.mark.rt
def test_a_later_stage_waits_and_is_found_when_it_opens(real: RequestTrackerSystem) -> None:
    manager, finance = real.open_two_stages("Two stages")
    connector = real.connector()
    assert connector.get(finance).state == State.NOT_REQUIRED
    assert find(connector, finance) is None
    cursor = None
    while not (page := connector.list(cursor, 100)).complete:
        cursor = page.cursor
    rt.call("alice", "PUT", f"/ticket/{manager}", {"Status": "resolved"})
    opened = find(connector, finance, limit=100, cursor=page.cursor)
    assert opened is not None
    assert opened.state == State.PENDING
    assert [person.email for person in opened.approvers] == ["carol@corp.example"]


@pytest.mark.rt
def test_an_approval_that_became_void_is_in_no_search_and_still_told(
    real: RequestTrackerSystem,
) -> None:
    manager, finance = real.open_two_stages("Void")
    rt.call("alice", "PUT", f"/ticket/{manager}", {"Status": "rejected"})
    connector = real.connector()
    assert connector.get(finance).state == State.CANCELLED
    assert find(connector, finance) is None
    assert decide(real, finance, "approve").result == Result.CONFLICT


@pytest.mark.rt
def test_who_decided_in_rt_is_told(real: RequestTrackerSystem) -> None:
    ref = real.open("Decided by Alice in RT")
    real.decide(ref, State.REJECTED)
    item = RequestTrackerSystem().connector().get(ref)
    assert (item.decided_by, item.is_contested) == (Person(id="alice@corp.example"), False)


@pytest.mark.rt
def test_a_flip_shows(real: RequestTrackerSystem) -> None:
    ref = real.open("Flipped")
    assert decide(real, ref, "approve").result == Result.APPLIED
    real.decide(ref, State.REJECTED)
    item = RequestTrackerSystem().connector().get(ref)
    assert (item.state, item.is_contested) == (State.REJECTED, True)


@pytest.mark.rt
def test_an_attempt_that_died_after_its_note_is_finished_with_one_note(
    real: RequestTrackerSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, key = real.open("Died in between"), f"sayso-{uuid.uuid4().hex}"
    connector = real.connector()
    send = connector.session.send  # type: ignore[attr-defined]

    def die(method: str, *args: Any, **options: Any) -> Any:
        if method == "PUT":
            raise KeyboardInterrupt
        return send(method, *args, **options)

    monkeypatch.setattr(connector.session, "send", die)  # type: ignore[attr-defined]
    judged = connector.get(ref)
    with pytest.raises(KeyboardInterrupt):
        connector.decide(
            ref, "approve", actor=ALICE, comment="Go.", expected=judged.revision, key=key
        )
    assert real.connector().get(ref).material_digest == judged.material_digest
    assert decide(real, ref, "approve", key=key, comment="Go.").result == Result.APPLIED
    assert "\n".join(real.log(ref)).count(key) == 1
