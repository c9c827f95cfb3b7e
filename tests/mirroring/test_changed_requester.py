"""A request whose requester is corrected in its system: nobody decides about their own (PO-07)."""

import pytest

from approvals.models import Ask
from mirroring import transitions
from mirroring.dry_run import dry_run
from mirroring.models import Connection, Identity, Record
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import consume, follow_due, poll, record_of
from tracks.models import Track
from tracks.transitions import SelfApproval

pytestmark = pytest.mark.django_db


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


@pytest.fixture
def nameless(waiting: Record, connection: Connection, snow: ServiceNow) -> Identity:
    """Whoever requests it now is known to the system by a name alone; Alice is asked anew."""
    requester = snow.user("al", "Al", "")
    correct(snow, waiting, requester=requester, approver=snow.alice)
    poll(connection)
    consume()
    assert record_of(connection, waiting.external_id).approvers == ["alice@corp.example"]
    return Identity.objects.get(external_id=requester)


def test_whoever_turns_out_to_be_the_requester_is_asked_no_longer(
    waiting: Record, nameless: Identity
) -> None:
    assert transitions.name_address(nameless, "Alice@Corp.example") == 1
    follow_due()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("needs_human", str(SelfApproval("approvers")))
    assert waiting.requester == "Alice@Corp.example"
    assert not Ask.objects.filter(status="open").exists()


def test_a_requester_who_becomes_known_is_kept_out_and_nobody_is_asked_anew(
    waiting: Record, nameless: Identity, connection: Connection
) -> None:
    asked = Ask.objects.get(status="open")
    assert Track.objects.get().requester is None
    assert transitions.name_address(nameless, "al@corp.example") == 1
    follow_due()
    poll(connection, sweep=True)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.ask, waiting.next_attempt_at) == ("pending", asked, None)
    assert Ask.objects.get(status="open") == asked
    assert Track.objects.get().requester == "al@corp.example"


def test_what_is_named_as_before_is_followed_by_nothing(
    waiting: Record, nameless: Identity
) -> None:
    transitions.name_address(nameless, "al@corp.example")
    follow_due()
    assert transitions.name_address(nameless, "al@corp.example") == 0
