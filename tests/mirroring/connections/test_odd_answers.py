"""What a system may say in any order, in any words, or not at all, and what follows from it."""

import json

import pytest

from approvals.models import Ask
from mirroring.models import Connection, Poll, Record
from tests.conftest import Clock
from tests.mirroring.connections.declared import ACCOUNT, LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import row
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
