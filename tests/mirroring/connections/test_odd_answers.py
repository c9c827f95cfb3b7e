"""What a system may say in any order, in any words, or not at all, and what follows from it."""

import json
from datetime import timedelta

import pytest

from approvals.models import Ask
from mirroring.models import Connection, Poll, Record
from tests.conftest import Clock
from tests.mirroring.connections.declared import ACCOUNT, LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import BY_TIME, row
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

ANN = {"login": "ann", "mail": "ann@corp.example", "name": "Ann"}
BEA = {"login": "bea", "mail": "bea@corp.example", "name": "Bea"}


def test_the_order_of_those_who_may_decide_is_no_change(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    connection = connect(workspace, api)
    for deciders in ([ANN, BEA], [BEA, ANN], [ANN, BEA]):
        api.on(LIST, {"rows": [row(1) | {"deciders": deciders}]})
        poll(connection)
        clock.move(minutes=2)
    assert Ask.objects.get().status == "open"


@pytest.mark.parametrize("text", ["12\\u0000 laptops", "12 laptops \\ud800"])
def test_a_text_that_cannot_be_kept_harms_no_other_row(
    workspace: Workspace, api: Api, clock: Clock, text: str
) -> None:
    connection = connect(workspace, api)
    rows = [row(1), row(2) | {"subject": "HERE"}, row(3)]
    api.on(LIST, json.dumps({"rows": rows}).replace("HERE", text).encode())
    standing = poll(connection)
    assert standing.failures == 0
    assert Record.objects.count() == 2
    run = connection.runs.get(job="delta")
    assert run.skipped == 1
    assert "a text contains U+0000 or half of a surrogate pair" in run.notes[0]


ODD = {
    "item__due": "wanted",
    "item__values": {"where": "where"},
    "item__url": "https://erp.corp.example/{item.where}",
    "item__requester": {"from": "by", "id": "@", "email": "@"},
}


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ('"wanted": "9999-12-31T23:59:59-05:00"', "'9999-12-31T23:59:59-05:00' is not a time"),
        ('"wanted": "0001-01-01T00:00:00+01:00"', "'0001-01-01T00:00:00+01:00' is not a time"),
        ('"total": {"value": 1e9999999}', "a number in it is out of all bounds"),
        ('"total": {"value": -1e-9999999}', "a number in it is out of all bounds"),
        (f'"where": "{"x" * 2024}"', "its URL is longer than 2048 characters"),
    ],
)
def test_an_approval_that_cannot_be_kept_is_named_and_harms_no_other(
    workspace: Workspace, api: Api, clock: Clock, odd: str, why: str
) -> None:
    connection = connect(workspace, api, definition=ACCOUNT | ODD)
    api.on(LIST, _with_one(odd))
    assert poll(connection).failures == 0
    assert sorted(Record.objects.values_list("external_id", flat=True)) == ["1", "3"]
    assert connection.runs.get(job="delta").notes == [f"2: {why}"]


def _with_one(odd: str) -> bytes:
    """Return a list of three, of which the second one has something odd in it."""
    second = {name: value for name, value in row(2).items() if name not in odd} | {"odd": "HERE"}
    rows = json.dumps({"rows": [row(1), second, row(3)]})
    return rows.replace('"odd": "HERE"', odd).encode()


