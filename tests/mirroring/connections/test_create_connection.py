"""`manage.py connection create|list|resume` for systems that a connector reaches."""

import io
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mirroring.mapping import problems_with_mapping
from mirroring.models import Connection, Poll
from tests.api.refused import nothing_written
from tests.mirroring.connections.declared import connect
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, plain
from tracks.models import Entry, Workspace

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("connection", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def files(workspace: Workspace, api: Api, tmp_path: Path) -> Path:
    """A definition and its secrets in files."""
    (tmp_path / "erp.json").write_text(json.dumps(plain(base_url=api.url)))
    (tmp_path / "secrets").write_text(f"token: {SECRET}\n")
    return tmp_path


def create(files: Path, *more: str, kind: str = "rest") -> Any:
    made = run(
        *("create", "--workspace", "Acme", "--kind", kind, "--name", "ERP", "--json"),
        *("--set", f"definition=@{files}/erp.json", "--secret", f"secrets=@{files}/secrets"),
        *more,
    )
    return json.loads(made)


def test_a_system_is_connected_by_files_alone(files: Path) -> None:
    made = create(files)
    row = Connection.objects.get()
    assert (made["id"], made["kind"], row.kind) == (row.public_id, "rest", "rest")
    assert row.whole_config["secrets"] == f"token: {SECRET}"
    assert list(row.config) == ["definition"]
    assert Poll.objects.get().connection == row


def test_a_secret_comes_from_the_standard_input(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"token: {SECRET}"))
    create(files, "--secret", "secrets=-")
    assert Connection.objects.get().whole_config["secrets"] == f"token: {SECRET}"


def test_its_settings_are_set(files: Path) -> None:
    create(
        files,
        *("--interval", "30", "--requests-per-minute", "600", "--notices", "silent"),
        *("--notices-per-hour", "3", "--expiry-days", "7", "--fallback-approver", "cfo@acme.com"),
        *("--allowed-domain", "ACME.com", "--allowed-domain", "bücher.example"),
    )
    row = Connection.objects.get()
    assert (row.interval_seconds, row.requests_per_minute, row.notices) == (30, 600, "silent")
    assert (row.notices_per_hour, row.expiry_days) == (3, 7)
    assert row.fallback_approver == "cfo@acme.com"
    assert row.allowed_domains == ["acme.com", "xn--bcher-kva.example"]
    assert (row.enabled, row.leaves_marks, row.allows_unsigned) == (True, True, False)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--interval", "4"], "interval_seconds: From 5 to 86400."),
        (["--expiry-days", "31"], "expiry_days: From 1 to 30."),
        (["--expiry-days", "0"], "expiry_days: From 1 to 30."),
        (["--requests-per-minute", "0"], "requests_per_minute: From 1 to 6000."),
        (["--notices-per-hour", "-1"], "notices_per_hour: "),
        (["--fallback-approver", "nobody"], "fallback_approver: "),
        (["--allowed-domain", "a b@c"], "allowed_domains: These must be mail domains"),
        (
            ["--allowed-domain", "acme.com", "--fallback-approver", "cfo@umbrella.com"],
            "fallback_approver: This is not a mail domain that is allowed.",
        ),
        (
            ["--set", "nonsense=1"],
            "nonsense: There is no such field; there is definition, secrets.",
        ),
        (["--set", "secrets=token: x"], "secrets is a secret: give it by --secret"),
        (["--secret", "secrets=token: x"], "secrets: Give a secret as @FILE"),
        (["--set", "definition=@/nowhere"], "definition: /nowhere cannot be read"),
        (["--set", "definition=base_url: 7"], "definition: line 1, base_url: "),
        (["--set", "definition="], "definition: This field is required."),
    ],
)
def test_what_is_wrong_is_told_with_its_field_and_line(
    files: Path, more: list[str], words: str
) -> None:
    with nothing_written(), pytest.raises(CommandError) as refused:
        create(files, *more)
    assert words in str(refused.value)


def test_every_mistake_in_a_definition_is_told_at_once(files: Path) -> None:
    (files / "erp.json").write_text("base_url: https://erp.example\nlist:\n  itmes: rows\n")
    with pytest.raises(CommandError) as refused:
        create(files)
    lines = str(refused.value).splitlines()
    assert (
        "definition: line 3, list.itmes: There is no such setting. Did you mean 'items'?" in lines
    )
    assert len(lines) > 5


def test_what_a_built_in_connector_needs_is_asked_for(workspace: Workspace) -> None:
    with nothing_written(), pytest.raises(CommandError) as refused:
        run(
            *("create", "--workspace", "Acme", "--kind", "airflow", "--name", "Airflow"),
            *("--set", "base_url=https://airflow.acme.com", "--set", "username=sayso"),
        )
    assert str(refused.value) == "password: This field is required."


def test_an_address_that_may_not_be_called_is_refused(workspace: Workspace) -> None:
    with nothing_written(), pytest.raises(CommandError) as refused:
        run(
            *("create", "--workspace", "Acme", "--kind", "request_tracker", "--name", "RT"),
            *("--set", "base_url=http://10.0.0.1/REST/2.0"),
        )
    assert "base_url: " in str(refused.value)


def test_a_mapping_is_checked_when_it_is_given(workspace: Workspace) -> None:
    push = ("create", "--workspace", "Acme", "--kind", "push", "--name", "HR")
    with nothing_written(), pytest.raises(CommandError) as refused:
        run(*push, "--set", "mapping=item: {id: key}\nstates: {pending: open}")
    assert "mapping: line 1, item.title: This is needed." in str(refused.value)
    assert "mapping: line 2, states: There is no word for approved, rejected." in str(refused.value)


def test_the_mapping_of_the_guide_is_right() -> None:
    guide = Path("docs/webhooks.md").read_text(encoding="utf-8")
    mapping = guide.split("<!-- a whole mapping -->\n```yaml\n")[1].split("```")[0]
    assert problems_with_mapping(mapping) == ()


# -- list, resume ----------------------------------------------------------------------------------


def test_connections_are_listed_with_how_they_stand(workspace: Workspace, api: Api) -> None:
    erp = connect(workspace, api)
    Poll.objects.update(paused_at="2026-11-22T10:00:00Z")
    assert run("list") == f"{erp.public_id}  paused    Acme/ERP (rest)\n"
    assert run("list", "--workspace", "Umbrella") == "\n"
    listed = json.loads(run("list", "--json"))["data"]
    assert [(each["id"], each["status"]) for each in listed] == [(erp.public_id, "paused")]


def test_what_was_paused_is_resumed(workspace: Workspace, api: Api) -> None:
    erp = connect(workspace, api)
    Poll.objects.update(
        paused_at="2026-11-22T10:00:00Z", failures=5, pause_reason="401", next_attempt_at=None
    )
    assert run("resume", "Acme/ERP") == "It is polled again.\n"
    row = Poll.objects.get()
    assert (row.paused_at, row.failures, row.pause_reason) == (None, 0, "")
    assert row.next_attempt_at == row.delta_at == row.check_at
    entry = Entry.objects.get()
    assert (entry.type, entry.subject) == ("connection.resumed", erp.public_id)
