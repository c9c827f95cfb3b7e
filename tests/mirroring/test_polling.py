"""A run over a system: what it brings, leaves alone, and how it fails (PO-01, PO-02, PO-05)."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.core import mail
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from approvals.models import Approver, Ask, Digest, Notification
from approvals.transitions import record_timeout
from mirroring import alerts, claimed, operating, polling, transitions
from mirroring.connectors.base import Capabilities, Item, Page
from mirroring.connectors.http import Budget
from mirroring.connectors.servicenow import ServiceNow as ServiceNowConnector
from mirroring.models import Alert, Connection, Identity, Poll, Record, Run
from tests.conftest import Clock
from tests.factories import AGENT
from tests.mirroring.conftest import connect_to
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import answer, consume, follow_due, poll, push_due, record_of
from tracks.models import Event, Workspace

pytestmark = pytest.mark.django_db

HOSTILE = "Approve\u202eevorppA"


def loaded(connection: Connection) -> Connection:
    """Get the first pass over, of which nobody is told record by record."""
    assert poll(connection).loaded_at is not None
    return connection


def mails(kind: str = "ask") -> list[str]:
    rows = Notification.objects.filter(kind=kind).order_by("pk")
    return [row.approver.address for row in rows.select_related("approver")]


# -- what comes in ---------------------------------------------------------------------------------


def test_an_approval_becomes_a_question_to_its_approver(
    connection: Connection, snow: ServiceNow
) -> None:
    ref = snow.open("12 laptops", price="18400.00", details="For team Blue.")
    loaded(connection)
    record = record_of(connection, ref)
    assert (record.status, record.approvers) == ("pending", ["alice@corp.example"])
    assert record.ask is not None
    assert record.track is not None
    assert record.ask.prompt == "12 laptops"
    assert dict(record.ask.config["summary"])["Amount"].startswith("18400")
    assert record.track.comes_from is not None
    assert record.track.comes_from.name == "ServiceNow"
    assert record.ask.escalate_to == ["cfo@corp.example"]  # the manager, as ServiceNow knows them


def test_the_first_pass_tells_nobody_of_each_and_everybody_once(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    """PO-09: five thousand that wait already send no five thousand mails."""
    bob = snow.user("bob", "Bob", "bob@corp.example")
    for number in range(7):
        snow.open(f"Request {number}", approver=bob if number == 6 else "")
    loaded(connection)
    consume()
    assert mails() == []
    digests = Digest.objects.select_related("approver").order_by("approver__canonical")
    assert [each.approver.address for each in digests] == ["alice@corp.example", "bob@corp.example"]
    assert {each.next_attempt_at for each in digests} == {clock.now}


def test_what_comes_after_it_is_told_at_once(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    loaded(connection)
    clock.move(minutes=1)
    snow.open("12 laptops")
    poll(connection)
    consume()
    assert mails() == ["alice@corp.example"]


def test_more_than_so_many_an_hour_are_summed_up(
    snow: ServiceNow, workspace: Workspace, clock: Clock
) -> None:
    connection = loaded(connect_to(snow, workspace, notices_per_hour=2))
    for number in range(5):
        snow.open(f"Request {number}")
    poll(connection)
    consume()
    assert mails() == ["alice@corp.example"] * 2
    assert Ask.objects.filter(is_quiet=True).count() == 3
    assert Digest.objects.get().next_attempt_at == clock.now + timedelta(hours=1)


@pytest.mark.parametrize(("policy", "quiet"), [("digest", 1), ("silent", 0)])
def test_a_connection_may_be_quieter(
    snow: ServiceNow, workspace: Workspace, policy: str, quiet: int
) -> None:
    connection = loaded(connect_to(snow, workspace, notices=policy))
    snow.open("12 laptops")
    poll(connection)
    consume()
    assert mails() == []
    assert Ask.objects.filter(is_quiet=True).count() == quiet
    assert Digest.objects.count() == quiet


def test_what_the_system_shows_to_have_been_told_is_not_told_again(
    snow: ServiceNow, workspace: Workspace
) -> None:
    """As after a backup was restored: our own mark is there."""
    first = loaded(connect_to(snow, workspace, name="Before"))
    ref = snow.open("12 laptops")
    poll(first)
    consume()
    assert mails() == ["alice@corp.example"]
    assert "Sayso asks Alice Approver" in "\n".join(snow.log(ref))
    second = connect_to(snow, workspace, name="After")
    Poll.objects.filter(pk=second.pk).update(loaded_at="2026-11-22T09:00:00Z")
    poll(second)
    consume()
    assert record_of(second, ref).status == "pending"
    assert mails() == ["alice@corp.example"]
    assert "\n".join(snow.log(ref)).count("Sayso asks") == 1


def test_the_same_again_costs_the_same_and_changes_nothing(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    for number in range(3):
        snow.open(f"Request {number}")
    loaded(connection)
    events = Event.objects.count()
    clock.move(minutes=1)
    poll(connection)
    assert (Ask.objects.count(), Event.objects.count()) == (3, events)
    assert {each.last_seen_at for each in Record.objects.all()} == {clock.now}


def test_a_page_costs_the_same_queries_however_many_people_are_on_it(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    """Batch look-up of people: a thousand records cost no thousand queries."""
    costs = []
    for size in (5, 40):
        for number in range(size):
            who = snow.user(f"u{size}x{number}", f"Nobody {number}", "")
            snow.open(f"Request {size} {number}", approver=who)
        with CaptureQueriesContext(
            database,
        ) as queries:
            poll(connection)
        look_ups = [each["sql"] for each in queries if "mirroring_identity" in each["sql"]]
        costs.append(len(look_ups))
        clock.move(minutes=1)
    assert costs == [2, 2]
    assert Identity.objects.count() == 45


# -- what a person must look at --------------------------------------------------------------------


def test_somebody_without_an_address_is_asked_once_staff_know_it(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    ref = snow.open("12 laptops", approver=snow.user("dan", "Dan", ""))
    loaded(connection)
    record = record_of(connection, ref)
    assert (record.status, record.ask) == ("needs_human", None)
    assert record.reason == "No e-mail address is known of Dan."
    identity = Identity.objects.get()
    assert (identity.name, identity.address) == ("Dan", "")
    transitions.name_address(identity, "dan@corp.example")
    follow_due()
    record = record_of(connection, ref)
    assert (record.status, record.approvers) == ("pending", ["dan@corp.example"])


def test_an_address_outside_the_allowed_domains_is_held(
    snow: ServiceNow, workspace: Workspace
) -> None:
    """PO-11: nobody redirects approvals by editing a profile."""
    connection = connect_to(snow, workspace, allowed_domains=["corp.example"])
    inside = snow.open("Fine")
    outside = snow.open("Odd", approver=snow.user("eve", "Eve", "eve@evil.example"))
    loaded(connection)
    assert record_of(connection, inside).status == "pending"
    record = record_of(connection, outside)
    assert record.status == "needs_human"
    assert record.reason == "eve@evil.example: not a mail domain that this connection allows."


def test_nobody_is_asked_about_their_own_request(connection: Connection, snow: ServiceNow) -> None:
    loaded(connection)
    own, other = snow.open("12 laptops", approver=snow.rita), snow.open("A chair")
    poll(connection)
    consume()
    record = record_of(connection, own)
    assert (record.status, record.ask, record.track) == ("needs_human", None, None)
    assert "requester" in record.reason
    assert record_of(connection, other).status == "pending"
    assert mails() == ["alice@corp.example"]


def test_a_hostile_title_is_held_and_harms_no_other(
    connection: Connection, snow: ServiceNow
) -> None:
    """PO-07."""
    bad, good = snow.open(HOSTILE), snow.open("12 laptops")
    standing = poll(connection)
    assert (standing.failures, standing.loaded_at is not None) == (0, True)
    assert record_of(connection, good).status == "pending"
    record = record_of(connection, bad)
    assert (record.status, record.track) == ("needs_human", None)
    assert "U+202E" in record.reason


# -- what ends or changes there --------------------------------------------------------------------


def test_decided_there_the_question_is_withdrawn_with_who_and_when(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    ref = snow.open("12 laptops")
    loaded(connection)
    clock.move(minutes=2)
    snow.decide(ref, "rejected", by="bob")
    poll(connection)
    record = record_of(connection, ref)
    assert record.status == "rejected"
    assert record.ask is not None
    assert (record.ask.status, record.ask.cancel_reason) == (
        *("cancelled", "Denied in ServiceNow by bob on Sun 22 Nov 2026, 10:02 UTC."),
    )
    said = Event.objects.get(type="record.resolved_elsewhere").data
    assert said is not None
    assert (said["status"], said["by"]) == ("rejected", "bob")
    assert record.settled_at == clock.now
    assert said["at"] == "2026-11-22T10:02:00.000Z"  # when it was decided there


def test_whoever_was_told_learns_who_decided_it_there_and_where_to_see_it(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    loaded(connection)
    ref = snow.open("12 laptops")
    poll(connection)
    consume()
    Notification.objects.update(sent_at=clock.now, next_attempt_at=None)
    snow.decide(ref, "approved", by="bob")
    poll(connection)
    consume()
    update = Notification.objects.get(kind="update")
    assert update.content["heading"] == "This request is already resolved"
    assert update.content["words"].startswith("Approved in ServiceNow by bob on Sun 22 Nov 2026")
    assert update.content["url"] == record_of(connection, ref).url


def test_a_changed_amount_asks_again_and_says_what_changed(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    """PO-06."""
    ref = snow.open("12 laptops", price="100.00")
    loaded(connection)
    clock.move(minutes=2)
    snow.document_of(ref).price = "900.00"
    snow.touch(ref)
    poll(connection)
    new, old = Ask.objects.order_by("-pk")
    assert (old.status, new.status) == ("cancelled", "open")
    changed = dict(new.config["summary"])["Changed"]
    assert changed.startswith("Amount: 100.00")
    assert "900.00" in changed
    assert record_of(connection, ref).ask == new


def test_what_waits_again_is_asked_again(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    ref = snow.open("12 laptops")
    loaded(connection)
    clock.move(minutes=2)
    snow.decide(ref, "approved", by="bob")
    poll(connection)
    clock.move(minutes=2)
    snow.touch(ref, state="requested")
    poll(connection)
    record = record_of(connection, ref)
    assert record.status == "changed"
    assert record.ask is not None
    assert record.ask.status == "open"
    assert Ask.objects.count() == 2


def test_nobody_answering_the_manager_is_asked_and_never_the_first_again(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    """PO-10."""
    ref = snow.open("12 laptops")
    loaded(connection)
    clock.move(days=30)
    record_timeout(track_id=record_of(connection, ref).track_id)
    consume()
    record = record_of(connection, ref)
    assert record.ask is not None
    asked = [seat.approver.address for seat in record.ask.seats.all()]
    assert (record.status, asked) == ("pending", ["cfo@corp.example"])
    clock.move(days=30)
    record_timeout(track_id=record.track_id)
    consume()
    poll(connection)
    assert record_of(connection, ref).status == "expired"
    assert Ask.objects.filter(status="open").count() == 0


def test_without_a_manager_the_fallback_is_asked(snow: ServiceNow, workspace: Workspace) -> None:
    connection = connect_to(snow, workspace, fallback_approver="boss@corp.example", expiry_days=7)
    ref = snow.open("12 laptops", approver=snow.user("bob", "Bob", "bob@corp.example"))
    loaded(connection)
    ask = record_of(connection, ref).ask
    assert ask is not None
    assert (ask.escalate_to, ask.timeout_seconds) == (["boss@corp.example"], 7 * 86_400)


# -- how it fails ----------------------------------------------------------------------------------


def test_a_page_that_fails_is_read_again_and_nothing_is_lost_or_doubled(
    connection: Connection, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PO-02: page 2 answers 500."""
    monkeypatch.setattr(polling, "PAGE", 2)
    refs = [snow.open(f"Request {number}") for number in range(5)]
    listing = ServiceNowConnector.list
    calls: list[str | None] = []

    def failing(self: ServiceNowConnector, cursor: str | None, limit: int) -> Page:
        calls.append(cursor)
        if len(calls) == 2:
            snow.faults.add(faults.SERVER_ERROR)
        return listing(self, cursor, limit)

    monkeypatch.setattr(ServiceNowConnector, "list", failing)
    standing = poll(connection)
    assert (standing.failures, standing.error_kind, standing.pass_count) == (1, "server", 2)
    assert Record.objects.count() == 2
    clock.move(minutes=5)
    assert poll(connection).failures == 0
    assert {each.external_id for each in Record.objects.all()} == set(refs)
    assert Ask.objects.count() == 5


