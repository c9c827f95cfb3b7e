"""POST /webhooks/{id} of other systems: by a mapping, by a definition, or as a hint."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from approvals.models import Ask
from mirroring import received, service, tasks, transitions
from mirroring.models import Connection, HintedHook, Identity, InboundHook, Record
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.mirroring.connections.declared import LIST, connect, poll
from tests.mirroring.connectors.api import Api, serving
from tests.mirroring.connectors.definitions import PLAIN, row
from tests.mirroring.mirror import answer, push_due
from tests.webhooks.inbox import Sender
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

MAPPING = """
item:
  id: ticket.number
  title: ticket.subject
  state: ticket.status
  approvers: {from: deciders, id: login, email: mail}
  requester: {from: ticket.by, id: "@", email: "@"}
  amount: cost
  currency: "'EUR'"
  description: ticket.text
states:
  pending: [open, reopened]
  approved: granted
  rejected: refused
"""
TICKET = {"number": 7, "subject": "New laptop", "status": "open", "by": "jo@acme.com", "text": "12"}
PAYLOAD: dict[str, Any] = {
    "ticket": TICKET,
    "deciders": [{"login": "al", "mail": "al@corp.example"}],
    "cost": 0,
    "unknown": {"status": "approved"},
}
EXACT = json.dumps(PAYLOAD).replace('"cost": 0', '"cost": 750.50').encode()


@pytest.fixture
def mapped(workspace: Workspace) -> Sender:
    sender = Sender(workspace, name="HR")
    Connection.objects.update(config={"mapping": MAPPING})
    return sender


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as serves:
        yield serves


@pytest.fixture
def polled(workspace: Workspace, api: Api) -> Sender:
    """A sender for a connection whose system is polled, too."""
    sender = Sender(workspace, name="Other")
    sender.connection = connect(workspace, api)
    sender.secret = sender.connection.secrets.get().key
    return sender


def apply_all() -> None:
    """Do what the committing process does after the commit, and what the threads do."""
    InboundHook.objects.filter(applied_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")
    tasks.sweep_hooks()
    for pk in HintedHook.due(limit=10):
        received.look(pk)


def errors_of(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 422, response.content
    return [(each["field"], each["detail"]) for each in response.json()["errors"]]


def without(path: str) -> dict[str, Any]:
    content = json.loads(json.dumps(PAYLOAD))
    *outer, last = path.split(".")
    inner = content
    for name in outer:
        inner = inner[name]
    del inner[last]
    found: dict[str, Any] = content
    return found


# -- a mapping -------------------------------------------------------------------------------------


def test_what_is_posted_is_read_by_the_mapping(mapped: Sender) -> None:
    assert mapped.post(EXACT).status_code == 202
    apply_all()
    ask = Ask.objects.get()
    assert (ask.kind, ask.prompt) == ("confirm", "New laptop")
    assert ask.config["summary"] == [["Amount", "750.50 EUR"], ["Requested by", "jo@acme.com"]]
    assert [seat.approver.address for seat in ask.seats.all()] == ["al@corp.example"]
    assert Record.objects.get().external_id == "7"


def test_a_change_asks_anew_and_the_same_again_does_not(mapped: Sender) -> None:
    mapped.post(EXACT)
    apply_all()
    mapped.post(EXACT.replace(b"750.50", b"750.5"), id="msg_2")
    apply_all()
    assert Ask.objects.count() == 1
    mapped.post(EXACT.replace(b"750.50", b"900"), id="msg_3")
    apply_all()
    assert sorted(Ask.objects.values_list("status", flat=True)) == ["cancelled", "open"]


def test_what_was_decided_there_withdraws_the_question(mapped: Sender) -> None:
    mapped.post(EXACT)
    apply_all()
    mapped.post(EXACT.replace(b'"open"', b'"granted"'), id="msg_2")
    apply_all()
    assert Ask.objects.get().status == "cancelled"
    assert Record.objects.get().status == "approved"


def test_somebody_without_an_address_is_held_for_staff(mapped: Sender) -> None:
    body = {**PAYLOAD, "deciders": [{"login": "al"}]}
    assert mapped.post_json(body).status_code == 202
    apply_all()
    assert Record.objects.get().status == "needs_human"
    assert sorted(Identity.objects.values_list("external_id", flat=True)) == ["al"]


@pytest.mark.parametrize(
    ("payload", "errors"),
    [
        (without("ticket.number"), [("ticket.number", "There is no id here.")]),
        (without("ticket.subject"), [("ticket.subject", "There is no title here.")]),
        (
            without("ticket"),
            [
                ("ticket.number", "There is no id here."),
                ("ticket.subject", "There is no title here."),
                ("ticket.status", "There is no state here."),
            ],
        ),
        (without("deciders"), [("deciders", "There is nobody here who may decide.")]),
        ([], [("", "The body must be a JSON object.")]),
        ({"ticket": "x"}, None),
        ({"ticket": {**TICKET, "subject": ["x"]}, "deciders": []}, None),
    ],
)
def test_what_does_not_fit_is_refused_with_its_paths(
    mapped: Sender, payload: Any, errors: Any
) -> None:
    with nothing_written():
        found = errors_of(mapped.post_json(payload))
    assert errors is None or found == errors


def test_whoever_asks_cannot_approve(mapped: Sender) -> None:
    body = {**PAYLOAD, "ticket": {**TICKET, "by": "AL@corp.example"}}
    response = mapped.post_json(body)
    assert (response.status_code, response.json()["code"]) == (422, "self_approval")
    assert not InboundHook.objects.exists()


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (b'"cost": 1e9999999', "This cannot be read: a number in it is out of all bounds."),
        (
            b'"cost": "1", "wanted": "9999-12-31T23:59:59-05:00"',
            "This cannot be read: '9999-12-31T23:59:59-05:00' is not a time.",
        ),
        (
            b'"cost": "1", "where": "' + b"x" * 2028 + b'"',
            "This cannot be read: its URL is longer than 2048 characters.",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused(mapped: Sender, odd: bytes, why: str) -> None:
    more = "  due: wanted\n  values: {where: where}\n  url: 'https://erp.acme.com/{item.where}'\n"
    Connection.objects.update(config={"mapping": MAPPING.replace("states:", f"{more}states:")})
    with nothing_written():
        assert errors_of(mapped.post(EXACT.replace(b'"cost": 750.50', odd))) == [("", why)]


def test_an_expense_report_is_no_ticket(mapped: Sender) -> None:
    with nothing_written():
        assert len(errors_of(mapped.post())) == 3


def test_a_mapping_that_is_no_longer_right_refuses_and_says_so(mapped: Sender) -> None:
    Connection.objects.update(config={"mapping": "item: {}"})
    response = mapped.post(EXACT)
    assert response.status_code == 422
    assert "The mapping of this connection is not right" in response.json()["detail"]


# -- a polled system -------------------------------------------------------------------------------


def test_a_declared_system_may_post_in_the_words_of_its_definition(
    polled: Sender, api: Api
) -> None:
    api.on("GET /approvals/7", row(7))
    assert polled.post_json(row(7)).status_code == 202
    assert api.asked() == []
    apply_all()
    assert Ask.objects.get().prompt == "Approval 7"
    hook = InboundHook.objects.get()
    assert (hook.is_hint, hook.record) == (True, Record.objects.get())


def test_what_it_posts_is_refused_with_its_paths(polled: Sender) -> None:
    with nothing_written():
        found = errors_of(polled.post_json(row(7, subject=None)))
    assert found == [("subject", "There is no title here.")]


def test_what_a_row_does_not_tell_is_asked_for_before_anybody_is_asked(
    workspace: Workspace, polled: Sender, api: Api
) -> None:
    also = {**PLAIN["get"], "also": {"order": {"path": "/orders/{id}"}}}
    polled.connection = connect(
        workspace, api, name="SRM", definition={"get": also, "item__amount": "also.order.value"}
    )
    polled.secret = polled.connection.secrets.get().key
    api.on("GET /approvals/7", row(7))
    api.on("GET /orders/7", {"value": 900})
    polled.post_json(row(7))
    apply_all()
    api.on(LIST, {"rows": [row(7)]})
    poll(polled.connection)
    assert Ask.objects.get().config["summary"][0] == ["Amount", "900 EUR"]


def test_an_older_row_that_comes_again_asks_nobody_about_what_is_decided(
    polled: Sender, api: Api
) -> None:
    """The sender tries again to post it; meanwhile it was approved here, and confirmed."""
    waits, is_decided = row(7), row(7, status="yes")
    api.on("GET /approvals/7", *[waits] * 3, is_decided)  # for us, before the decision, after it
    api.on("POST /approvals/7/yes", {})
    polled.post_json(row(7))
    apply_all()
    answer(Record.objects.get(), True)
    (made,) = push_due()
    assert made.status == "confirmed"
    polled.post_json(row(7), id="msg_2")
    apply_all()
    assert (Record.objects.get().status, Ask.objects.count()) == ("approved", 1)


def test_what_was_decided_before_it_was_ever_here_comes_to_nothing(
    polled: Sender, api: Api
) -> None:
    api.on("GET /approvals/7", row(7, status="yes"))
    polled.post_json({"external_id": "7"})
    apply_all()
    hook = InboundHook.objects.get()
    assert (hook.record, hook.next_attempt_at, hook.last_error) == (None, None, "")
    assert not Record.objects.exists()


def test_a_poll_after_that_finds_the_same(polled: Sender, api: Api) -> None:
    api.on("GET /approvals/7", row(7))
    polled.post_json(row(7))
    apply_all()
    api.on(LIST, {"rows": [row(7)]})
    poll(polled.connection)
    assert Ask.objects.count() == Record.objects.count() == 1


def test_a_hint_has_the_approval_looked_at(polled: Sender, api: Api) -> None:
    api.on("GET /approvals/7", row(7))
    assert polled.post_json({"external_id": "7", "amount": 9}).status_code == 202
    assert api.asked() == []
    assert tasks.sweep_hooks() == 0
    apply_all()
    assert Ask.objects.get().prompt == "Approval 7"
    hook = InboundHook.objects.get()
    assert (hook.is_hint, hook.record, hook.next_attempt_at) == (True, Record.objects.get(), None)


def test_a_hint_of_what_was_decided_there_withdraws_the_question(polled: Sender, api: Api) -> None:
    api.on("GET /approvals/7", row(7))
    polled.post_json(row(7))
    apply_all()
    api.on("GET /approvals/7", row(7, status="no"))
    polled.post_json({"external_id": "7"}, id="msg_2")
    apply_all()
    assert (Record.objects.get().status, Ask.objects.get().status) == ("rejected", "cancelled")


def test_a_hint_of_what_is_gone_withdraws_the_question(polled: Sender, api: Api) -> None:
    api.on("GET /approvals/7", row(7))
    polled.post_json(row(7))
    apply_all()
    api.answers.clear()
    polled.post_json({"external_id": "7"}, id="msg_2")
    apply_all()
    assert (Record.objects.get().status, Ask.objects.get().status) == ("cancelled", "cancelled")


def test_a_hint_of_what_was_never_there_comes_to_nothing(polled: Sender) -> None:
    assert polled.post_json({"external_id": "8"}).status_code == 202
    apply_all()
    hook = InboundHook.objects.get()
    assert (hook.record, hook.next_attempt_at) == (None, None)
    assert not Record.objects.exists()


def test_a_system_that_fails_is_asked_again_a_few_times(
    polled: Sender, api: Api, clock: Clock
) -> None:
    api.on("GET /approvals/7", {"message": "Out of order"}, status=500)
    body = b'{"external_id": "7"}'
    polled.post(body, headers=polled.signed(body, at=clock.now.timestamp()))
    hook = InboundHook.objects.get()
    for attempt in range(1, received.MOST_LOOKS):
        received.look(hook.pk)
        hook.refresh_from_db()
        assert (hook.attempts, hook.applied_at) == (attempt, None)
        assert hook.next_attempt_at is not None
        clock.move_to(hook.next_attempt_at)
    received.look(hook.pk)
    hook.refresh_from_db()
    assert (hook.next_attempt_at, hook.applied_at) == (None, None)
    assert "Out of order" in hook.last_error
    assert len(api.asked()) == received.MOST_LOOKS


def test_hints_are_work_of_the_threads_that_talk_to_systems() -> None:
    assert HintedHook in [lane.rows for lane in service.LANES]


@pytest.mark.parametrize("payload", [{}, {"external_id": ""}, {"external_id": 7}, [], "7"])
def test_what_names_nothing_is_refused(polled: Sender, payload: Any) -> None:
    with nothing_written():
        assert polled.post_json(payload).status_code == 422


def test_a_built_in_connector_takes_hints_alone(workspace: Workspace) -> None:
    sender = Sender(workspace, name="Other")
    sender.connection, sender.secret = transitions.create_connection(
        workspace_id=workspace.pk,
        name="Airflow",
        kind="airflow",
        config={"base_url": "https://airflow.acme.com", "username": "u"},
        secrets={"password": "p"},
    )
    with nothing_written():
        assert errors_of(sender.post_json(row(7)))[0][0] == "external_id"
    assert sender.post_json({"external_id": "7"}).status_code == 202


def test_a_hint_that_comes_twice_is_one(polled: Sender) -> None:
    """IN-04."""
    assert polled.post_json({"external_id": "7"}).status_code == 202
    assert polled.post_json({"external_id": "7"}).status_code == 200
    assert InboundHook.objects.count() == 1
