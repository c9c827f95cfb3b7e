"""What is the Task Provider's own: the reference program, its specification, and what may fail."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mirroring.connectors.base import (
    BadConfig,
    ConnectorError,
    Gone,
    Item,
    Kind,
    Option,
    Outcome,
    Person,
    Result,
    State,
)
from mirroring.connectors.keyset import Position
from mirroring.connectors.task_provider import TaskProvider
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.task_provider_system import PROGRAM, TOKEN, TaskProviderSystem
from tests.mirroring.connectors.test_contract import ALICE, decide
from tests.receivers import hang, reset

PAYLOADS = Path(__file__).parent / "payloads" / "task_provider"
SPECIFICATION = PROGRAM.parents[1] / "docs" / "task-provider.md"
PAGE = json.loads((PAYLOADS / "tasks.json").read_text())
TASK = PAGE["tasks"][0]


@pytest.fixture
def provider() -> Iterator[TaskProviderSystem]:
    system = TaskProviderSystem()
    yield system
    system.close()


@pytest.fixture
def scripted(api: Api) -> Api:
    """A provider whose one task is REQ-1042, and whose answers to responses a test chooses."""
    api.on("GET /tasks/REQ-1042", TASK)
    return api


def connector_to(api: Api) -> TaskProvider:
    return TaskProvider({"base_url": api.url, "token": TOKEN})


def decide_at(api: Api, choice: str = "approve", *, comment: str = "") -> Outcome:
    return connector_to(api).decide(
        "REQ-1042", choice, actor=ALICE, comment=comment, expected="7", key="sayso-1"
    )


def refused(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "code": code, "message": "No."}


# -- reading ---------------------------------------------------------------------------------------


def test_a_recorded_page_is_read(api: Api) -> None:
    api.on("GET /tasks", PAGE)
    page = connector_to(api).list(None, 1000)
    item, tombstone = page.items
    manager = "grace@corp.example"
    alice = Person(id="u17", email="alice@corp.example", name="Alice Approver", manager=manager)
    assert item.approvers == (alice,)
    assert item.requester == Person(id="u4", email="rita@corp.example", name="Rita Requester")
    assert (item.amount, item.currency) == (Decimal("18400.00"), "EUR")
    assert item.summary == (("Cost centre", "4711"), ("Supplier", "Acme Office Supplies"))
    assert item.details == "12 × ThinkPad T14, 1,533.33 EUR each."
    assert item.due == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert item.options == (
        Option(code="approve", label="Approve", state=State.APPROVED),
        Option(code="deny", label="Deny", state=State.REJECTED, comment_required=True),
    )
    assert (item.revision, item.state) == ("7", State.PENDING)
    assert (tombstone.external_id, tombstone.state) == ("REQ-1040", State.CANCELLED)
    assert [(each.which, each.why) for each in page.skipped] == [
        ("REQ-1041", "its amount is not exact")
    ]
    assert api.queries("GET /tasks") == [{"limit": "200", "state": "pending"}]


def test_a_pass_goes_on_after_the_last_task_and_the_next_looks_back(api: Api) -> None:
    first = {"tasks": [TASK], "more": True}
    later = {**TASK, "id": "REQ-1043", "modified": "2026-11-22T11:00:00.000001Z"}
    api.on("GET /tasks", first, {"tasks": [later], "more": False}, {"tasks": [], "more": False})
    connector = connector_to(api)
    page = connector.list(None, 1)
    started = datetime.now(UTC)
    page = connector.list(page.cursor, 1)
    assert page.complete
    connector.list(page.cursor, 1)
    _, second, third = api.queries("GET /tasks")
    assert second == {
        "limit": "1",
        "state": "pending",
        "modifiedAfter": "2026-11-22T10:00:00.250000Z",
        "lastId": "REQ-1042",
    }
    assert third.keys() == {"limit", "modifiedAfter"}
    looked_back = started - datetime.fromisoformat(third["modifiedAfter"])
    assert abs(looked_back - timedelta(minutes=5, seconds=5)) < timedelta(seconds=5)


def test_a_later_pass_begins_before_the_latest_change_that_was_seen(api: Api) -> None:
    api.on("GET /tasks", {"tasks": [TASK], "more": True}, {"tasks": [], "more": False})
    connector = connector_to(api)
    cursor = Position(since=datetime(2026, 11, 20, tzinfo=UTC), is_first=False).write()
    for _ in range(3):
        cursor = connector.list(cursor, 1).cursor
    assert [query["modifiedAfter"] for query in api.queries("GET /tasks")] == [
        "2026-11-20T00:00:00.000000Z",
        "2026-11-22T10:00:00.250000Z",
        "2026-11-22T09:55:00.250000Z",
    ]


def test_what_changed_after_the_first_pass_is_told_tombstones_too(
    provider: TaskProviderSystem,
) -> None:
    removed, decided = provider.open("Withdrawn"), provider.open("Decided")
    connector = provider.connector()
    cursor = connector.list(None, 10).cursor
    provider.tasks.remove(removed)
    provider.decide(decided, State.APPROVED)
    page = connector.list(cursor, 10)
    assert {item.external_id: item.state for item in page.items} == {
        removed: State.CANCELLED,
        decided: State.APPROVED,
    }
    assert decide(provider, removed, "approve").result == Result.CONFLICT


def test_tasks_of_one_moment_are_all_found(provider: TaskProviderSystem) -> None:
    refs = {provider.open(f"At once {index}") for index in range(7)}
    for task in provider.tasks.tasks.values():
        task["modified"] = "2026-11-22T10:00:00.000000+00:00"
    connector, cursor, seen = provider.connector(), None, []
    while True:
        page = connector.list(cursor, 3)
        seen += [item.external_id for item in page.items]
        cursor = page.cursor
        if page.complete:
            break
    assert (sorted(seen), len(seen)) == (sorted(refs), 7)


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"tasks": []},
        {"more": False},
        {"tasks": None, "more": False},
        {"tasks": [], "more": True},
        {"tasks": [{"id": "REQ-1"}], "more": True},
    ],
)
def test_an_odd_list_is_no_empty_one(api: Api, said: Any) -> None:
    api.on("GET /tasks", said)
    with pytest.raises(ConnectorError) as failure:
        connector_to(api).list(None, 10)
    assert failure.value.kind == Kind.BAD_ANSWER


def test_a_list_that_stands_still_is_an_error(api: Api) -> None:
    api.on("GET /tasks", {"tasks": [TASK], "more": True})
    connector = connector_to(api)
    page = connector.list(None, 1)
    with pytest.raises(ConnectorError, match="does not go on"):
        connector.list(page.cursor, 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"revision": 7}, "its revision is not a text of at most 128 ASCII characters"),
        ({"revision": '"7"'}, "its revision is not a text of at most 128 ASCII characters"),
        ({"id": 1042}, "its id is not a text of at most 255 characters"),
        ({"title": " "}, "a text is missing"),
        ({"url": ["https://erp.corp.example"]}, "a text is missing"),
        ({"approvers": [{"email": 7}]}, "a text is missing"),
        ({"amount": "18,400.00"}, "its amount is not exact"),
        ({"modified": None}, "it does not say when it was modified"),
        (
            {"url": "https://erp.corp.example/" + "x" * 2024},
            "its URL is longer than 2048 characters",
        ),
        ({"title": "12\0 laptops"}, "a text contains U+0000 or half of a surrogate pair"),
        ({"due": "9999-12-31T23:59:59-05:00"}, "'9999-12-31T23:59:59-05:00' is not a time"),
    ],
)
def test_a_task_that_cannot_be_read_harms_no_other(
    api: Api, change: dict[str, Any], why: str
) -> None:
    api.on("GET /tasks", {"tasks": [{**TASK, **change}, TASK], "more": False})
    page = connector_to(api).list(None, 10)
    assert [item.external_id for item in page.items] == ["REQ-1042"]
    assert [each.why for each in page.skipped] == [why]


def test_another_task_in_its_place_is_gone(api: Api) -> None:
    api.on("GET /tasks/REQ-7", TASK)
    with pytest.raises(Gone):
        connector_to(api).get("REQ-7")


def test_material_is_what_is_decided_about(api: Api) -> None:
    def read(**changes: Any) -> Item:
        api.on("GET /tasks/REQ-1042", {**TASK, **changes})
        return connector_to(api).get("REQ-1042")

    digest = read().material_digest
    assert read(modified="2026-11-23T10:00:00Z", revision="8").material_digest == digest
    assert read(amount="18400.0").material_digest == digest
    for change in ({"amount": "18400.01"}, {"currency": "USD"}, {"title": "x"}, {"approvers": []}):
        assert read(**change).material_digest != digest


# -- deciding --------------------------------------------------------------------------------------


def test_a_response_says_all_that_the_specification_promises(scripted: Api) -> None:
    scripted.on("POST /tasks/REQ-1042/responses", {**TASK, "state": "rejected", "revision": "8"})
    assert decide_at(scripted, "deny", comment="Next quarter.").result == Result.APPLIED
    (seen,) = scripted.asked("POST")
    assert seen.headers["if-match"] == '"7"'
    assert seen.headers["idempotency-key"] == "sayso-1"
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    said = seen.json
    statement = said.pop("statement")
    assert said == {
        "response": "deny",
        "comment": "Next quarter.",
        "revision": "7",
        "actor": {"email": "alice@corp.example", "name": "Alice Approver"},
        "decidedAt": "2026-11-22T10:30:00.000000Z",
        "receipt": "rcp_0123456789",
    }
    assert statement.startswith("Deny: decided by Alice Approver <alice@corp.example>")


def test_a_comment_that_is_wanted_is_asked_for_before_anything_is_sent(scripted: Api) -> None:
    assert decide_at(scripted, "deny").result == Result.NEEDS_INPUT
    assert scripted.asked("POST") == []


@pytest.mark.parametrize(
    ("status", "said", "result"),
    [
        (202, {}, Result.ACCEPTED),
        (200, {}, Result.UNKNOWN),
        (200, TASK, Result.UNKNOWN),
        (200, {**TASK, "state": "rejected"}, Result.UNKNOWN),
        (403, refused(403, "not_allowed"), Result.FORBIDDEN),
        (404, refused(404, "not_found"), Result.GONE),
        (409, refused(409, "already_decided"), Result.CONFLICT),
        (412, refused(412, "revision_changed"), Result.CONFLICT),
        (422, refused(422, "comment_required"), Result.NEEDS_INPUT),
        (422, refused(422, "unknown_response"), Result.CONFLICT),
        (422, refused(422, "idempotency_mismatch"), Result.UNKNOWN),
        (500, {}, Result.UNKNOWN),
        (503, {}, Result.RETRY_LATER),
    ],
)
def test_what_a_provider_answers_is_understood(
    scripted: Api, status: int, said: Any, result: Result
) -> None:
    scripted.on("POST /tasks/REQ-1042/responses", said, status=status)
    assert decide_at(scripted).result == result


def test_a_conflict_with_the_same_decision_is_none(scripted: Api) -> None:
    scripted.on("GET /tasks/REQ-1042", TASK, {**TASK, "state": "approved", "revision": "8"})
    refusal = refused(409, "already_decided")
    scripted.on("POST /tasks/REQ-1042/responses", refusal, status=409)
    assert decide_at(scripted).result == Result.ALREADY_SAME


@pytest.mark.parametrize("script", [reset, hang])
def test_a_lost_answer_is_unknown_and_not_sent_again(scripted: Api, script: Any) -> None:
    scripted.on("POST /tasks/REQ-1042/responses", script)
    connector = connector_to(scripted)
    connector.session.total = 0.3
    outcome = connector.decide(
        "REQ-1042", "approve", actor=ALICE, comment="", expected="7", key="sayso-1"
    )
    assert outcome.result == Result.UNKNOWN
    assert len(scripted.asked("POST")) == 1


def test_notes_are_optional(scripted: Api) -> None:
    scripted.on("POST /tasks/REQ-1042/notes", refused(501, "no_notes"), status=501)
    connector_to(scripted).note("REQ-1042", "Asked in Sayso.", "m-1")
    scripted.on("POST /tasks/REQ-1042/notes", refused(500, "broken"), status=500)
    with pytest.raises(ConnectorError):
        connector_to(scripted).note("REQ-1042", "Asked in Sayso.", "m-1")


# -- the account -----------------------------------------------------------------------------------


def test_basic_credentials_do_too(api: Api) -> None:
    api.on("GET /health", {"status": "ok", "account": "sayso"})
    config = {"base_url": api.url, "username": "sayso", "password": "secret"}
    assert TaskProvider(config).check().account == "sayso"
    (seen,) = api.asked("GET /health")
    assert seen.headers["authorization"] == "Basic c2F5c286c2VjcmV0"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"username": "sayso"},
        {"token": "t", "username": "sayso", "password": "secret"},
    ],
)
def test_one_kind_of_credentials_is_needed(given: dict[str, str]) -> None:
    with pytest.raises(BadConfig, match="either a token, or a user name and a password"):
        TaskProvider({"base_url": "https://erp.corp.example/sayso", **given})


def test_a_provider_that_is_unwell_says_so(api: Api) -> None:
    api.on("GET /health", {"status": "degraded", "detail": "The ledger is closed."})
    health = connector_to(api).check()
    assert (health.ok, health.error) == (False, Kind.SERVER)
    assert health.detail == "The provider says that it is 'degraded'. The ledger is closed."
    api.on("GET /health", [])
    assert connector_to(api).check().error == Kind.BAD_ANSWER


# -- the reference program and the specification ---------------------------------------------------


def call(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    sent = urllib.request.Request(
        url, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )
    if body is not None:
        sent.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(sent, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def response_to(provider: TaskProviderSystem, ref: str, **headers: str) -> tuple[int, Any]:
    body = {
        "response": "approve",
        "comment": "",
        "actor": {"email": "alice@corp.example", "name": "Alice"},
        "decidedAt": "2026-11-22T10:30:00Z",
        "receipt": "rcp_1",
        "statement": "Approved.",
    }
    url = f"{provider.url}/tasks/{ref}/responses"
    return call(url, body, Authorization=f"Bearer {TOKEN}", **headers)


def test_the_program_takes_a_response_once_per_key(provider: TaskProviderSystem) -> None:
    ref, other = provider.open("Once"), provider.open("Another")
    headers = {"Idempotency_Key": "k-1", "If_Match": '"1"'}
    first = response_to(provider, ref, **headers)
    assert (first[0], first[1]["state"], first[1]["revision"]) == (200, "approved", "2")
    assert response_to(provider, ref, **headers) == first
    assert provider.log(ref) == ["Approved."]
    status, said = response_to(provider, other, **headers)
    assert (status, said["code"]) == (422, "idempotency_mismatch")
    status, said = response_to(provider, ref, Idempotency_Key="k-2", If_Match='"2"')
    assert (status, said["code"]) == (409, "already_decided")


def test_the_program_wants_a_key_a_revision_and_the_right_person(
    provider: TaskProviderSystem,
) -> None:
    ref = provider.open("Bound")
    foreign = provider.tasks.add("Somebody else's", approver="bob@corp.example")
    codes = [
        response_to(provider, ref, If_Match='"1"'),
        response_to(provider, ref, Idempotency_Key="k-1"),
        response_to(provider, ref, Idempotency_Key="k-1", If_Match='"0"'),
        response_to(provider, foreign, Idempotency_Key="k-1", If_Match='"1"'),
    ]
    assert [(status, said["code"]) for status, said in codes] == [
        (428, "precondition_required"),
        (428, "precondition_required"),
        (412, "revision_changed"),
        (403, "not_allowed"),
    ]
    assert provider.tasks.one(ref)["state"] == "pending"


def test_the_program_answers_nonsense_politely(provider: TaskProviderSystem) -> None:
    token = f"Bearer {TOKEN}"
    for path in ("/tasks?limit=many", "/tasks?modifiedAfter=yesterday"):
        status, said = call(provider.url + path, Authorization=token)
        assert (status, said["code"]) == (400, "malformed")
    assert call(f"{provider.url}/health")[0] == 401


def test_the_program_runs_as_its_docstring_says() -> None:
    command = [sys.executable, str(PROGRAM), "--port", "0", "--token", TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        url = program.stdout.readline().split()[0]
        page = TaskProvider({"base_url": url, "token": TOKEN}).list(None, 10)
        program.terminate()
    assert [(item.title, item.amount) for item in page.items] == [
        ("Twelve laptops", Decimal("18400.00")),
        ("VPN for a contractor", None),
    ]


def test_the_specification_shows_what_is_recorded_here() -> None:
    shown = [
        json.loads(block)
        for block in re.findall(r"```json\n(.*?)```", SPECIFICATION.read_text(), re.DOTALL)
    ]
    assert TASK in shown
    assert PAGE["tasks"][2] in shown
    assert {"status": "ok", "account": "sayso", "detail": "12 tasks are pending."} in shown