def reading_one_by_one(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, *, seconds: float = 0
) -> list[str]:
    """Let ServiceNow be a system whose lists do not tell all; return what was read by itself."""
    able, read, refs = ServiceNowConnector.capabilities, ServiceNowConnector.get, list[str]()

    def get(self: ServiceNowConnector, ref: str) -> Item:
        found = read(self, ref)
        clock.move(seconds=seconds)
        refs.append(ref)
        return found

    def capabilities(self: ServiceNowConnector) -> Capabilities:
        return replace(able(self), list_has_all=False)

    monkeypatch.setattr(ServiceNowConnector, "capabilities", capabilities)
    monkeypatch.setattr(ServiceNowConnector, "get", get)
    return refs


def test_a_page_larger_than_the_budget_is_read_bit_by_bit_and_nothing_of_it_twice(
    snow: ServiceNow, workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reading_one_by_one(monkeypatch, clock)
    refs = [snow.open(f"Request {number}") for number in range(30)]
    connection = connect_to(snow, workspace, requests_per_minute=20)
    standing = poll(connection)
    assert (standing.error_kind, standing.failures) == ("rate_limited", 0)
    assert 0 < Record.objects.count() < 30
    monkeypatch.setattr(Budget, "spend", lambda self, purpose: None)  # the minute is over
    clock.move(minutes=1)
    assert poll(connection).is_loading is False
    assert sorted(read) == sorted(refs)
    assert Ask.objects.count() == 30


def test_a_page_that_takes_longer_than_the_lease_is_held(
    connection: Connection, snow: ServiceNow, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        snow.open(f"Request {number}")
    reading_one_by_one(monkeypatch, clock, seconds=10)
    look, free = polling.Poller._look, list[UUID]()

    def looking(self: polling.Poller, item: Item) -> Item:
        found = look(self, item)
        free.extend(Poll.due(limit=1))
        return found

    monkeypatch.setattr(polling.Poller, "_look", looking)
    assert poll(connection).is_loading is False
    assert Record.objects.count() == 10
    assert free == []  # no other worker could have taken it meanwhile


def test_a_run_that_was_overtaken_stores_nothing(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    snow.open("12 laptops")
    slow = Poll.claim(connection.pk)
    assert slow is not None
    slow.connection = connection
    poller = polling.Poller(slow)
    clock.move(seconds=61)
    polling.run(connection.pk)
    assert Record.objects.count() == 1
    with pytest.raises(claimed.Overtaken):
        poller.delta()
    assert (Record.objects.count(), Ask.objects.count()) == (1, 1)


@pytest.mark.parametrize("reading", ["list", "get"])
def test_what_was_read_before_a_decision_and_arrives_after_it_asks_nobody_again(
    connection: Connection,
    snow: ServiceNow,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    reading: str,
) -> None:
    """A page or a look under way while the answer is written back shows what was, as pending."""
    ref = snow.open("12 laptops")
    loaded(connection)
    clock.move(minutes=13)
    if reading == "list":
        snow.touch(ref)
    else:  # what is newer moves the next pass behind it, so that only a sweep sees it
        snow.open("9 monitors")
        poll(connection)
        clock.move(minutes=13)
    answer(record_of(connection, ref), True)
    read = getattr(ServiceNowConnector, reading)

    def overlapped(self: ServiceNowConnector, *args: object) -> object:
        monkeypatch.setattr(ServiceNowConnector, reading, read)
        found = read(self, *args)
        clock.move(seconds=1)
        assert [each.status for each in push_due()] == ["confirmed"]
        return found

    monkeypatch.setattr(ServiceNowConnector, reading, overlapped)
    poll(connection, sweep=reading == "get")
    clock.move(seconds=31)
    follow_due()
    record = record_of(connection, ref)
    assert record.track is not None
    assert (record.status, record.state, record.track.asks.count()) == ("approved", "approved", 1)


def test_a_pause_that_was_asked_for_is_kept(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    loaded(connection)
    snow.faults.add(faults.TOO_MANY_REQUESTS, retry_after=600)
    standing = poll(connection)
    assert (standing.failures, standing.error_kind) == (0, "rate_limited")
    assert standing.next_attempt_at == clock.now + timedelta(seconds=600)


def test_refused_five_times_it_pauses_and_somebody_is_told(
    connection: Connection, snow: ServiceNow, clock: Clock, workspace: Workspace
) -> None:
    """PO-05."""
    workspace.contact_email = "ops@acme.com"
    workspace.save()
    loaded(connection)
    connection.seal({"password": "wrong"})
    connection.save()
    for attempt in range(1, 6):
        clock.move(hours=1)
        assert poll(connection).failures == attempt
    standing = Poll.objects.get()
    assert standing.paused_at == clock.now
    assert "401" in standing.pause_reason
    asked = len(snow.requests)
    clock.move(hours=1)
    polling.run(connection.pk)
    assert len(snow.requests) == asked
    alert = Alert.objects.get()
    alerts.send(alert.pk)
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (
        *(["ops@acme.com"], "A connection does not work any more: ServiceNow"),
    )
    assert "wrong" not in sent.body
    connection.seal({"password": "sayso-password"})
    connection.save()
    operating.resume(connection, actor=AGENT)
    assert poll(connection).failures == 0


def test_a_bad_token_that_answers_with_an_empty_list_closes_nothing(
    connection: Connection, snow: ServiceNow, clock: Clock
) -> None:
    """mirroring.md §2.8."""
    snow.open("12 laptops")
    loaded(connection)
    connection.seal({"password": "wrong"})
    connection.save()
    snow.faults.add(faults.EMPTY_FOR_A_BAD_TOKEN, times=None)
    clock.move(minutes=13)
    Poll.objects.update(check_at=clock.now, delta_at=clock.now, next_attempt_at=clock.now)
    polling.run(connection.pk)
    standing = Poll.objects.get()
    assert (standing.is_healthy, standing.failures) == (False, 1)
    assert standing.how_to_fix
    assert Ask.objects.get().status == "open"


def test_an_unreachable_system_says_so(workspace: Workspace, snow: ServiceNow) -> None:
    connection = connect_to(snow, workspace)
    connection.config["base_url"] = "http://127.0.0.1:9"
    connection.save()
    standing = poll(connection)
    assert (standing.failures, standing.error_kind) == (1, "unreachable")
    assert "127.0.0.1" in standing.last_error
    assert Run.objects.get().error == standing.last_error


def test_what_was_answered_before_it_went_away_is_kept(
    connection: Connection, snow: ServiceNow
) -> None:
    ref = snow.open("12 laptops")
    loaded(connection)
    snow.close()
    answer(record_of(connection, ref), True)
    record = record_of(connection, ref)
    assert record.status == "deciding"
    assert Approver.objects.count() == 1
