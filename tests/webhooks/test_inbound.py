"""POST /webhooks/{id} (IN-01, IN-04, IN-05, IN-08, IN-09, IN-12 to IN-14)."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from approvals.models import Ask
from mirroring import received, tasks, transitions
from mirroring.models import InboundHook, Record
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tests.mirroring.payloads import EXPENSE_REPORT, expense_report
from tests.webhooks.inbox import Sender
from tracks.models import Entry, Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(workspace: Workspace) -> Sender:
    return Sender(workspace)


def apply_all() -> None:
    """Do what the committing process does after the commit; most tests commit nothing."""
    InboundHook.objects.filter(applied_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")
    tasks.sweep_hooks()


def nothing_kept() -> bool:
    return not InboundHook.objects.exists() and not Record.objects.exists()


def test_a_signed_message_is_kept_and_then_acknowledged(sender: Sender) -> None:
    """IN-01."""
    response = sender.post()
    hook = InboundHook.objects.get()
    assert response.status_code == 202
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "webhook_id": "msg_1",
        "received_at": hook.received_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    }
    assert (hook.webhook_id, hook.proof) == ("msg_1", "signature")
    assert hook.body.encode() == EXPENSE_REPORT
    apply_all()
    assert Ask.objects.get().prompt == "Expense Report from Jane Doe"


@pytest.mark.django_db(transaction=True)
def test_it_is_applied_straight_after_the_commit(sender: Sender) -> None:
    sender.post()
    hook = InboundHook.objects.get()
    assert hook.applied_at is not None
    assert hook.record == Record.objects.get()
    assert (hook.next_attempt_at, hook.attempts) == (None, 1)


def test_what_the_committing_process_did_not_apply_the_sweep_does(
    sender: Sender, clock: Clock
) -> None:
    """IN-01: nothing is acknowledged that could be lost."""
    now = clock.now.timestamp()
    sender.post(headers=sender.signed(EXPENSE_REPORT, at=now))
    assert tasks.sweep_hooks() == 0
    clock.move(seconds=31)
    assert tasks.sweep_hooks() == 1
    assert Record.objects.count() == 1


def test_a_message_that_cannot_be_applied_yet_is_tried_again(
    sender: Sender, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.post(headers=sender.signed(EXPENSE_REPORT, at=clock.now.timestamp()))
    clock.move(seconds=31)
    with monkeypatch.context() as broken:
        broken.setattr("mirroring.sync.apply", lambda **_: 1 / 0)
        tasks.sweep_hooks()
    hook = InboundHook.objects.get()
    assert "ZeroDivisionError" in hook.last_error
    assert hook.next_attempt_at == clock.now + timedelta(seconds=4)
    clock.move(seconds=4)
    tasks.sweep_hooks()
    assert Record.objects.count() == 1


def test_the_same_message_again_is_the_same_message(sender: Sender) -> None:
    """IN-04."""
    first = sender.post()
    again = sender.post()
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    apply_all()
    apply_all()
    assert (InboundHook.objects.count(), Ask.objects.count()) == (1, 1)
    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    "other", [expense_report(total_amount=1), b"{not json", b'{"report_id": 5}']
)
def test_another_body_under_the_same_id_has_no_effect_and_is_put_on_record(
    other: bytes, sender: Sender
) -> None:
    """IN-04."""
    first = sender.post()
    again = sender.post(other)
    assert (again.status_code, again.json()) == (200, first.json())
    apply_all()
    assert InboundHook.objects.get().body.encode() == EXPENSE_REPORT
    entry = Entry.objects.get()
    assert (entry.type, entry.subject) == ("inbound.conflict", sender.connection.public_id)
    assert (entry.actor_type, entry.actor_name) == ("connection", "Expenses")
    assert entry.data == {"webhook_id": "msg_1"}


@pytest.mark.django_db(transaction=True)
def test_fifty_copies_at_once_are_one_approval(sender: Sender) -> None:
    """IN-05."""
    headers = sender.signed(EXPENSE_REPORT)
    statuses: list[int] = []
    start = threading.Barrier(50 if connection.vendor == "postgresql" else 10)

    def post() -> None:
        start.wait(30)
        statuses.append(sender.post(headers=headers).status_code)
        connections.close_all()

    for _ in range(50 // start.parties):
        threads = [threading.Thread(target=post) for _ in range(start.parties)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(statuses) == [200] * 49 + [202]
    assert (InboundHook.objects.count(), Record.objects.count()) == (1, 1)
    assert (Track.objects.count(), Ask.objects.count()) == (1, 1)


def test_another_connection_s_secret_opens_nothing(sender: Sender, workspace: Workspace) -> None:
    """IN-08."""
    other = Sender(workspace, name="Other")
    headers = sender.signed(EXPENSE_REPORT, secret=other.secret)
    assert sender.post(headers=headers).status_code == 401
    assert nothing_kept()
    sender.post()
    assert other.post().status_code == 202


def test_both_secrets_are_accepted_during_the_overlap(sender: Sender, clock: Clock) -> None:
    """IN-13."""
    new = transitions.rotate_secret(connection_id=sender.connection.pk, overlap=timedelta(hours=1))
    old = sender.secret

    def status(secret: str, id: str) -> int:
        headers = sender.signed(EXPENSE_REPORT, id=id, secret=secret, at=clock.now.timestamp())
        found: int = sender.post(headers=headers).status_code
        return found

    assert [status(new, "a"), status(old, "b")] == [202, 202]
    clock.move(minutes=59)
    assert [status(new, "c"), status(old, "d")] == [202, 202]
    clock.move(minutes=2)
    assert [status(new, "e"), status(old, "f")] == [202, 401]


def test_an_unknown_connection_is_not_found_whatever_is_sent(sender: Sender) -> None:
    path = sender.path
    for id in ("con_1", "con_" + "0" * 32, "x", "trk_" + "0" * 32, sender.connection.pk.hex):
        response = sender.client.post(f"/webhooks/{id}", b"{}", content_type="application/json")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert response.headers["Content-Type"] == "application/problem+json"
    sender.connection.enabled = False
    sender.connection.save()
    assert sender.client.post(path, b"{}", content_type="application/json").status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "head"])
def test_only_post_is_for_posting(method: str, sender: Sender) -> None:
    response = getattr(sender.client, method)(sender.path)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_an_api_key_opens_nothing_here(sender: Sender, agent: Any) -> None:
    headers = {"Authorization": f"Bearer {agent.key}"}
    assert sender.post(headers=headers).status_code == 401
    assert nothing_kept()


# --- bearer token --------------------------------------------------------------------------------


def test_a_bearer_token_comes_in_where_the_connection_has_one(sender: Sender) -> None:
    token = transitions.set_bearer_token(sender.connection)
    headers = {"Authorization": f"Bearer {token}", "webhook-id": "msg_1"}
    assert sender.post(headers=headers).status_code == 202
    assert sender.post(headers=headers).status_code == 200
    assert InboundHook.objects.get().proof == "bearer"
    assert token not in str(sender.row().__dict__)


@pytest.mark.parametrize(
    "authorization", ["Bearer ", "Bearer cbt_wrong", "Basic {token}", "{token}", "Bearer {token}x"]
)
def test_anything_but_the_token_is_refused(authorization: str, sender: Sender) -> None:
    token = transitions.set_bearer_token(sender.connection)
    headers = {"Authorization": authorization.format(token=token)}
    assert sender.post(headers=headers).status_code == 401
    assert nothing_kept()


def test_without_an_id_the_content_is_the_id(sender: Sender) -> None:
    token = transitions.set_bearer_token(sender.connection)
    headers = {"Authorization": f"Bearer {token}"}
    assert sender.post(headers=headers).status_code == 202
    assert sender.post(headers=headers).status_code == 200
    assert sender.post(expense_report(report_id="EXP-2"), headers=headers).status_code == 202
    assert InboundHook.objects.count() == 2


def test_a_new_token_ends_the_one_before(sender: Sender) -> None:
    old = transitions.set_bearer_token(sender.connection)
    transitions.set_bearer_token(sender.connection)
    assert sender.post(headers={"Authorization": f"Bearer {old}"}).status_code == 401


def test_a_wrong_signature_is_not_saved_by_a_token(sender: Sender) -> None:
    token = transitions.set_bearer_token(sender.connection)
    headers = {"Authorization": f"Bearer {token}", "webhook-signature": "v1,AAAA"}
    assert sender.post(headers=headers).status_code == 401


# --- unsigned ------------------------------------------------------------------------------------


def test_unsigned_posting_is_off(sender: Sender) -> None:
    """IN-09."""
    assert sender.post(headers={}).status_code == 401
    assert nothing_kept()


def test_where_it_is_allowed_one_message_in_ten_seconds_may_be_unsigned(
    sender: Sender, clock: Clock
) -> None:
    """IN-09."""
    sender.connection.allows_unsigned = True
    sender.connection.save()
    assert sender.post(headers={}).status_code == 202
    refused = sender.post(expense_report(report_id="EXP-2"), headers={})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "10"
    assert {"RateLimit", "RateLimit-Policy"} <= set(refused.headers)
    clock.move(seconds=9.999)
    assert sender.post(expense_report(report_id="EXP-2"), headers={}).status_code == 429
    clock.move(milliseconds=1)
    assert sender.post(expense_report(report_id="EXP-2"), headers={}).status_code == 202
    assert InboundHook.objects.count() == 2
    signed = sender.signed(expense_report(report_id="EXP-3"), at=clock.now.timestamp())
    assert sender.post(expense_report(report_id="EXP-3"), headers=signed).status_code == 202


def test_an_unsigned_message_has_64_kb_at_most(sender: Sender) -> None:
    """IN-09."""
    sender.connection.allows_unsigned = True
    sender.connection.save()
    body = expense_report(padding="x" * 65_536)
    assert sender.post(body, headers={}).status_code == 413
    assert sender.post(body).status_code == 202


def test_an_unsigned_message_cannot_take_the_place_of_a_signed_one(sender: Sender) -> None:
    sender.connection.allows_unsigned = True
    sender.connection.save()
    assert sender.post(headers={"webhook-id": "msg_1"}).status_code == 202
    assert sender.post(expense_report(report_id="EXP-2"), id="msg_1").status_code == 202
    assert InboundHook.objects.count() == 2


def test_a_wrong_signature_is_no_unsigned_message(sender: Sender) -> None:
    sender.connection.allows_unsigned = True
    sender.connection.save()
    assert sender.post(headers={"webhook-signature": ""}).status_code == 401
    assert nothing_kept()


# --- what is in it -------------------------------------------------------------------------------


def test_unknown_fields_are_kept_and_mean_nothing(sender: Sender) -> None:
    """IN-12."""
    body = expense_report(
        status="approved", approved=True, workspace_id="x", connection="con_1", tenant_id=5
    )
    assert sender.post(body).status_code == 202
    apply_all()
    assert InboundHook.objects.get().body.encode() == body
    assert (Record.objects.get().status, Ask.objects.get().status) == ("pending", "open")


def test_who_asks_cannot_approve(sender: Sender) -> None:
    """IN-14."""
    body = expense_report(submitter__email_addr="John.Smith@Example.com")
    response = sender.post(body)
    assert (response.status_code, response.json()["code"]) == (422, "self_approval")
    assert response.json()["errors"][0]["field"] == "approver.email_addr"
    assert nothing_kept()
    assert Entry.objects.get().type == "inbound.self_approval"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"report_id": None}, "report_id"),
        ({"report_id": ""}, "report_id"),
        ({"report_id": "x" * 256}, "report_id"),
        ({"report_id": ["EXP"]}, "report_id"),
        ({"total_amount": "750.50"}, "total_amount"),
        ({"total_amount": True}, "total_amount"),
        ({"total_amount": 10**31}, "total_amount"),
        ({"currency": 5}, "currency"),
        ({"description": ["x"]}, "description"),
        ({"submitter": "Jane"}, "submitter"),
        ({"submitter__email_addr": "not an address"}, "submitter.email_addr"),
        ({"approver": None}, "approver.email_addr"),
        ({"approver__email_addr": None}, "approver.email_addr"),
        ({"approver__email_addr": "a@b.com, c@d.com"}, "approver.email_addr"),
        ({"approver__email_addr": "a\u202e@b.com"}, "approver.email_addr"),
        ({"line_items": {"item": "x"}}, "line_items"),
        ({"line_items": [5]}, "line_items.0"),
        ({"line_items": [{"item": "x"}, {"amount": "1"}]}, "line_items.1.amount"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    changes: dict[str, Any], field: str, sender: Sender
) -> None:
    response = sender.post(expense_report(**changes))
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert response.json()["errors"][0]["field"] == field
    assert nothing_kept()


def test_the_least_that_can_be_asked(sender: Sender) -> None:
    body = {"report_id": 7, "approver": {"email_addr": "cfo@acme.com"}}
    assert sender.post_json(body).status_code == 202
    apply_all()
    assert Ask.objects.get().prompt == "Expense Report 7"


def test_tenants_are_apart(sender: Sender) -> None:
    stranger = Sender(WorkspaceFactory(name="Elsewhere"))
    sender.post()
    stranger.post()
    apply_all()
    owners = {track.workspace.name for track in Track.objects.select_related("workspace")}
    assert (Record.objects.count(), owners) == (2, {"Acme", "Elsewhere"})


def test_messages_are_forgotten_after_90_days(sender: Sender, clock: Clock) -> None:
    sender.post(headers=sender.signed(EXPENSE_REPORT, at=clock.now.timestamp()))
    apply_all()
    clock.move(days=89, hours=23)
    assert received.purge_old() == 0
    clock.move(hours=2)
    assert received.purge_old() == 1
    assert Record.objects.count() == 1
