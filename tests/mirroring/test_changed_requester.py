"""A request whose requester is corrected in its system: nobody decides about their own (PO-07)."""

import pytest

from approvals.models import Ask
from mirroring.dry_run import dry_run
from mirroring.models import Connection, Record
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import consume, poll, record_of
from tracks.models import Track
from tracks.transitions import SelfApproval

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(connection: Connection, snow: ServiceNow) -> Record:
    """Rita's request, of which Alice is asked."""
    poll(connection)
    ref = snow.open("12 laptops")
    poll(connection)
    consume()
    return record_of(connection, ref)


def correct(snow: ServiceNow, record: Record, *, requester: str, approver: str) -> None:
    """Let the system say otherwise who wants it, and who may decide."""
    snow.document_of(record.external_id).opened_by = requester
    snow.touch(record.external_id, approver=approver)


def test_whoever_becomes_the_requester_is_asked_no_longer(
    waiting: Record, connection: Connection, snow: ServiceNow
) -> None:
    correct(snow, waiting, requester=snow.alice, approver=snow.alice)
    (foretold,) = dry_run(connection).outlooks
    poll(connection)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("needs_human", str(SelfApproval("approvers")))
    assert foretold.effect == waiting.status
    assert list(Ask.objects.values_list("status", flat=True)) == ["cancelled"]


def test_whoever_was_the_requester_may_decide_about_somebody_elses_request(
    waiting: Record, connection: Connection, snow: ServiceNow
) -> None:
    bob = snow.user("bob", "Bob Buyer", "bob@corp.example")
    correct(snow, waiting, requester=bob, approver=snow.rita)
    (foretold,) = dry_run(connection).outlooks
    poll(connection)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.approvers) == ("pending", ["rita@corp.example"])
    assert (foretold.effect, foretold.approvers) == ("changed", ["rita@corp.example"])
    track = Track.objects.get()
    assert (track.requester, track.customer_email) == ("bob@corp.example", "rita@corp.example")
