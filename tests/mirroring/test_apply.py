"""From a payload to a track and an ask, and back (contract §4; PO-07; IN-14)."""

from decimal import Decimal
from typing import Any

import pytest

from approvals.models import Ask
from approvals.transitions import record_timeout
from mirroring import expenses, strict_json, sync, transitions
from mirroring.models import Connection, Record
from tests.conftest import Clock
from tests.factories import AGENT, answer, evidence_of, kinds, someone
from tests.mirroring.payloads import EXPENSE_REPORT, expense_report
from tracks.events import dispatch
from tracks.models import Dispatch, Event, Track, Workspace
from tracks.serializers import track_json
from tracks.transitions import complete_track

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(workspace: Workspace) -> Connection:
    return transitions.create_connection(workspace_id=workspace.pk, name="Expenses")[0]


def apply(connection: Connection, body: bytes = EXPENSE_REPORT) -> Record:
    item = expenses.read_item(strict_json.read(body))
    return sync.apply(connection_id=connection.pk, item=item)


def run_consumers() -> None:
    Dispatch.objects.update(next_attempt_at="2026-01-01T00:00:00Z")
    for event_id in Dispatch.objects.values_list("pk", flat=True):
        dispatch(event_id)


def test_the_payload_of_the_contract_becomes_a_question(connection: Connection) -> None:
    record = apply(connection)
    ask = Ask.objects.get()
    assert (record.status, record.ask, record.external_id) == (
        *("pending", ask, "EXP-2025-09-15-001"),
    )
    assert (ask.kind, ask.prompt) == ("confirm", "Expense Report from Jane Doe")
    assert ask.config == {
        "accept_label": "Approve",
        "reject_label": "Deny",
        "description": "Client dinner and travel for Q3 sales meeting.",
        "summary": [
            ["Total", "750.50 USD"],
            ["Submitted by", "Jane Doe (jane.doe@example.com)"],
            ["Report", "EXP-2025-09-15-001"],
        ],
        "details": "Client Dinner at The Grand Restaurant · Meals & Entertainment · 250.00 USD\n"
        "Round-trip flight to NYC · Travel · 450.50 USD\n"
        "Taxi from JFK to Hotel · Travel · 50.00 USD",
    }
    assert [seat.approver.address for seat in ask.seats.all()] == ["john.smith@example.com"]
    assert (ask.timeout_seconds, ask.asked_by) == (2_592_000, "Expenses")


def test_its_track_tells_the_story(connection: Connection) -> None:
    apply(connection)
    track = Track.objects.get()
    shown = track_json(track)
    assert shown["title"] == "Expense Report from Jane Doe"
    assert [(step["title"], step["status"]) for step in shown["steps"]] == [
        ("Received", "completed"),
        ("Decision", "active"),
        ("Written back", "pending"),
    ]
    assert (shown["customer_email"], shown["requester"]) == (
        *("john.smith@example.com", "jane.doe@example.com"),
    )
    assert shown["metadata"] == {
        "connection": connection.public_id,
        "external_id": "EXP-2025-09-15-001",
    }
    assert kinds(track) == [
        *("track.created", "step.completed", "step.started", "record.seen"),
        "input_request.created",
    ]
    seen = Event.objects.get(type="record.seen")
    assert (seen.actor_type, seen.actor_name) == ("connection", "Expenses")
    assert seen.data == {
        "record_id": Record.objects.get().public_id,
        "connection_id": connection.public_id,
        "external_id": "EXP-2025-09-15-001",
    }


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("750.50", "750.50 USD"),
        ("750.5", "750.5 USD"),
        ("750", "750 USD"),
        ("0.10", "0.10 USD"),
        ("-12.00", "-12.00 USD"),
        ("7.505e2", "750.5 USD"),
        ("12345678901234567890.12", "12345678901234567890.12 USD"),
    ],
)
def test_an_amount_is_shown_as_it_was_written(
    written: str, shown: str, connection: Connection
) -> None:
    body = EXPENSE_REPORT.replace(b"750.50", written.encode())
    assert strict_json.read(body)["total_amount"] == Decimal(written)
    apply(connection, body)
    assert Ask.objects.get().config["summary"][0] == ["Total", shown]


