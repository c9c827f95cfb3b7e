"""Lists, filters and searches of asks, tracks and events use an index each, however many there are.

Ten thousand asks, of which few are what a filter wants: reading them all would show in the plan.
"""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from approvals.models import Ask
from tests.staff.many import fill
from tests.statements import explained
from tracks.models import Track, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

BIG = (
    "approvals_ask",
    "tracks_track",
    "tracks_event",
    "approvals_holder",
    "approvals_decision",
)
ASKS = {
    "all": "",
    "open": "status=open",
    "overdue": "status=overdue",
    "overridden": "status=overridden",
    "timed out": "status=timeout",
    "cancelled": "status=cancelled",
    "high risk": "risk__exact=high",
    "due within a day": "due=day",
    "due": "due=overdue",
    "approver": "approver=rare@acme.com",
    "agent": "agent=rarerarerare",
    "connection": "source=Rare",
    "days": "created_at_from=2026-01-02&created_at_to=2026-01-02",
    "comment": "comment=yes",
    "undeliverable": "delivery=failed",
    "reference": "q=0000-0007",
    "id": "q=ask_00000000000000000000000000000007",
    "address": "q=rare@acme.com",
    "external id": "q=EXT-7",
    "page": "q=https://sayso.example/t/s000000000000000000007",
}
TRACKS = {
    "all": "",
    "active": "status=active",
    "failed": "status=failed",
    "days": "updated_at_from=2026-01-02&updated_at_to=2026-01-02",
    "external id": "q=EXT-7",
    "customer": "q=C7@cust.example",
    "approver": "q=rare@acme.com",
    "reference": "q=0000-0007",
    "page": "q=/t/s000000000000000000007",
}
# What finds events, by way of their tracks: the same, and what is nothing.
SEARCHES = [
    *(query for query in TRACKS.values() if query.startswith("q=")),
    "q=trk_00000000000000000000000000000007",
    "q=EXT-7-unknown",
    "q=nobody@acme.com",
    "q=ffff-ffff",
]


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    fill(workspace, asks=10_000)
    return workspace


def plan_of(model: Any, query: str) -> str:
    """Return how the database would fetch the first page of a list for a superuser."""
    pages = admin.site._registry[model]
    request = RequestFactory().get(f"/?{query}")
    request.user = get_user_model().objects.get(username="boss")
    changes = pages.get_changelist_instance(request)
    rows = changes.queryset[: pages.list_per_page]
    return str(rows.explain())


def read_whole(plan: str) -> set[str]:
    """Return the big tables that a plan reads from one end to the other."""
    return {name for name in re.findall(r"Seq Scan on (\w+)", plan) if name in BIG}


@pytest.mark.parametrize(
    ("model", "queries"),
    [pytest.param(Ask, ASKS, id="asks"), pytest.param(Track, TRACKS, id="tracks")],
)
def test_no_list_reads_a_big_table_whole(
    many: Workspace, model: Any, queries: dict[str, str]
) -> None:
    get_user_model().objects.create_superuser("boss")
    plans = {name: plan_of(model, query) for name, query in queries.items()}
    assert {name: found for name, plan in plans.items() if (found := read_whole(plan))} == {}


def test_no_search_of_events_reads_a_big_table_whole(many: Workspace, boss: Client) -> None:
    for query in SEARCHES:
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(f"/admin/tracks/event/?{query}").status_code == 200
        selects = [each["sql"] for each in queries if each["sql"].startswith("SELECT")]
        plans = "\n".join(explained(sql) for sql in selects)
        assert "tracks_track" in plans, query
        assert read_whole(plans) == set(), query


def test_a_plan_that_reads_a_table_whole_is_known_when_seen(many: Workspace) -> None:
    plan = Ask.objects.filter(prompt__contains="7").order_by().explain()
    assert read_whole(plan) == {"approvals_ask"}
