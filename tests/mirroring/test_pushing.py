"""A decision on its way back: once, about what was decided, seen to arrive (PO-03, 04, 12)."""

import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from approvals.models import Ask, Notification
from mirroring import push, pushed, transitions
from mirroring.connectors import http
from mirroring.connectors.base import Capabilities, Item, NoteTime, Outcome
from mirroring.connectors.servicenow import ServiceNow as ServiceNowConnector
from mirroring.models import Connection, Push, Record
from tests.conftest import Clock
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.server import Asked, Said
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import answer, consume, poll, push_due, record_of
from tracks.models import Event

pytestmark = pytest.mark.django_db

OURS = "sayso.integration"


@pytest.fixture
def waiting(connection: Connection, snow: ServiceNow, clock: Clock) -> Record:
    """An approval that its approver was told of."""
    poll(connection)
    ref = snow.open("12 laptops", price="100.00")
    poll(connection)
    consume()
    Notification.objects.update(sent_at=clock.now, next_attempt_at=None)
    clock.move(minutes=2)
    return record_of(connection, ref)


def written(snow: ServiceNow, record: Record) -> list[str]:
    """Return which decisions we wrote."""
    made = snow.decisions.get(record.external_id, [])
    return [each.state for each in made if each.by == OURS]


def kinds(record: Record) -> list[str]:
    rows = Event.objects.filter(track=record.track, type__startswith="record.").order_by("seq")
    return list(rows.values_list("type", flat=True))


def updates() -> list[str]:
    rows = Notification.objects.filter(kind="update").order_by("pk")
    return [row.content["heading"] for row in rows]


def steps(record: Record) -> list[tuple[str, str]]:
    assert record.track is not None
    return [(step.status, step.detail or "") for step in record.track.steps.all()]


@pytest.mark.parametrize(("value", "status"), [(True, "approved"), (False, "rejected")])
def test_it_arrives_names_the_person_and_is_confirmed(
    waiting: Record, snow: ServiceNow, value: bool, status: str
) -> None:
    ask = answer(waiting, value, comment="Until Friday.")
    waiting.refresh_from_db()
    assert (waiting.status, written(snow, waiting)) == ("deciding", [])
    (made,) = push_due()
    assert (made.status, made.last_error) == ("confirmed", "")
    waiting.refresh_from_db()
    assert (waiting.status, written(snow, waiting)) == (status, [status])
    log = "\n".join(snow.log(waiting.external_id))
    assert "decided by Alice Approver <alice@corp.example>" in log
    assert "Until Friday." in log
    assert ask.public_id in log
    assert kinds(waiting) == ["record.seen", "record.pushed", "record.confirmed"]
    word = "Approved" if value else "Denied"
    assert steps(waiting) == [
        ("completed", ""),
        ("completed", word),
        ("completed", "Confirmed in ServiceNow"),
    ]
    assert updates() == ["Confirmed in ServiceNow"]


def test_decided_there_meanwhile_nothing_is_written(waiting: Record, snow: ServiceNow) -> None:
    """PO-03."""
    snow.decide(waiting.external_id, "rejected", by="bob")
    answer(waiting, True)
    (made,) = push_due()
    waiting.refresh_from_db()
    assert (made.status, waiting.status, written(snow, waiting)) == ("stale", "rejected", [])
    assert updates() == ["This request is already resolved"]
    words = (
        "Denied in ServiceNow by bob on Sun 22 Nov 2026, 10:02 UTC. "
        "Your answer stays on record here; nothing was written there."
    )
    assert Notification.objects.get(kind="update").content["words"] == words
    assert steps(waiting)[2] == ("failed", "Nothing was written: Denied in ServiceNow")
    assert Ask.objects.get().status == "answered"  # a person's answer stays on record