def test_the_same_report_again_changes_nothing(connection: Connection, clock: Clock) -> None:
    first = apply(connection)
    events = kinds(Track.objects.get())
    clock.move(minutes=5)
    again = apply(connection, expense_report())  # 750.5 here, 750.50 there: one amount
    assert (again.pk, again.revision, again.last_seen_at) == (first.pk, first.revision, clock.now)
    assert (Ask.objects.count(), kinds(Track.objects.get())) == (1, events)


def test_what_nobody_decides_about_is_no_change(connection: Connection) -> None:
    apply(connection)
    apply(connection, expense_report(submitter__record_id="user_2", note="x"))
    assert Ask.objects.count() == 1


def test_a_change_voids_the_question_and_asks_anew_on_the_same_track(
    connection: Connection,
) -> None:
    """PO-06, as far as it goes before there is anything to push to."""
    apply(connection)
    record = apply(connection, expense_report(total_amount=900))
    new, old = Ask.objects.order_by("-pk")
    assert (old.status, old.cancel_reason) == ("cancelled", sync.CHANGED_AT_SOURCE)
    assert new.status == "open"
    assert new.config["summary"][:2] == [
        ["Changed", "Total: 750.50 USD → 900 USD"],
        ["Total", "900 USD"],
    ]
    assert (record.status, record.ask, Track.objects.count()) == ("pending", new, 1)
    assert kinds(new.track)[-3:] == [
        *("record.changed", "input_request.cancelled", "input_request.created"),
    ]
    run_consumers()
    assert Record.objects.get().status == "pending"


def test_another_approver_is_asked_instead(connection: Connection) -> None:
    apply(connection)
    apply(connection, expense_report(approver__email_addr="cfo@example.com"))
    ask = Ask.objects.get(status="open")
    assert [seat.approver.address for seat in ask.seats.all()] == ["cfo@example.com"]
    assert ask.track.customer_email == "cfo@example.com"


def test_a_change_after_the_decision_is_kept_and_asks_nobody(connection: Connection) -> None:
    record = apply(connection)
    answer(Ask.objects.get(), True)
    run_consumers()
    record = apply(connection, expense_report(total_amount=900))
    assert (record.status, record.reason) == ("changed", sync.CHANGED_AFTER)
    assert Ask.objects.count() == 1


@pytest.mark.parametrize(
    ("value", "status", "word"), [(True, "approved", "Approved"), (False, "rejected", "Denied")]
)
def test_the_decision_is_written_on_the_record_and_told(
    value: bool, status: str, word: str, connection: Connection
) -> None:
    apply(connection)
    answer(Ask.objects.get(), value, comment="Within budget.")
    run_consumers()
    assert Record.objects.get().status == status
    steps = track_json(Track.objects.get())["steps"]
    assert (steps[1]["status"], steps[1]["detail"]) == ("completed", word)
    answered = Event.objects.get(type="input_request.answered")
    assert answered.data is not None
    assert (answered.data["value"], answered.data["comment"]) == (value, "Within budget.")
    run_consumers()
    assert kinds(Track.objects.get()).count("step.completed") == 2


def test_a_question_that_nobody_answered_expires(connection: Connection, clock: Clock) -> None:
    apply(connection)
    clock.move(days=31)
    record_timeout(track_id=Track.objects.get().pk)
    run_consumers()
    assert Record.objects.get().status == "expired"


def test_closing_the_track_cancels_the_record_and_a_change_needs_a_person(
    connection: Connection,
) -> None:
    apply(connection)
    track = Track.objects.get()
    complete_track(track_id=track.pk, workspace_id=track.workspace_id, summary=None, actor=AGENT)
    run_consumers()
    assert Record.objects.get().status == "cancelled"
    record = apply(connection, expense_report(total_amount=1))
    assert (record.status, Ask.objects.count()) == ("needs_human", 1)
    assert "closed" in record.reason


def test_a_decision_on_a_track_that_was_closed_meanwhile_is_written_all_the_same(
    connection: Connection,
) -> None:
    apply(connection)
    ask = Ask.objects.get()
    answer(ask, True)
    complete_track(track_id=ask.track_id, workspace_id=ask.workspace_id, summary=None, actor=AGENT)
    run_consumers()
    assert Record.objects.get().status == "approved"
    assert not Dispatch.objects.exists()


