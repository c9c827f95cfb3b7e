"""The note in a system that somebody is asked: whose it is decides who is told."""

import pytest

from approvals.models import Notification
from mirroring.models import Connection, Record
from tests.conftest import Clock
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import consume, poll, record_of

pytestmark = pytest.mark.django_db


def mails() -> list[str]:
    told = Notification.objects.filter(kind="ask").order_by("pk").select_related("approver")
    return [each.approver.address for each in told]


def marks(snow: ServiceNow, ref: str) -> int:
    return "\n".join(snow.log(ref)).count("[sayso-asked-")


def test_whose_address_becomes_known_is_told_though_our_mark_is_there(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    poll(connection)
    dan = snow.user("dan", "Dan", "")
    ref = snow.open("12 laptops", approver=dan)
    poll(connection)
    assert (record_of(connection, ref).status, marks(snow, ref)) == ("needs_human", 1)
    clock.move(minutes=1)
    snow.users[dan].email = "dan@corp.example"
    snow.touch(ref)
    poll(connection)
    consume()
    assert record_of(connection, ref).status == "pending"
    assert (mails(), marks(snow, ref)) == (["dan@corp.example"], 1)


def test_what_changes_before_a_dead_worker_has_told_of_it_is_told_of(
    connection: Connection, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll(connection)
    ref = snow.open("12 laptops")
    with monkeypatch.context() as patch:
        patch.setattr("mirroring.sync.follow_safely", lambda *_, **__: None)
        patch.setattr("mirroring.sync.follow_together", lambda *_: None)
        poll(connection)
    assert (Record.objects.get().track, marks(snow, ref)) == (None, 1)
    clock.move(seconds=10)
    snow.touch(ref)
    poll(connection)
    consume()
    assert (mails(), marks(snow, ref)) == (["alice@corp.example"], 1)