def test_what_the_system_knows_no_more_once_it_is_decided_is_confirmed(
    waiting: Record, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = ServiceNowConnector.decide

    def decide_and_forget(connector: ServiceNowConnector, *args: Any, **said: Any) -> Outcome:
        outcome = decide(connector, *args, **said)
        snow.table.change(waiting.external_id, is_restricted=True)
        return outcome

    monkeypatch.setattr(ServiceNowConnector, "decide", decide_and_forget)
    answer(waiting, True)
    for _ in range(3):  # the looks after it find nothing to say against it either
        (made,) = push_due()
        waiting.refresh_from_db()
        assert (made.status, waiting.status) == ("confirmed", "approved")
        clock.move(minutes=15)
    assert updates() == ["Confirmed in ServiceNow"]


def test_what_is_gone_is_not_written_to(waiting: Record, snow: ServiceNow) -> None:
    snow.touch(waiting.external_id, is_restricted=True)
    answer(waiting, True)
    (made,) = push_due()
    waiting.refresh_from_db()
    assert (made.status, waiting.status, written(snow, waiting)) == ("stale", "cancelled", [])


def test_a_changed_amount_is_not_decided_and_is_asked_anew(
    waiting: Record, snow: ServiceNow
) -> None:
    """PO-03, PO-06: the amount changes between the list and the decision."""
    answer(waiting, True)
    snow.document_of(waiting.external_id).price = "900.00"
    (made,) = push_due()
    waiting.refresh_from_db()
    assert (made.status, waiting.status, written(snow, waiting)) == ("changed", "changed", [])
    new, old = Ask.objects.order_by("-pk")
    assert (old.status, new.status, waiting.ask) == ("answered", "open", new)
    assert "900.00" in dict(new.config["summary"])["Changed"]
    assert steps(waiting)[1:] == [
        ("active", ""),
        ("failed", "Nothing was written: it had changed"),
    ]
    answer(waiting, False)
    made = push_due()[-1]
    waiting.refresh_from_db()
    assert (made.status, waiting.status) == ("confirmed", "rejected")
    assert written(snow, waiting) == ["rejected"]


@pytest.mark.parametrize("fault", [faults.SERVER_ERROR_AFTER_COMMIT, faults.DROPPED_AFTER_COMMIT])
def test_an_answer_that_is_lost_is_looked_up_and_never_sent_twice(
    waiting: Record, snow: ServiceNow, fault: str
) -> None:
    """PO-04."""
    answer(waiting, True)
    snow.faults.add(fault)
    (made,) = push_due()
    assert snow.faults.struck[fault] == 1
    assert (made.status, written(snow, waiting)) == ("confirmed", ["approved"])


def test_what_was_not_answered_is_sent_again_only_after_a_while(
    waiting: Record, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve, failed = snow.serve, []

    def failing_write(asked: Asked) -> Said:
        if asked.method == "PATCH" and not failed:
            failed.append(asked)
            return snow.error(500, "Internal Server Error")
        return serve(asked)

    answer(waiting, True)
    monkeypatch.setattr(snow, "serve", failing_write)
    (made,) = push_due()
    assert (made.status, written(snow, waiting)) == ("sent", [])
    (made,) = push_due()
    assert (made.status, written(snow, waiting)) == ("sent", [])  # it may yet show
    clock.move(minutes=3)
    (made,) = push_due()
    assert (made.status, written(snow, waiting)) == ("confirmed", ["approved"])


@pytest.mark.parametrize(
    ("has_effect", "status", "asks"), [(True, "confirmed", 1), (False, "changed", 2)]
)
def test_what_changes_while_it_may_yet_show_is_not_said_to_be_unwritten(
    waiting: Record, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    has_effect: bool, status: str, asks: int,
) -> None:  # fmt: skip
    serve, writes = snow.serve, []

    def late_write(asked: Asked) -> Said:
        if asked.method != "PATCH" or "sysapproval_approver" not in asked.path:
            return serve(asked)
        writes.append(asked)
        snow.document_of(waiting.external_id).price = "900.00"
        return snow.error(500, "Internal Server Error")

    answer(waiting, True)
    monkeypatch.setattr(snow, "serve", late_write)
    for _ in range(2):
        (made,) = push_due()
        assert (made.status, Ask.objects.count()) == ("sent", 1)
    if has_effect:
        serve(writes[0])
    clock.move(minutes=3)
    (made,) = push_due()
    assert (made.status, len(writes), Ask.objects.count()) == (status, 1, asks)


def test_what_has_its_effect_late_is_known_for_ours_though_a_later_try_was_refused(
    waiting: Record, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve, writes = snow.serve, []

    def failing_write(asked: Asked) -> Said:
        if asked.method != "PATCH":
            return serve(asked)
        writes.append(asked)
        # the first is kept in a queue, the second refused before it is read
        return snow.error(*((500, "Internal Server Error"), (429, "Slow down"))[len(writes) - 1])

    answer(waiting, True)
    monkeypatch.setattr(snow, "serve", failing_write)
    push_due()
    clock.move(minutes=3)
    (made,) = push_due()
    assert (len(writes), made.status) == (2, "pending")
    snow.decide(waiting.external_id, "approved", by=OURS)
    (made,) = push_due()
    waiting.refresh_from_db()
    assert (made.status, waiting.status, len(writes)) == ("confirmed", "approved", 2)


def test_a_worker_that_stood_still_until_its_lease_was_over_sends_nothing(
    waiting: Record, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = ServiceNowConnector.get
    answer(waiting, True)
    with monkeypatch.context() as still:

        def stand_still(connector: ServiceNowConnector, ref: str) -> Item:
            item = look(connector, ref)
            late = SimpleNamespace(monotonic=lambda: time.monotonic() + 91)
            still.setattr(http, "time", late)
            return item

        still.setattr(http, "_budgets", {})  # they are counted by that time
        still.setattr(ServiceNowConnector, "get", stand_still)
        (made,) = push_due()
    assert (made.status, written(snow, waiting)) == ("sent", [])  # it meant to
    clock.move(minutes=3)
    (made,) = push_due()
    assert (made.status, written(snow, waiting)) == ("confirmed", ["approved"])


def test_a_worker_that_dies_after_sending_leaves_one_decision(
    waiting: Record, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PO-12: it died between the push and its mark."""

    class Died(BaseException):
        pass

    def die(**_: object) -> None:
        raise Died()

    answer(waiting, True)
    with monkeypatch.context() as dying, suppress(Died):
        dying.setattr(pushed, "write", die)
        push_due()
    assert (Push.objects.get().status, written(snow, waiting)) == ("sent", ["approved"])
    clock.move(seconds=91)
    (made,) = push_due()
    assert (made.status, written(snow, waiting)) == ("confirmed", ["approved"])


def test_what_a_rule_of_the_system_ignores_goes_to_a_person(
    waiting: Record, snow: ServiceNow
) -> None:
    """mirroring.md §2.2: 200 does not mean decided."""
    answer(waiting, True)
    snow.faults.add(faults.WRITE_IGNORED)
    (made,) = push_due()
    waiting.refresh_from_db()
    assert (made.status, waiting.status, written(snow, waiting)) == (
        *("needs_human", "needs_human", []),
    )
    assert steps(waiting)[2][0] == "failed"
    snow.touch(waiting.external_id)
    poll(waiting.connection)
    assert Ask.objects.count() == 1  # it was answered: nobody is asked the same again


def test_while_the_system_is_away_it_is_tried_again(
    waiting: Record, snow: ServiceNow, clock: Clock
) -> None:
    answer(waiting, True)
    snow.faults.add(faults.SERVER_ERROR, times=3)
    (made,) = push_due()
    assert (made.status, made.attempts) == ("pending", 1)
    assert made.next_attempt_at == clock.now + timedelta(seconds=5)
    push_due()
    (made,) = push_due()
    assert made.next_attempt_at == clock.now + timedelta(seconds=120)
    (made,) = push_due()
    assert made.status == "confirmed"
    assert [each["what"] for each in made.history] == [
        *("server", "server", "server", "sending", "confirmed"),
    ]


def test_once_the_system_is_back_nothing_waits_for_its_long_pause(
    waiting: Record, snow: ServiceNow, clock: Clock
) -> None:
    answer(waiting, True)
    snow.faults.add(faults.SERVER_ERROR, times=5)
    for _ in range(4):
        (made,) = push_due()
    assert made.next_attempt_at == clock.now + timedelta(minutes=10)
    assert poll(waiting.connection).failures == 1
    clock.move(minutes=1)
    assert poll(waiting.connection).failures == 0
    made.refresh_from_db()
    assert made.next_attempt_at == clock.now


def test_what_another_worker_may_hold_is_not_hurried(waiting: Record, clock: Clock) -> None:
    answer(waiting, True)
    claimed = Push.claim(Push.objects.get().pk)
    assert claimed is not None
    assert transitions.hurry_pushes(waiting.connection, now=clock.now) == 0


def test_a_pause_that_was_asked_for_is_kept(
    waiting: Record, snow: ServiceNow, clock: Clock
) -> None:
    answer(waiting, True)
    snow.faults.add(faults.TOO_MANY_REQUESTS, retry_after=600)
    (made,) = push_due()
    assert made.next_attempt_at == clock.now + timedelta(seconds=600)


def test_what_the_system_never_takes_goes_to_a_person_and_can_be_tried_again(
    waiting: Record, snow: ServiceNow, clock: Clock
) -> None:
    answer(waiting, True)
    snow.faults.add(faults.SERVER_ERROR, times=None)
    for _ in range(push.MOST_ATTEMPTS):
        (made,) = push_due()
    waiting.refresh_from_db()
    assert (made.status, made.next_attempt_at, waiting.status) == (
        *("needs_human", None, "needs_human"),
    )
    assert updates() == ["Your decision is recorded, and not written yet"]
    snow.faults.clear()
    transitions.push_again(made)
    (made,) = push_due()
    waiting.refresh_from_db()
    assert (made.status, waiting.status, waiting.reason) == ("confirmed", "approved", "")


def test_what_is_stuck_is_given_up_once_the_record_is_asked_anew(
    waiting: Record, snow: ServiceNow, clock: Clock
) -> None:
    """Found by schedules of faults: the old answer took the place of the new question."""
    answer(waiting, True)
    snow.faults.add(faults.WRITE_IGNORED)
    (stuck,) = push_due()
    assert stuck.status == "needs_human"
    clock.move(minutes=2)
    snow.document_of(waiting.external_id).price = "900.00"
    snow.touch(waiting.external_id)
    poll(waiting.connection)
    stuck.refresh_from_db()
    waiting.refresh_from_db()
    assert (stuck.status, waiting.status) == ("changed", "pending")
    with pytest.raises(transitions.PushNotStuck):
        transitions.push_again(stuck)
    answer(waiting, False)
    push_due()
    waiting.refresh_from_db()
    assert (waiting.status, written(snow, waiting)) == ("rejected", ["rejected"])


def test_a_late_decision_that_overwrites_ours_becomes_a_conflict(
    waiting: Record, snow: ServiceNow, clock: Clock
) -> None:
    """mirroring.md §2.3: keep looking at what was decided for a while."""
    answer(waiting, True)
    (made,) = push_due()
    assert made.next_attempt_at == clock.now + timedelta(minutes=1)
    clock.move(minutes=1)
    (made,) = push_due()
    assert (made.looks, made.next_attempt_at) == (1, clock.now + timedelta(minutes=10))
    snow.decide(waiting.external_id, "rejected", by="bob")
    clock.move(minutes=10)
    push_due()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == (
        *("conflict", "The system says otherwise now: rejected."),
    )
    assert kinds(waiting)[-1] == "record.push_conflict"
    clock.move(hours=1)
    (made,) = push_due()
    assert (made.looks, made.next_attempt_at) == (3, None)


def test_where_a_decision_has_no_room_the_person_is_named_in_a_note(
    waiting: Record, snow: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = ServiceNowConnector.capabilities

    def with_notes(self: ServiceNowConnector) -> Capabilities:
        return replace(able(self), note=NoteTime.AFTER_DECISION)

    monkeypatch.setattr(ServiceNowConnector, "capabilities", with_notes)
    answer(waiting, True)
    (made,) = push_due()
    assert made.noted_at is not None
    notes = "\n".join(snow.document_of(waiting.external_id).work_notes)
    assert notes.count("Approve: decided by Alice Approver <alice@corp.example>") == 1


def test_a_decision_is_planned_once(waiting: Record) -> None:
    answer(waiting, True)
    event = Event.objects.get(type="input_request.answered")
    record = Record.objects.select_related("ask", "connection").get(pk=waiting.pk)
    push.plan(record, event, now=event.at)
    assert Push.objects.count() == 1