DECEPTIVE: dict[str, Any] = {
    "description": "Client dinner\u202e and travel.",
    "submitter__full_name": "Jane\u200b Doe",
    "currency": "US\u2066D",
    "line_items": [{"item": "Dinner\U000e0041"}],
}


@pytest.mark.parametrize("path", DECEPTIVE)
def test_deceptive_text_is_kept_for_a_person_and_shown_to_no_approver(
    path: str, connection: Connection
) -> None:
    """PO-07: not lost, not cleaned, not asked."""
    record = apply(connection, expense_report(**{path: DECEPTIVE[path]}))
    assert (record.status, record.track, record.ask) == ("needs_human", None, None)
    assert "is not allowed here" in record.reason
    assert (Track.objects.count(), Ask.objects.count()) == (0, 0)
    mended = apply(connection)
    assert (mended.pk, mended.status, mended.reason) == (record.pk, "pending", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "x" * 8001},
        {"submitter__full_name": "x" * 200},
        {"line_items": [{"item": "x" * 100}] * 100},
    ],
)
def test_what_is_too_long_to_show_is_not_cut_short(
    changes: dict[str, Any], connection: Connection
) -> None:
    record = apply(connection, expense_report(**changes))
    assert record.status == "needs_human"
    assert "at most" in record.reason
    assert not Track.objects.exists()


def test_a_description_too_long_for_its_place_stands_whole_among_the_details(
    connection: Connection,
) -> None:
    apply(connection, expense_report(description="x" * 501, line_items=[{"item": "Dinner"}]))
    config = Ask.objects.get().config
    assert "description" not in config
    assert config["details"] == "x" * 501 + "\nDinner"


def test_a_change_that_cannot_be_shown_voids_the_question_all_the_same(
    connection: Connection,
) -> None:
    """What the approver would decide about is not so any more."""
    apply(connection)
    record = apply(connection, expense_report(description="a\u202eb"))
    assert record.status == "needs_human"
    assert Ask.objects.get().status == "cancelled"
    run_consumers()
    mended = apply(connection)
    assert (mended.status, mended.ask.status if mended.ask else None) == ("pending", "open")
    assert Track.objects.count() == 1


def test_a_refusal_further_down_leaves_nothing_half_done(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from config.errors import Invalid

    def refuse(**_: Any) -> Any:
        raise Invalid("No.")

    monkeypatch.setattr(sync, "open_first_ask", refuse)
    record = apply(connection)
    assert (record.status, record.reason) == ("needs_human", "No.")
    assert (Track.objects.count(), Event.objects.count()) == (0, 0)


def test_blank_fields_are_left_out(connection: Connection) -> None:
    body = expense_report(description=" ", currency=None, line_items=[], total_amount=None)
    apply(connection, body)
    assert set(Ask.objects.get().config) == {"accept_label", "reject_label", "summary"}


def test_without_a_name_the_address_stands_for_it(connection: Connection) -> None:
    apply(connection, expense_report(submitter__full_name=None))
    assert Ask.objects.get().prompt == "Expense Report from jane.doe@example.com"


def test_a_mirrored_question_does_not_count_against_the_plan(
    connection: Connection, workspace: Workspace
) -> None:
    workspace.plan = "free"
    workspace.save()
    workspace.monthofasks_set.create(month="2026-11", asks=25)
    assert apply(connection).status == "pending"
    assert workspace.monthofasks_set.get().asks == 25


def test_a_record_waits_for_whoever_is_asked_next(
    connection: Connection, workspace: Workspace, clock: Clock
) -> None:
    workspace.escalate_to = ["boss@example.com"]
    workspace.save()
    record = apply(connection)
    clock.move(days=30)
    assert record.track is not None
    record_timeout(track_id=record.track.pk)
    run_consumers()
    record.refresh_from_db()
    successor = Ask.objects.get(status="open")
    assert (record.status, record.ask) == ("pending", successor)

    boss = evidence_of(someone(workspace, "boss@example.com"))
    answer(successor, True, evidence=boss)
    run_consumers()
    record.refresh_from_db()
    assert record.status == "approved"
