"""Lists do not count rows that nobody will page to."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import TrackFactory
from tests.staff.conftest import Hire
from tracks.models import Track, Workspace
from tracks.staff import paging
from tracks.staff.paging import CappedPaginator

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with five tracks, and lists that count up to three."""
    monkeypatch.setattr(paging, "MOST", 3)
    for _ in range(5):
        TrackFactory(workspace=workspace)
    return workspace


def test_rows_are_counted_up_to_a_limit(five: Workspace) -> None:
    some = Track.objects.filter(workspace=five)
    pages = CappedPaginator(some, 2)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert (pages.count, pages.num_pages) == (3, 2)
    assert "LIMIT 3" in queries[0]["sql"]
    assert pages.in_words == "3 or more"
    assert CappedPaginator(some.filter(pk=some[0].pk), 2).in_words == "1"


@pytest.mark.postgresql
def test_of_a_whole_table_the_database_knows_about_how_many_there_are(five: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tracks_track")
    pages = CappedPaginator(Track.objects.order_by("-pk"), 2)
    assert (pages.count, pages.num_pages) == (5, 2)
    assert pages.in_words == "about 5"


def test_a_list_says_that_there_are_more(hire: Hire, five: Workspace) -> None:
    page = hire("Viewer", five).get("/admin/tracks/track/").content.decode()
    assert "3 or more tracks" in page


def test_a_list_takes_as_many_queries_for_five_rows_as_for_one(
    hire: Hire, workspace: Workspace, boss: Client
) -> None:
    viewer = hire("Viewer", workspace)
    TrackFactory(workspace=workspace)

    def queries_of(client: Client) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/admin/tracks/track/").status_code == 200
        return len(queries)

    before = [queries_of(client) for client in (viewer, boss)]
    for _ in range(4):
        TrackFactory(workspace=workspace)
    assert [queries_of(client) for client in (viewer, boss)] == before
