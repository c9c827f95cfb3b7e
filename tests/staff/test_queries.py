"""How many queries a page takes: as many for twenty rows as for one."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.models import MonthOfAsks
from tests.factories import AGENT, TrackFactory, issue_key, say
from tests.staff.conftest import Hire
from tracks.clock import database_now
from tracks.entries import note
from tracks.models import Workspace

pytestmark = pytest.mark.django_db


def _event(workspace: Workspace) -> None:
    say(TrackFactory(workspace=workspace), "Pulled 47 invoices")


def _entry(workspace: Workspace) -> None:
    note(workspace.pk, "key.revoked", subject="sk_live_x", actor=AGENT, at=database_now())


def _month(workspace: Workspace) -> None:
    MonthOfAsks.objects.create(
        workspace=workspace, month=f"{2000 + MonthOfAsks.objects.count()}-01"
    )


# The list, what adds a row to it, and how many queries it takes. The session, the user, their
# rights and the second factor are four of them; the filters by workspace are another.
LISTS: dict[str, tuple[Callable[[Workspace], object], int]] = {
    "tracks/event": (_event, 11),  # twice, which workspaces to look into
    "tracks/entry": (_entry, 10),
    "tracks/apikey": (issue_key, 9),
    "approvals/monthofasks": (_month, 10),
}


@pytest.mark.parametrize("page", LISTS)
def test_a_list_takes_the_same_for_many_rows(hire: Hire, workspace: Workspace, page: str) -> None:
    add, expected = LISTS[page]
    client = hire("Owner", workspace)
    add(workspace)
    assert queries_of(client, f"{page}/") == expected
    for _ in range(20):
        add(workspace)
    assert queries_of(client, f"{page}/") == expected


@pytest.mark.parametrize(("query", "expected"), [("actor=Bookkeeper", 11), ("q=PO-7", 13)])
def test_so_does_a_part_of_the_log(
    hire: Hire, workspace: Workspace, query: str, expected: int
) -> None:
    client = hire("Owner", workspace)
    track = TrackFactory(workspace=workspace, external_id="PO-7")
    page = f"tracks/event/?{query}&type=action.logged"
    say(track, "Pulled 47 invoices")
    assert queries_of(client, page) == expected
    for _ in range(20):
        say(track, "Pulled 47 invoices")
    assert queries_of(client, page) == expected


def test_so_does_the_list_of_people(hire: Hire, workspace: Workspace) -> None:
    client = hire("Owner", workspace)
    before = queries_of(client, "auth/user/")
    for number in range(20):
        hire("Viewer", workspace, name=f"p{number}@acme.com")
    assert queries_of(client, "auth/user/") == before


def queries_of(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/admin/{page}").status_code == 200
    return len(queries)