def test_a_requester_who_is_a_long_text_is_nobody_one_can_write_to(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    connection = connect(workspace, api, definition=ACCOUNT | ODD)
    api.on(LIST, {"rows": [row(1) | {"by": "x" * 256}, row(2)]})
    assert poll(connection).failures == 0
    assert list(Record.objects.values_list("status", "requester")) == [("pending", None)] * 2


def test_what_is_found_too_long_by_a_look_at_it_alone_stops_no_sweep(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    connection = connect(workspace, api, definition=ACCOUNT | ODD | BY_TIME)
    rows = [row(number) | {"at": "2026-11-22T09:00:00Z"} for number in (1, 2)]
    api.on(LIST, {"rows": rows})
    poll(connection)
    clock.move(minutes=13)
    api.on(f"{LIST}/1", row(1) | {"where": "x" * 2024})
    api.on(f"{LIST}/2", row(2) | {"status": "no"})
    api.on(LIST, {"rows": []})
    Poll.objects.update(sweep_at=clock.now)
    assert poll(connection).failures == 0
    assert connection.runs.get(job="sweep").notes == [
        "1: 1 cannot be read: its URL is longer than 2048 characters"
    ]
    assert Ask.objects.filter(status="open").count() == 1


REFUSED = {"message": "No right to see"}
TWO = {"rows": [row(number) | {"at": "2026-11-22T09:00:00Z"} for number in (1, 2)]}


def test_one_that_the_account_may_no_longer_see_stops_no_sweep(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    """As an approval of Request Tracker that is moved to a queue that the account cannot see."""
    connection = connect(workspace, api, definition=ACCOUNT | BY_TIME)
    api.on(LIST, TWO)
    poll(connection)
    api.on(LIST, {"rows": []})
    api.on(f"{LIST}/1", REFUSED, status=403)
    api.on(f"{LIST}/2", row(2) | {"status": "no"})
    for _ in range(5):
        clock.move(minutes=13)
        Poll.objects.update(sweep_at=clock.now, check_at=clock.now + timedelta(days=1))
        standing = poll(connection)
    assert (standing.failures, standing.paused_at) == (0, None)
    assert dict(Record.objects.values_list("external_id", "status")) == {
        "1": "pending",
        "2": "rejected",
    }
    run = connection.runs.filter(job="sweep").order_by("started_at")[0]
    assert (run.seen, run.skipped) == (2, 1)
    assert run.notes[0].startswith(f"1: GET {api.url}/approvals/1 was answered with 403")
    # Once for a sweep, not for each that is refused.
    assert len(api.asked("GET /me")) == 1 + 5


def test_an_account_that_is_refused_altogether_fails(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    connection = connect(workspace, api, definition=ACCOUNT | BY_TIME)
    api.on(LIST, TWO)
    poll(connection)
    api.on(LIST, {"rows": []})
    for line in (f"{LIST}/1", f"{LIST}/2", "GET /me"):
        api.on(line, REFUSED, status=403)
    clock.move(minutes=13)
    Poll.objects.update(sweep_at=clock.now, check_at=clock.now + timedelta(days=1))
    standing = poll(connection)
    assert (standing.failures, standing.error_kind) == (1, "forbidden")
    assert connection.runs.get(job="sweep").skipped == 0


def test_one_that_may_not_be_read_by_itself_is_named_and_harms_no_other(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    also = {"get__also": {"document": {"path": "/documents/{id}"}}}
    connection = connect(workspace, api, definition=ACCOUNT | also)
    api.on(LIST, {"rows": [row(1), row(2)]})
    for number in (1, 2):
        api.on(f"{LIST}/{number}", row(number))
    api.on("GET /documents/1", REFUSED, status=403)
    api.on("GET /documents/2", {})
    assert poll(connection).failures == 0
    assert list(Record.objects.values_list("external_id", flat=True)) == ["2"]
    assert connection.runs.get(job="delta").skipped == 1


NOTES = {"path": "/approvals/{id}/notes"}
TAKES_NOTES = {
    "note": {
        "request": NOTES | {"body": {"text": "{text}"}},
        "existing": {"request": NOTES, "texts": "notes"},
    }
}


def test_a_pause_that_one_note_is_asked_for_is_kept_by_all(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    connection = connect(workspace, api, definition=ACCOUNT | TAKES_NOTES)
    api.on(LIST, {"rows": []})
    poll(connection)
    api.on(LIST, {"rows": [row(1), row(2), row(3)]})
    for number in (1, 2, 3):
        api.on(f"{LIST}/{number}", row(number))
        api.on(f"{LIST}/{number}/notes", {"notes": []})
        api.on(f"POST /approvals/{number}/notes", {}, status=429, **{"Retry-After": "600"})
    clock.move(minutes=2)
    poll(connection)
    # A system that cannot take the note delays nobody, and is left alone.
    assert Ask.objects.filter(status="open").count() == 3
    assert len(api.asked("POST")) == 1
    asked = len(api.asked())
    clock.move(seconds=599)
    Poll.objects.update(check_at=clock.now + timedelta(days=1))
    standing = poll(connection)
    assert (standing.error_kind, standing.failures) == ("rate_limited", 0)
    assert standing.next_attempt_at == clock.now + timedelta(seconds=1)
    assert len(api.asked()) == asked
    clock.move(seconds=1)
    assert poll(connection).error_kind == ""


def swept(connection: Connection, api: Api, rows: range) -> Poll:
    """Let a system list and know these alone, and look at what is missing."""
    api.on(LIST, {"rows": [row(number) for number in rows]})
    poll(connection)
    return poll(connection)  # a pass lets the next run sweep


def test_a_few_that_are_gone_of_many_are_closed(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    connection = connect(workspace, api)
    swept(connection, api, range(20))
    clock.move(minutes=2)
    standing = swept(connection, api, range(14))
    assert Ask.objects.filter(status="open").count() == 14
    assert standing.warning == ""


def test_many_that_are_gone_are_held_however_much_a_run_looks_at(
    workspace: Workspace, api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirroring.sweeping.SWEEP_MOST", 6)
    connection = connect(workspace, api)
    swept(connection, api, range(20))
    clock.move(minutes=2)
    for _ in range(4):
        standing = swept(connection, api, range(4))
        assert Ask.objects.filter(status="open").count() == 20
        assert standing.warning.startswith("16 of 20 approvals that wait here are gone")
        clock.move(seconds=30)


@pytest.mark.parametrize(("definition", "is_held"), [({}, True), (ACCOUNT, False)])
def test_without_a_check_an_empty_list_closes_nothing(
    workspace: Workspace, api: Api, clock: Clock, definition: dict[str, object], is_held: bool
) -> None:
    """It may be what the system says to a token that it does not know."""
    connection = connect(workspace, api, definition=definition)
    swept(connection, api, range(3))
    clock.move(minutes=2)
    standing = swept(connection, api, range(0))
    assert Ask.objects.filter(status="open").count() == (3 if is_held else 0)
    assert standing.warning.startswith("3 of 3 approvals") == is_held


def test_what_could_deceive_staff_is_written_out(
    workspace: Workspace, api: Api, clock: Clock
) -> None:
    connection = connect(workspace, api)
    api.on(LIST, {"rows": [{"key": "7\u202elive"}]})
    poll(connection)
    assert connection.runs.get(job="delta").notes == [r"7\u202elive: it has no title"]
    clock.move(minutes=2)
    api.on(LIST, "Out \u202eof order".encode(), status=500)
    assert r"Out \u202eof order" in poll(connection).last_error
