"""Staff let a system be read again: from the start, or since a time where it knows times."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from mirroring.connectors.keyset import Position
from mirroring.models import Connection, Poll
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tests.mirroring.connections.declared import ACCOUNT, LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import BY_TIME, row
from tests.staff.conftest import Hire
from tracks.models import Entry, Workspace

pytestmark = pytest.mark.django_db

WHY = {"reason": "Somebody restored a backup there."}
AT_NINE = {"to": "time", "since": "2026-11-20T09:00", **WHY}
OFFERED = 'value="time"'


def page(connection: Connection) -> str:
    return f"/admin/mirroring/connection/{connection.pk}/rewind/"


@pytest.fixture
def ledger(workspace: Workspace, api: Api, clock: Clock) -> Connection:
    """A system that is asked for what has changed since a time, read once; we are in Berlin."""
    workspace.time_zone = "Europe/Berlin"
    workspace.save()
    api.on(LIST, {"rows": [row(1, at="2026-11-22T09:00:00Z")]})
    ledger = connect(workspace, api, definition={**BY_TIME, **ACCOUNT})
    poll(ledger)
    return ledger


def refused(client: Client, connection: Connection, **said: str) -> dict[str, list[str]]:
    """Return what stands beside the fields of what was refused."""
    with nothing_written():
        response: Any = client.post(page(connection), {**WHY, **said})
    assert response.status_code == 200
    shown = response.content.decode()
    errors: dict[str, list[str]] = response.context["form"].errors
    assert all(error in shown for told in errors.values() for error in told)
    return errors


def test_it_is_rewound_to_a_time_of_the_workspace(
    integrator: Client, ledger: Connection, api: Api, clock: Clock
) -> None:
    running = Poll.objects.get()
    done = integrator.post(page(ledger), AT_NINE, follow=True)
    said = "The next pass reads what has changed since 2026-11-20 09:00:00 Europe/Berlin."
    assert said in done.content.decode()
    at = datetime(2026, 11, 20, 8, tzinfo=UTC)
    left = Poll.objects.get()
    assert Position.read(left.cursor) == Position(since=at, is_first=False)
    assert (left.pass_started_at, left.pass_count, left.next_attempt_at) == (None, 0, clock.now)
    assert not running.write_outcome(cursor="x")
    entry = Entry.objects.latest("pk")
    assert (entry.type, entry.actor_name) == ("connection.rewound", "integrator@acme.com")
    assert entry.data == {**WHY, "since": "2026-11-20T08:00:00.000Z"}
    poll(ledger)
    assert api.queries(LIST)[-1] == {"since": "2026-11-20T08:00:00Z"}


def test_it_is_rewound_to_the_start(integrator: Client, ledger: Connection) -> None:
    done = integrator.post(page(ledger), {"to": "start", "since": "", **WHY}, follow=True)
    assert "The next pass begins anew, at the start." in done.content.decode()
    assert Poll.objects.get().cursor is None
    assert Entry.objects.latest("pk").data == WHY


def test_the_page_names_the_zone(integrator: Client, ledger: Connection) -> None:
    with nothing_written():
        shown = integrator.get(page(ledger)).content.decode()
    assert OFFERED in shown
    assert "Date and time (Europe/Berlin)" in shown


@pytest.mark.parametrize(
    ("since", "error"),
    [
        ("", "Say from when on it is read again."),
        ("yesterday", "Enter a valid date/time."),
        ("2026-11-22T11:00:01", "This is still to come."),  # it is eleven in Berlin
        ("1969-12-31T23:00", "Nothing is as old as that. Choose the start instead."),
        ("0001-01-01T00:00", "Nothing is as old as that. Choose the start instead."),
    ],
)
def test_a_wrong_time_is_refused_beside_its_field(
    integrator: Client, ledger: Connection, since: str, error: str
) -> None:
    assert refused(integrator, ledger, to="time", since=since) == {"since": [error]}


def test_an_hour_that_there_is_twice_is_refused(integrator: Client, ledger: Connection) -> None:
    errors = refused(integrator, ledger, to="time", since="2026-10-25T02:30")
    assert list(errors) == ["since"]
    assert "Europe/Berlin" in errors["since"][0]


def test_a_time_beside_the_start_is_a_mistake(integrator: Client, ledger: Connection) -> None:
    told = "The start was chosen. Leave this empty, or choose a time."
    assert refused(integrator, ledger, to="start", since="2026-11-20T09:00") == {"since": [told]}


def test_one_of_both_has_to_be_chosen(integrator: Client, ledger: Connection) -> None:
    assert refused(integrator, ledger) == {"to": ["This field is required."]}


def test_a_system_that_knows_no_times_says_why(integrator: Client, erp: Connection) -> None:
    poll(erp)
    shown = integrator.get(page(erp)).content.decode()
    assert OFFERED not in shown
    assert 'name="since"' not in shown
    assert "Each pass reads all that waits in this system" in shown
    assert list(refused(integrator, erp, to="time", since="2026-11-20T09:00")) == ["to"]


@pytest.mark.parametrize(
    ("cursor", "why"),
    [
        ({"type": "sequence", "field": "key"}, "by numbers that count up"),
        ({"type": "offset"}, "as a list that grows"),
    ],
)
def test_other_cursors_know_no_times_either(
    integrator: Client, workspace: Workspace, api: Api, cursor: dict[str, str], why: str
) -> None:
    query = {"since": "{since}"} if cursor["type"] == "sequence" else {"offset": "{offset}"}
    request = {"path": "/approvals", "query": query}
    listing = {"request": request, "items": "rows", "cursor": cursor}
    counted = connect(workspace, api, definition={"list": listing, **ACCOUNT})
    shown = integrator.get(page(counted)).content.decode()
    assert OFFERED not in shown
    assert why in shown


def test_before_the_first_pass_is_over_there_is_no_time_to_go_back_to(
    integrator: Client, ledger: Connection
) -> None:
    Poll.objects.update(loaded_at=None)
    shown = integrator.get(page(ledger)).content.decode()
    assert OFFERED not in shown
    assert "The pass that begins at the start is not over yet." in shown


def test_settings_that_are_not_right_any_more_do_not_keep_it_from_the_start(
    integrator: Client, ledger: Connection
) -> None:
    Connection.objects.update(config={"definition": "base_url: nowhere"})
    assert "Its settings are not right any more" in integrator.get(page(ledger)).content.decode()
    assert integrator.post(page(ledger), {"to": "start", **WHY}).status_code == 302
    assert Poll.objects.get().cursor is None


def test_an_owner_may_a_viewer_may_not_and_a_stranger_finds_nothing(
    hire: Hire, ledger: Connection
) -> None:
    viewer = hire("Viewer", ledger.workspace)
    stranger = hire("Integrator", WorkspaceFactory(name="Umbrella"))
    with nothing_written():
        assert viewer.post(page(ledger), AT_NINE).status_code == 403
        assert stranger.post(page(ledger), AT_NINE).status_code == 404
    owner = hire("Owner", ledger.workspace)
    assert owner.post(page(ledger), AT_NINE).status_code == 302
