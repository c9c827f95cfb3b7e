"""Records: what became of each, and what staff do about it."""

from typing import Any

import pytest
from django.test import Client

from approvals.transitions import cancel_ask
from mirroring import push
from mirroring.models import Connection, Identity, InboundHook, Push, Record
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import WorkspaceFactory, answer
from tests.mirroring.connections.declared import LIST, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, row
from tests.staff.conftest import Hire
from tests.webhooks.conftest import run_consumers
from tracks.models import Entry
from tracks.textpolicy import escaped

pytestmark = pytest.mark.django_db
VERBS = ("look_again", "retry_push", "ask_again")


@pytest.fixture
def record(erp: Connection, api: Api) -> Record:
    poll(erp)
    return Record.objects.get(external_id="1")


@pytest.fixture
def held(record: Record, api: Api) -> Push:
    """A decision that the system would not take."""
    assert record.ask is not None
    answer(record.ask, True)
    run_consumers()
    api.on("GET /approvals/1", row(1))
    api.on("POST /approvals/1/yes", {"message": "Not you"}, status=403)
    decision = Push.objects.get()
    push.carry_out(decision.pk)
    decision.refresh_from_db()
    assert decision.status == "needs_human"
    return decision


def page(record: Record, verb: str = "change") -> str:
    return f"/admin/mirroring/record/{record.pk}/{verb}/"


def press(client: Client, record: Record, verb: str) -> Any:
    return client.post(page(record, verb), {"reason": "Because."})


def buttons(client: Client, record: Record) -> set[str]:
    shown = client.get(page(record)).content.decode()
    return {verb for verb in VERBS if page(record, verb) in shown}


def test_the_page_shows_every_attempt_in_the_systems_words(integrator: Client, held: Push) -> None:
    shown = integrator.get(page(held.record)).content.decode()
    assert "Approve" in shown
    assert "needs_human" in shown
    assert "Not you" in shown
    assert "Approval 1" in shown
    assert SECRET not in shown


def test_a_write_back_is_tried_again_and_looked_for_first(
    integrator: Client, held: Push, api: Api, clock: Clock
) -> None:
    assert buttons(integrator, held.record) == {"look_again", "retry_push", "ask_again"}
    assert press(integrator, held.record, "retry_push").status_code == 302
    held.refresh_from_db()
    record = Record.objects.get(pk=held.record_id)
    assert (held.attempts, held.next_attempt_at) == (0, clock.now)
    assert (record.status, record.reason) == ("deciding", "")
    entry = Entry.objects.latest("pk")
    assert (entry.type, entry.subject) == ("record.push_retried", record.public_id)
    clock.move(minutes=3)
    api.on("POST /approvals/1/yes", {})
    api.on("GET /approvals/1", row(1), row(1), row(1, status="yes"))
    push.carry_out(held.pk)
    held.refresh_from_db()
    record.refresh_from_db()
    assert (held.status, record.status) == ("confirmed", "approved")


def test_what_was_taken_after_all_is_not_sent_again(
    integrator: Client, held: Push, api: Api, clock: Clock
) -> None:
    press(integrator, held.record, "retry_push")
    api.on("GET /approvals/1", row(1, status="yes"))
    sent = len(api.asked("POST"))
    push.carry_out(held.pk)
    assert len(api.asked("POST")) == sent
    assert Record.objects.get(pk=held.record_id).status == "approved"


def test_once_somebody_is_asked_again_theirs_is_the_decision(
    integrator: Client, held: Push
) -> None:
    press(integrator, held.record, "ask_again")
    assert buttons(integrator, held.record) == {"look_again"}
    with nothing_written():
        assert press(integrator, held.record, "retry_push").status_code == 409


def test_nothing_is_written_back_that_does_not_wait(integrator: Client, record: Record) -> None:
    with nothing_written():
        assert press(integrator, record, "retry_push").status_code == 409


def test_a_look_does_what_follows_from_it(integrator: Client, record: Record, api: Api) -> None:
    api.on("GET /approvals/1", row(1, status="no"))
    with nothing_written():
        assert integrator.get(page(record, "look_again")).status_code == 200
    pressed = press(integrator, record, "look_again")
    assert pressed.status_code == 302
    shown = integrator.get(pressed["Location"]).content.decode()
    assert "The system says: rejected. Its status here: Rejected." in shown
    record.refresh_from_db()
    assert record.status == "rejected"
    assert Entry.objects.latest("pk").type == "record.looked_at"


