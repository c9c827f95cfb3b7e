"""The whole loop against a real Request Tracker, by the built-in and the declarative connector."""

from collections.abc import Iterator
from typing import Any

import pytest

from approvals import sending
from approvals.models import Digest, Notification
from mirroring.connectors.base import State
from mirroring.connectors.http import Session
from mirroring.models import Connection, Poll, Record
from tests.approvals.person import Person, path_of
from tests.approvals.smtp import Mailroom, mailroom
from tests.mirroring.conftest import Later
from tests.mirroring.connectors import rt
from tests.mirroring.forwarder import Forwarder
from tests.mirroring.mirror import answer, connect, consume, poll, push_due, record_of
from tracks.clock import database_now
from tracks.models import Event, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.rt]


@pytest.fixture
def system() -> Iterator[rt.RequestTrackerSystem]:
    found = rt.RequestTrackerSystem()
    yield found
    found.close()


KINDS = ("request_tracker", "rest")
PASSED: dict[str, str | None] = {}  # where the pass of the test before ended, by kind


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest, workspace: Workspace) -> Iterator[Connection]:
    """A connection whose first pass is over: the first test does it, the rest go on there."""
    made = connected(workspace, request.param)
    if request.param in PASSED:
        Poll.objects.filter(pk=made.pk).update(
            cursor=PASSED[request.param], loaded_at=database_now(), is_healthy=True
        )
    else:
        standing = poll(made)
        assert (standing.failures, standing.last_error, standing.is_loading) == (0, "", False)
    yield made
    PASSED[request.param] = Poll.objects.get(pk=made.pk).cursor


def connected(workspace: Workspace, kind: str, url: str = rt.URL) -> Connection:
    """Connect a workspace to RT, by the built-in connector or by configuration alone."""
    if kind == "rest":
        definition = rt.EXAMPLE.read_text().replace("https://rt.example.com/REST/2.0", url)
        config = {"definition": definition}
        secrets = {"secrets": f"token: {rt.token('mirror')}"}
    else:
        config, secrets = {"base_url": url}, {"token": rt.token("mirror")}
    return connect(workspace, kind, config, secrets=secrets, requests_per_minute=6000)


def told(record: Record) -> list[tuple[str, str]]:
    """Return who got which kind of mail about a record."""
    rows = Notification.objects.filter(track=record.track).order_by("created_at", "pk")
    return [(row.approver.address, row.kind) for row in rows if row.kind != "reminder"]


@pytest.fixture
def post(settings: Any) -> Iterator[Mailroom]:
    """A mail server that takes what Sayso sends."""
    with mailroom() as room:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", room.port
        yield room


