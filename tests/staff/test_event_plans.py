"""The list of events reads an index from its end, however many events others have.

Ten thousand events of a busy workspace, all of them later than the few of two quiet ones: whoever
looks into those would else have the database read all the others first. So would who looks for what
somebody did who has long been gone.
"""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import TrackFactory, WorkspaceFactory
from tests.staff.conftest import Hire
from tests.statements import carried_out
from tracks.audit_admin import EventAdmin
from tracks.models import Event, Track, Workspace
from tracks.staff import paging, reach

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

RARE = "type=input_request.cancelled"
CLERK = "actor=clerk@acme.com"
PAGE = 50  # events
TRACKS = 3  # for each of which the database may look at the few events anew


@pytest.fixture
def quiet() -> list[Workspace]:
    """Two workspaces of which each has 200 events, two of them of a rare type, two by a clerk."""
    busy, *quiet = (WorkspaceFactory() for _ in range(3))
    for number, workspace in enumerate(quiet, start=1):
        track = TrackFactory(
            workspace=workspace, external_id=f"PO-{number}", customer_email="cfo@cust.example"
        )
        _store(track, 200, by="Clippy")
    _store(TrackFactory(workspace=busy), 10_000, by="Bookkeeper")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tracks_event, tracks_track, tracks_workspace")
    return quiet


def _store(track: Track, many: int, *, by: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tracks_event (id, workspace_id, track_id, seq, type, actor_type, "
            "actor_name, at, data_commitment, prev_hash, hash) "
            "SELECT lpad(to_hex(%s + n), 32, '0')::uuid, %s, %s, n + 1, CASE n %% 100 WHEN 0 "
            "THEN 'input_request.cancelled' ELSE 'action.logged' END, "
            "CASE n %% 100 WHEN 1 THEN 'staff' ELSE 'agent' END, "
            "CASE n %% 100 WHEN 1 THEN 'clerk@acme.com' ELSE %s END, "
            "now(), '', n::text, '' FROM generate_series(1, %s) AS n",
            [Event.objects.count(), track.workspace_id, track.pk, by, many],
        )


def plans_of(client: Client, query: str = "") -> list[str]:
    """Return how the database counted the events of the list, and how it found those of a page."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/admin/tracks/event/?{query}").status_code == 200
    of_events = [each["sql"] for each in queries if 'FROM "tracks_event"' in each["sql"]]
    return [carried_out(sql) for sql in of_events]


def events_read(plan: str) -> int:
    """Return how many events the database touched: those it took and those it passed over."""
    found = loops = 0
    for line in plan.splitlines():
        if scan := re.search(r"Scan.* tracks_event.*rows=(\d+) loops=(\d+)", line):
            rows, loops = int(scan[1]), int(scan[2])
            found += rows * loops
        elif "->" in line:
            loops = 0  # of something else
        elif passed := re.search(r"Rows Removed by Filter: (\d+)", line):
            found += int(passed[1]) * loops
    return found


def test_the_newest_of_all(quiet: list[Workspace], boss: Client) -> None:
    *_, listed = plans_of(boss)
    assert "Index Scan Backward using tracks_event_pkey" in listed
    assert "Sort" not in listed
    assert events_read(listed) == PAGE


def test_a_rare_type_of_all(quiet: list[Workspace], boss: Client) -> None:
    counted, keys, listed = plans_of(boss, RARE)
    assert events_read(counted) == events_read(keys) == 104  # of 10,400
    assert events_read(listed) <= 104


@pytest.mark.parametrize("number", [1, 2])
def test_the_newest_of_quiet_workspaces(quiet: list[Workspace], hire: Hire, number: int) -> None:
    counted, keys, listed = plans_of(hire("Viewer", *quiet[:number]))
    assert events_read(counted) == 201 * number  # with the one of the track that was opened
    assert events_read(keys) <= 201 * number  # of 10,400
    assert events_read(listed) == PAGE


@pytest.mark.parametrize("number", [1, 2])
def test_a_rare_type_of_quiet_workspaces(quiet: list[Workspace], hire: Hire, number: int) -> None:
    for plan in plans_of(hire("Viewer", *quiet[:number]), RARE):
        assert events_read(plan) in (2 * number, TRACKS * 2 * number), plan


@pytest.mark.parametrize("query", ["actor=Nobody", "actor_type=connection"])
def test_what_nobody_did(quiet: list[Workspace], boss: Client, hire: Hire, query: str) -> None:
    for client in (boss, hire("Viewer", quiet[0]), hire("Operator", *quiet)):
        assert [events_read(plan) for plan in plans_of(client, query)] == [0, 0]


@pytest.mark.parametrize("query", [CLERK, "actor_type=staff"])
def test_what_a_clerk_did(quiet: list[Workspace], boss: Client, hire: Hire, query: str) -> None:
    assert [events_read(plan) for plan in plans_of(boss, query)][:2] == [104, 104]  # of 10,400
    for number in (1, 2):
        viewer = hire("Viewer", *quiet[:number], name=f"v{number}@acme.com")
        for plan in plans_of(viewer, query):
            assert events_read(plan) in (2 * number, TRACKS * 2 * number), plan


def test_what_a_clerk_did_of_a_type_in_a_workspace(
    quiet: list[Workspace], boss: Client, hire: Hire
) -> None:
    of_quiet, viewer = f"workspace__id__exact={quiet[0].pk}", hire("Viewer", *quiet)
    for query in (RARE, of_quiet, f"{RARE}&{of_quiet}", f"actor_type=staff&{of_quiet}"):
        for client in (boss, viewer):
            for plan in plans_of(client, f"{CLERK}&{query}"):
                assert events_read(plan) <= 104, plan  # of 10,400


@pytest.fixture
def short_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of five: to find those, a database would read from the end what it takes for a few."""
    monkeypatch.setattr(EventAdmin, "list_per_page", 5)


@pytest.mark.usefixtures("short_page")
def test_what_somebody_did_long_ago(quiet: list[Workspace], boss: Client) -> None:
    for plan in plans_of(boss, "actor=Clippy"):
        assert events_read(plan) <= 396, plan  # of 10,400


def test_what_happened_to_a_track_that_is_searched_for(
    quiet: list[Workspace], boss: Client, hire: Hire
) -> None:
    for client in (boss, hire("Viewer", *quiet)):
        for plan in plans_of(client, "q=PO-1"):
            assert events_read(plan) <= 201, plan  # with the one that it was opened; of 10,400


def test_a_search_that_leads_to_no_track(quiet: list[Workspace], boss: Client) -> None:
    assert plans_of(boss, "q=PO-7") == []


@pytest.mark.usefixtures("short_page")
def test_where_a_search_finds_more_than_is_counted(
    quiet: list[Workspace], boss: Client, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST", 100)
    for client in (boss, hire("Viewer", *quiet)):
        for plan in plans_of(client, "q=cfo@cust.example"):
            assert events_read(plan) <= 402, plan  # of 10,400


def test_who_has_many_workspaces_sees_the_same(
    quiet: list[Workspace], hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many to look into each: the database finds its own way."""
    viewer = hire("Viewer", *quiet)
    pages = [_keys(viewer, query) for query in ("", "p=2", RARE)]
    assert [len(keys) for keys in pages] == [PAGE, PAGE, 4]
    monkeypatch.setattr(reach, "FEW", 1)
    assert [_keys(viewer, query) for query in ("", "p=2", RARE)] == pages


def _keys(client: Client, query: str) -> list[str]:
    changes = client.get(f"/admin/tracks/event/?{query}").context["cl"]
    return [str(event.pk) for event in changes.result_list]