def test_a_look_that_fails_says_why(integrator: Client, record: Record, api: Api) -> None:
    api.on("GET /approvals/1", {"message": "Out of order"}, status=500)
    response = press(integrator, record, "look_again")
    assert response.status_code == 424
    assert "Out of order" in response.content.decode()


def test_whoever_let_it_pass_is_asked_again(
    integrator: Client, record: Record, clock: Clock
) -> None:
    assert record.ask is not None
    assert record.track is not None
    cancel_ask(
        ask_id=record.ask.pk,
        workspace_id=record.connection.workspace_id,
        actor=record.connection.actor,
        reason="By mistake.",
    )
    run_consumers()
    record.refresh_from_db()
    assert record.status == "cancelled"
    assert press(integrator, record, "ask_again").status_code == 302
    again = Record.objects.get(pk=record.pk)
    assert again.status == "pending"
    assert again.ask is not None
    assert again.ask.status == "open"
    assert again.ask_id != record.ask_id
    assert Entry.objects.latest("pk").type == "record.asked_again"


def test_while_somebody_is_asked_nobody_is_asked_again(integrator: Client, record: Record) -> None:
    assert buttons(integrator, record) == {"look_again"}
    with nothing_written():
        assert press(integrator, record, "ask_again").status_code == 409


@pytest.mark.parametrize("verb", VERBS)
def test_who_may_not_is_refused_and_a_stranger_finds_nothing(
    hire: Hire, record: Record, api: Api, verb: str
) -> None:
    asked = len(api.asked())
    operator = hire("Operator", record.connection.workspace)
    elsewhere = hire("Owner", WorkspaceFactory(name="Umbrella"))
    assert buttons(operator, record) == set()
    with nothing_written():
        assert press(operator, record, verb).status_code == 403
        assert press(elsewhere, record, verb).status_code == 404
    assert len(api.asked()) == asked


def test_what_turns_text_round_is_written_out(
    integrator: Client, erp: Connection, api: Api
) -> None:
    api.on(LIST, {"rows": [row(1, subject="Pay \u202e1")]})
    poll(erp)
    tried = f"/admin/mirroring/connection/{erp.pk}/dry_run/"
    for shown in (
        integrator.get("/admin/mirroring/record/"),
        integrator.get(page(Record.objects.get())),
        integrator.post(tried, {"from_start": "on"}),
    ):
        assert "\u202e" not in shown.content.decode()
        assert r"Pay \u202e1" in shown.content.decode()


@pytest.mark.parametrize("odd", ["\u202e", "\u2066", "\u200b", "\u2028", "\U000e0041", "\x85"])
def test_ids_and_names_of_a_system_are_written_out(
    integrator: Client, record: Record, clock: Clock, odd: str
) -> None:
    """What turns text round or hides turns no page of staff round, wherever it stands."""
    said = f"a{odd}b"
    person = Identity.objects.create(
        connection=record.connection, external_id=said, name=said, first_seen_at=clock.now
    )
    Record.objects.filter(pk=record.pk).update(
        external_id=said, requester=said, url=f"https://erp.example/{odd}"
    )
    hook = InboundHook.objects.create(
        connection=record.connection,
        proof="none",
        webhook_id=said,
        body=said,
        body_digest="0" * 64,
        received_at=clock.now,
    )
    pages = [
        f"/admin/mirroring/{model}/{place}"
        for model, pk in (("identity", person.pk), ("record", record.pk), ("inboundhook", hook.pk))
        for place in ("", f"{pk}/change/")
    ]
    pages += [
        f"/admin/mirroring/identity/{person.pk}/name_address/",
        page(record, "look_again"),
        f"/admin/tracks/track/{record.track_id}/change/",
    ]
    named = {"address": "al@acme.com", "reason": "HR"}
    assert integrator.post(pages[-3], named).status_code == 302
    pages.append(f"/admin/tracks/entry/{Entry.objects.latest('pk').pk}/change/")
    for each in pages:
        shown = integrator.get(each).content.decode()
        assert odd not in shown, each
        assert escaped(said) in shown, each


def test_the_list_names_the_system_and_the_title(integrator: Client, record: Record) -> None:
    shown = integrator.get(f"/admin/mirroring/record/?connection__id__exact={record.connection_id}")
    assert "Approval 1" in shown.content.decode()