@pytest.fixture
def asked_of_rt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of RT, in order."""
    send, asked = Session.send, list[str]()

    def noted(self: Session, method: str, path: str, **options: Any) -> Any:
        asked.append(f"{method} {path}")
        return send(self, method, path, **options)

    monkeypatch.setattr(Session, "send", noted)
    return asked


def send_mails() -> None:
    """Hand over every mail that is due, as a worker would."""
    for pk in Notification.due(limit=1000):
        sending.send(pk)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_load_finds_what_waits_and_tells_everybody_once(
    workspace: Workspace, system: rt.RequestTrackerSystem, kind: str
) -> None:
    refs = [system.open("Seeded before anybody mirrors it"), *system.open_two_stages("Seeded")]
    connection = connected(workspace, kind)
    poll(connection)
    consume()
    waiting = [*refs[:1], refs[1]]  # the second stage waits for the first
    found = Record.objects.filter(external_id__in=refs, status="pending")
    assert sorted(found.values_list("external_id", flat=True)) == sorted(waiting)
    assert not Notification.objects.filter(kind="ask").exists()
    digests = Digest.objects.filter(approver__address=system.approver)
    assert digests.count() == 1


def test_a_new_approval_is_mailed_to_the_right_person_once(
    connection: Connection, system: rt.RequestTrackerSystem, post: Mailroom
) -> None:
    ref = system.open("VPN for contractor Zoë")
    for _ in range(2):
        poll(connection)
        consume()
        send_mails()
    mails = [each for each in post.mails if "contractor Zoë" in each["Subject"]]
    assert [each["To"] for each in mails] == ["alice@corp.example"]
    text = post.parts_of(mails[0])["text/plain"]
    assert "Comes from Request Tracker" in text
    assert record_of(connection, ref).status == "pending"


def test_a_new_approval_is_put_to_the_right_person_once(
    connection: Connection, system: rt.RequestTrackerSystem
) -> None:
    ref = system.open("VPN for contractor Zoë", amount="750.50 EUR")
    poll(connection)
    consume()
    record = record_of(connection, ref)
    assert (record.status, record.reason) == ("pending", "")
    assert record.ask is not None
    assert record.ask.prompt == "Approve: VPN for contractor Zoë"
    assert ["Amount", "750.50 EUR"] in record.ask.config["summary"]
    assert record.ask.config["description"].strip() == "Why: VPN for contractor Zoë"
    assert told(record) == [("alice@corp.example", "ask")]
    assert record.requester == "rita@corp.example"
    asked = record.ask
    poll(connection)
    consume()
    record = record_of(connection, ref)
    assert record.ask == asked
    assert told(record) == [("alice@corp.example", "ask")]
    mark = f"sayso-asked-{record.material_digest[:16]}"  # others may mirror the same RT
    assert "\n".join(system.log(ref)).count(mark) == 1


def test_no_more_is_asked_of_rt_than_is_needed(
    connection: Connection, system: rt.RequestTrackerSystem, asked_of_rt: list[str]
) -> None:
    """RT takes up to half a second for each: what is not asked is what makes it fast."""
    ref = system.open("Parking space")

    def about_it() -> int:
        mine = [each for each in asked_of_rt if f"/ticket/{ref}" in each]
        asked_of_rt.clear()
        return len(mine)

    poll(connection)
    found = about_it()
    answer(record_of(connection, ref), True)
    push_due()
    built_in = connection.kind == "request_tracker"
    assert (found, about_it()) == ((4, 11) if built_in else (6, 13))
    poll(connection)
    assert about_it() <= 3  # who decided, as the ticket's history has it


@pytest.mark.parametrize(("value", "status"), [(True, "approved"), (False, "rejected")])
def test_a_decision_arrives_with_the_person_s_name_and_is_confirmed(
    connection: Connection, system: rt.RequestTrackerSystem, value: bool, status: str
) -> None:
    ref = system.open("Admin on build host")
    poll(connection)
    record = record_of(connection, ref)
    ask = answer(record, value, comment="Until Friday.")
    record.refresh_from_db()
    assert record.status == "deciding"
    (push,) = push_due()
    assert (push.status, push.last_error) == ("confirmed", "")
    record.refresh_from_db()
    assert (record.status, record.reason) == (status, "")
    wanted = State.APPROVED if value else State.REJECTED
    assert system.connector().get(ref).state == wanted
    log = "\n".join(system.log(ref))
    assert "alice@corp.example" in log
    assert "Until Friday." in log
    assert ask.public_id in log
    kinds = list(Event.objects.filter(track=record.track).values_list("type", flat=True))
    assert kinds[-3:] == ["record.pushed", "record.confirmed", "step.completed"]


def test_decided_in_rt_meanwhile_nothing_is_written_and_the_person_learns_it(
    connection: Connection, system: rt.RequestTrackerSystem, settings: Any
) -> None:
    settings.SOURCE_LOOK = None  # what the look finds is test_looking.py's
    ref = system.open("Prod DB read access")
    poll(connection)
    record = record_of(connection, ref)
    assert record.ask is not None
    me = Person()
    me.verify(record.ask)
    system.decide(ref, State.REJECTED)
    before = system.log(ref)
    answer(record, True)
    (push,) = push_due()
    assert push.status == "stale"
    record.refresh_from_db()
    assert record.status == "rejected"
    assert (system.connector().get(ref).state, system.log(ref)) == (State.REJECTED, before)
    conflict = Event.objects.get(track=record.track, type="record.push_conflict")
    assert conflict.data is not None
    words = "Denied in Request Tracker by alice@corp.example on "
    assert conflict.data["words"].startswith(words)
    assert f"This request is already resolved. {words}" in me.get(path_of(record.ask)).text


def test_decided_in_rt_first_the_question_is_withdrawn(
    connection: Connection, system: rt.RequestTrackerSystem
) -> None:
    ref = system.open("Badge for Rita")
    poll(connection)
    system.decide(ref, State.APPROVED)
    poll(connection)
    record = record_of(connection, ref)
    assert record.status == "approved"
    assert record.ask is not None
    assert record.ask.status == "cancelled"
    assert "Approved in Request Tracker by alice@corp.example on " in str(record.ask.cancel_reason)


def test_the_second_stage_appears_when_the_first_has_passed(
    connection: Connection, system: rt.RequestTrackerSystem
) -> None:
    first, second = system.open_two_stages("12 laptops")
    poll(connection)
    assert not Record.objects.filter(external_id=second).exists()
    answer(record_of(connection, first), True)
    push_due()
    poll(connection)
    record = record_of(connection, second)
    assert (record.status, record.approvers) == ("pending", ["carol@corp.example"])


def test_what_rt_voids_without_a_trace_leaves_the_queue(
    connection: Connection, system: rt.RequestTrackerSystem, later: Later
) -> None:
    """The manager thinks again: RT deletes the sibling, and no search shows it any more."""
    first, second = system.open_two_stages("Voided")
    system.decide(first, State.APPROVED)
    poll(connection)
    assert record_of(connection, second).status == "pending"
    system.decide(first, State.REJECTED)
    poll(connection)
    assert record_of(connection, second).status == "pending"
    later(minutes=13)
    poll(connection, sweep=True)
    record = record_of(connection, second)
    assert record.status == "cancelled"
    assert record.ask is not None
    assert record.ask.status == "cancelled"


def test_rt_away_for_an_hour_loses_nothing(
    workspace: Workspace, system: rt.RequestTrackerSystem, later: Later
) -> None:
    with Forwarder(rt.URL) as forwarder:
        config = {"base_url": forwarder.url}
        connection = connect(
            workspace, "request_tracker", config, secrets={"token": rt.token("mirror")}
        )
        poll(connection)
        answered = system.open("Answered while RT is away")
        poll(connection)
        forwarder.stop()
        opened = system.open("Opened while Sayso cannot see it")
        answer(record_of(connection, answered), True)
        (push,) = push_due()
        assert (push.status, push.attempts) == ("pending", 1)
        standing = poll(connection)
        assert (standing.failures, standing.error_kind) == (1, "unreachable")
        later(hours=1)
        forwarder.start()
        (push,) = push_due()
        assert push.status == "confirmed"
        assert poll(connection).failures == 0
        assert record_of(connection, opened).status == "pending"
        assert system.connector().get(answered).state == State.APPROVED
