"""`manage.py mirror test|dry-run|poll` (contract §7)."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mirroring import claimed, following, polling, sweeping, transitions
from mirroring.models import Connection, Poll, Record
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tests.mirroring.connections.declared import ACCOUNT, LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, row
from tracks.actors import SYSTEM
from tracks.models import Workspace

pytestmark = pytest.mark.django_db
STEPS = {
    **ACCOUNT,
    "list__request": {"path": "/approvals", "query": {"page": "{page}"}},
    "list__pages": {"type": "page_number", "more": "more"},
}


@pytest.fixture
def erp(workspace: Workspace, api: Api) -> Connection:
    api.on(LIST, {"rows": [row(1), row(2)]})
    return connect(workspace, api)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("mirror", *arguments, stdout=out)
    return out.getvalue()


def failing(*arguments: str) -> tuple[str, str]:
    """Return what a command printed that failed, and why."""
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("mirror", *arguments, stdout=out)
    return out.getvalue(), str(failed.value)


# -- which one -------------------------------------------------------------------------------------


def test_a_connection_is_named_by_its_id_or_by_its_names(
    workspace: Workspace, api: Api, erp: Connection
) -> None:
    connect(workspace, api, name="Pay/Roll")
    api.on(LIST, {"rows": []})
    for name in (erp.public_id, "Acme/ERP", "Acme/Pay/Roll"):
        assert json.loads(run("test", name, "--json"))["ok"]


@pytest.mark.parametrize("name", ["ERP", "Acme", "Acme/", "/ERP", "Umbrella/ERP", "con_1", ""])
def test_what_names_none_is_refused(erp: Connection, name: str) -> None:
    assert "There is no connection" in failing("test", name)[1]


def test_one_of_another_workspace_has_its_own_name(erp: Connection, api: Api) -> None:
    connect(WorkspaceFactory(name="Umbrella"), api)
    with nothing_written():
        assert json.loads(run("test", "Umbrella/ERP", "--json"))["ok"]


# -- test ------------------------------------------------------------------------------------------


def test_a_test_that_fails_says_what_to_do_and_exits_so(api: Api, erp: Connection) -> None:
    api.on("GET /me", {"message": f"{SECRET}?"}, status=401)
    with nothing_written():
        out, why = failing("test", "Acme/ERP", "--json")
    found = json.loads(out)
    assert (found["ok"], found["error"]) == (False, "auth")
    assert "Enter new credentials" in why
    assert SECRET not in out + why


def test_what_is_posted_to_has_nothing_to_test(workspace: Workspace) -> None:
    transitions.create_connection(workspace_id=workspace.pk, name="Expenses")
    for verb in ("test", "dry-run", "poll"):
        assert failing(verb, "Acme/Expenses") == (
            "",
            "Nothing is read from this connection: its system posts to it.",
        )


# -- dry-run ---------------------------------------------------------------------------------------


def test_a_dry_run_has_a_line_for_each_approval(api: Api, erp: Connection, clock: Clock) -> None:
    poll(erp)
    rows = [row(1, subject="A"), row(2, status="no"), row(3), row(4, deciders=[]), {"key": 5}]
    api.on(LIST, {"rows": rows})
    with nothing_written():
        lines = run("dry-run", "Acme/ERP").splitlines()
    assert lines == [
        "changed       1  A  al@corp.example (at_once)  Title: Approval 1 → A",
        "resolved      2  Approval 2  al@corp.example  Denied in ERP.",
        "new           3  Approval 3  al@corp.example (at_once)",
        "needs_human   4  Approval 4  The system names nobody who may decide.",
        "skipped       5  it has no title",
        "1 new, 1 changed, 1 resolved, 1 needs_human. Nothing was written.",
    ]


def test_a_title_cannot_steer_the_terminal(api: Api, erp: Connection) -> None:
    api.on(LIST, {"rows": [row(1, subject="A\x1b[2Jb\nnew 9")]})
    out = run("dry-run", "Acme/ERP")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_scripts_read_what_the_api_says(api: Api, erp: Connection) -> None:
    found = json.loads(run("dry-run", "Acme/ERP", "--from-start", "--json"))
    assert [each["effect"] for each in found["items"]] == ["new", "new"]


def test_a_dry_run_of_a_system_that_fails_exits_so(api: Api, erp: Connection) -> None:
    api.on(LIST, {"message": "Out of order"}, status=500)
    with nothing_written():
        out, why = failing("dry-run", "Acme/ERP")
    assert out == ""
    assert "Out of order" in why


# -- poll ------------------------------------------------------------------------------------------


def test_a_poll_runs_here_until_the_pass_is_over(
    workspace: Workspace, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimed, "LONGEST_RUN", timedelta(0))  # a page each run
    connect(workspace, api, definition=STEPS)
    pages = [{"rows": [row(page)], "more": page < 3} for page in (1, 2, 3)]
    api.on(LIST, *pages)
    assert run("poll", "Acme/ERP").splitlines() == [
        "1 read so far",
        "2 read so far",
        "3 read. Records: 3 pending.",
    ]
    assert Poll.objects.get().loaded_at is not None


def test_a_poll_prints_the_connection_for_scripts(erp: Connection) -> None:
    shown = json.loads(run("poll", erp.public_id, "--json"))
    assert (shown["id"], shown["status"]) == (erp.public_id, "ok")
    assert shown["records"]["pending"] == 2


def test_a_poll_that_fails_says_so(api: Api, erp: Connection) -> None:
    api.on(LIST, {"message": "Out of order"}, status=500)
    assert "Out of order" in failing("poll", "Acme/ERP")[1]


def test_a_paused_connection_is_not_polled(erp: Connection) -> None:
    Poll.objects.update(paused_at="2026-11-22T10:00:00Z", pause_reason="401")
    assert failing("poll", "Acme/ERP")[1] == "The connection is paused: 401"


def polled(connection: Connection, slept: list[float], **options: Any) -> list[Poll]:
    connection = Connection.objects.select_related("poll").get(pk=connection.pk)
    return list(following.poll_to_the_end(connection, actor=SYSTEM, sleep=slept.append, **options))


def test_a_spent_budget_is_waited_for(
    api: Api, erp: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on(LIST, {"rows": []})
    real = polling.run
    answers = [("Slow down", 429), ({"rows": [row(1)]}, 200)]
    slept: list[float] = []

    def run_once(pk: Any) -> None:
        content, status = answers.pop(0)
        headers = {"Retry-After": "20"} if status == 429 else {}
        api.on(LIST, content, status=status, **headers)
        real(pk)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.move(seconds=seconds)

    monkeypatch.setattr(polling, "run", run_once)
    connection = Connection.objects.select_related("poll").get()
    states = list(following.poll_to_the_end(connection, actor=SYSTEM, sleep=sleep))
    assert slept == [20.0]
    assert states[-1].succeeded_at == clock.now


def test_a_longer_pause_is_not(api: Api, erp: Connection, clock: Clock) -> None:
    api.on(LIST, "Slow down", status=429, **{"Retry-After": "3600"})
    with pytest.raises(following.PollFailed, match="Slow down"):
        polled(erp, [])


def test_who_polls_already_is_waited_for(
    api: Api, erp: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker holds the connection; what it does counts."""
    other = Poll.claim(erp.pk)
    assert other is not None
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        other.write_outcome(next_attempt_at=clock.now)
        clock.move(seconds=seconds)

    connection = Connection.objects.select_related("poll").get()
    list(following.poll_to_the_end(connection, actor=SYSTEM, sleep=sleep))
    assert slept == [following.MOMENT]
    assert Record.objects.count() == 2


