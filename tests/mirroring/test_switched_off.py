"""A connection that is switched off: nothing is read of its system, and nothing written to it."""

import json

import pytest

from mirroring import connecting, operating, received
from mirroring.models import Connection, HintedHook, InboundHook, Push, Record
from mirroring.refusals import ConnectionDisabled
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import AGENT
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import poll, push_due, record_of

pytestmark = pytest.mark.django_db


def switch(connection: Connection, *, on: bool) -> None:
    """Switch a connection on or off, as staff do with its form."""
    connection.refresh_from_db()
    connection.enabled = on
    operating.change(
        connection, config=connection.config, secrets={}, changed=["enabled"], actor=AGENT
    )


def test_a_decision_waits_and_that_is_no_attempt(
    decided: Record, connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    switch(connection, on=False)
    asked = len(snow.requests)
    for _ in range(3):
        (made,) = push_due()
        assert (made.status, made.attempts, made.history) == ("pending", 0, [])
        assert made.next_attempt_at == clock.now + connecting.PUT_OFF
        clock.move(minutes=5)
    assert len(snow.requests) == asked
    decided.refresh_from_db()
    assert decided.status == "deciding"


def test_once_it_is_on_again_what_waited_is_written_at_once(
    decided: Record, connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    switch(connection, on=False)
    push_due()
    clock.move(minutes=1)
    switch(connection, on=True)
    assert Push.objects.get().next_attempt_at == clock.now
    (made,) = push_due()
    assert (made.status, made.attempts) == ("confirmed", 1)
    assert [each.state for each in snow.decisions[decided.external_id]] == ["approved"]


def test_what_was_confirmed_is_not_looked_at_meanwhile(
    decided: Record, connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    push_due()
    switch(connection, on=False)
    asked = len(snow.requests)
    clock.move(hours=1)
    (made,) = push_due()
    assert (made.status, made.looks, len(snow.requests)) == ("confirmed", 0, asked)


def test_a_hint_waits_however_long_it_takes(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    poll(connection)
    body = json.dumps({"external_id": snow.open("12 laptops")}).encode()
    proof = InboundHook.Proof.SIGNATURE
    hook, _ = received.accept(connection, proof=proof, webhook_id="1", body=body, is_hint=True)
    switch(connection, on=False)
    asked = len(snow.requests)
    for _ in range(received.MOST_LOOKS + 1):
        received.look(hook.pk)
        clock.move(minutes=5)
    hook = HintedHook.objects.get()
    assert (hook.attempts, hook.next_attempt_at, len(snow.requests)) == (0, clock.now, asked)
    switch(connection, on=True)
    received.look(hook.pk)
    assert Record.objects.get().status == "pending"


def test_staff_cannot_have_a_record_read(
    decided: Record, connection: Connection, snow: ServiceNow
) -> None:
    switch(connection, on=False)
    asked = len(snow.requests)
    record = record_of(connection, decided.external_id)
    with nothing_written(), pytest.raises(ConnectionDisabled):
        operating.look_again(record, actor=AGENT, reason="")
    assert len(snow.requests) == asked


def test_other_settings_that_are_mended_hurry_what_waits_too(
    decided: Record, connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    snow.faults.add(faults.SERVER_ERROR, times=4)
    for _ in range(4):
        (made,) = push_due()
    assert made.next_attempt_at is not None
    assert made.next_attempt_at > clock.now
    switch(connection, on=True)
    assert Push.objects.get().next_attempt_at == clock.now