def test_what_is_really_gone_is_closed_when_staff_say_so(
    api: Api, erp: Connection, clock: Clock
) -> None:
    api.on(LIST, {"rows": [row(number) for number in range(8)]})
    poll(erp)
    clock.move(minutes=30)
    api.on(LIST, {"rows": []})
    assert run("poll", "Acme/ERP").splitlines()[-1].startswith("8 of 8 approvals that wait here")
    assert Record.objects.filter(status="pending").count() == 8
    clock.move(seconds=5)
    assert run("poll", "Acme/ERP", "--accept-missing").splitlines() == [
        "0 read. Records: 8 cancelled."
    ]
    assert not Poll.objects.get().accepts_missing


def test_however_much_is_gone_it_is_said_once(
    api: Api, erp: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_MOST", 6)
    api.on(LIST, {"rows": [row(number) for number in range(20)]})
    poll(erp)
    clock.move(minutes=30)
    api.on(LIST, {"rows": []})
    run("poll", "Acme/ERP", "--accept-missing")
    assert set(Record.objects.values_list("status", flat=True)) == {"cancelled"}


def test_what_was_said_of_one_time_does_not_hold_for_the_next(
    api: Api, erp: Connection, clock: Clock
) -> None:
    api.on(LIST, {"rows": [row(number) for number in range(8)]})
    poll(erp)
    run("poll", "Acme/ERP", "--accept-missing")
    assert not Poll.objects.get().accepts_missing
    clock.move(minutes=30)
    api.on(LIST, {"rows": []})
    run("poll", "Acme/ERP")
    assert Record.objects.filter(status="pending").count() == 8
