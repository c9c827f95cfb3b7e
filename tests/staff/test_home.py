"""The home of the admin: every number is right, and leads to the rows that it counts."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from approvals import home as asks_home
from approvals.models import Ask, FirstView, Notification
from approvals.transitions import cancel_ask, record_timeout
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    config_of,
)
from tests.staff.conftest import Hire
from tests.statements import explained
from tracks import heartbeats
from tracks.home import reading
from tracks.home.figures import Count, Link, Numbers, Scope
from tracks.home.page import in_words
from tracks.home.reading import Home
from tracks.ids import earliest_id
from tracks.models import Dispatch, Heartbeat, Workspace
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db

DAY = 86_400
LONG = 30 * DAY


def ask(workspace: Workspace, **fields: Any) -> Ask:
    fields.setdefault("timeout_seconds", LONG)
    made: Ask = AskFactory(track=TrackFactory(workspace=workspace), **fields)
    return made


def read(clock: Clock, *workspaces: Workspace) -> Home:
    among = frozenset(each.pk for each in workspaces) if workspaces else None
    return reading.read(Scope(now=clock.now, workspaces=among))


def act_now(home: Home) -> dict[str, int]:
    return {each.label: each.number for each in home.act_now}


def flow(home: Home) -> dict[str, list[int]]:
    return {line.label: list(line.numbers) for line in home.flow}


# -- act now ---------------------------------------------------------------------------------------


def test_what_is_overdue_and_what_is_due_soon(workspace: Workspace, clock: Clock) -> None:
    due = clock.now + timedelta(hours=24)
    ask(workspace, due_at=due)
    ask(workspace, due_at=due + timedelta(milliseconds=1))
    ask(workspace)
    answer(ask(workspace, due_at=due))
    ask(workspace, due_at=due, timeout_seconds=DAY)
    shown = act_now(read(clock))
    assert (shown["Overdue"], shown["Due within 24 h"]) == (0, 2)
    clock.move_to(due)
    shown = act_now(read(clock))
    # What has timed out is late no more, recorded or not.
    assert (shown["Overdue"], shown["Due within 24 h"]) == (1, 1)


def test_of_whom_somebody_could_not_be_told(workspace: Workspace, clock: Clock) -> None:
    for number, open_ask in enumerate([ask(workspace), ask(workspace), answered(workspace)]):
        Notification.objects.filter(ask=open_ask).delete()
        Notification.objects.create(
            kind="ask",
            ask=open_ask,
            track=open_ask.track,
            approver=approver_of(open_ask),
            created_at=clock.now,
            failed_at=clock.now if number != 1 else None,
            bounced_at=clock.now if number == 1 else None,
        )
    home = read(clock)
    assert act_now(home)["Undeliverable"] == 2
    (lost,) = home.failures
    assert (lost.label, lost.number, lost.is_alarm) == ("Mails not delivered, 24 h", 3, True)
    clock.move(hours=24, milliseconds=1)
    home = read(clock)
    assert act_now(home)["Undeliverable"] == 2
    assert home.failures[0].number == 0


def answered(workspace: Workspace) -> Ask:
    made = ask(workspace)
    answer(made)
    return made


def delivery(workspace: Workspace, status: str, at: datetime, **fields: Any) -> Delivery:
    endpoint, _ = Endpoint.objects.get_or_create(
        workspace=workspace,
        url="https://hooks.example.com/",
        defaults={"created_at": at, "updated_at": at},
    )
    number = Delivery.objects.count()
    return Delivery.objects.create(
        endpoint=endpoint,
        message_id=f"00000000-0000-7000-8000-{number:012}",
        type="webhook.test",
        body="{}",
        status=status,
        created_at=at,
        **fields,
    )


def test_webhooks_that_were_not_taken(workspace: Workspace, clock: Clock) -> None:
    week = clock.now - timedelta(days=7)
    for status in Delivery.Status.values:
        delivery(workspace, status, week)
        delivery(workspace, status, week - timedelta(milliseconds=1))
    assert act_now(read(clock))["Failed webhooks"] == 2
    Endpoint.objects.update(deleted_at=clock.now)
    assert act_now(read(clock))["Failed webhooks"] == 0


# -- flow, speed, age ------------------------------------------------------------------------------


@pytest.fixture
def month(workspace: Workspace, clock: Clock) -> datetime:
    """A month in which things happened: three weeks ago, and in the last hours."""
    began = clock.now
    answer(ask(workspace), False)
    answer(ask(workspace, kind="choice", config=config_of("choice")), "a")
    clock.move(days=21)
    for value in (True, True, False):
        made = ask(workspace)
        FirstView.objects.create(
            ask=made, approver=approver_of(made), at=clock.now + timedelta(minutes=10), ip="::1"
        )
        clock.move(hours=1)
        answer(made, value)
    late = ask(workspace, timeout_seconds=30)
    gone = ask(workspace)
    cancel_ask(
        ask_id=gone.pk,
        workspace_id=workspace.pk,
        actor=AGENT,
        reason="",
    )
    clock.move(seconds=30)
    record_timeout(track_id=late.track_id)
    ask(workspace)
    clock.move(seconds=1)
    return began


def test_what_became_of_the_asks_of_a_week_and_of_a_month(clock: Clock, month: datetime) -> None:
    home = read(clock)
    assert flow(home) == {
        "Created": [6, 8],
        "Answered": [3, 5],
        "Approved": [2, 2],
        "Timed out": [1, 1],
        "Cancelled": [1, 1],
        "Resolved elsewhere": [0, 0],
    }
    shares = {line.label: line.shares for line in home.flow}
    assert shares["Answered"] == [3 / 6, 5 / 8]
    assert shares["Approved"] == [2 / 3, 2 / 4]  # of those answered yes or no
    assert [[part.number for part in bar] for bar in home.shares] == [
        [2, 1, 0, 1, 1, 1],
        [2, 2, 1, 1, 1, 1],
    ]


def test_a_window_begins_exactly_so_many_days_ago(workspace: Workspace, clock: Clock) -> None:
    ask(workspace)
    clock.move(days=7)
    assert flow(read(clock))["Created"] == [1, 1]
    clock.move(milliseconds=1)
    assert flow(read(clock))["Created"] == [0, 1]
    clock.move(days=23)
    assert flow(read(clock))["Created"] == [0, 0]


def test_how_soon_people_look_and_answer(workspace: Workspace, clock: Clock) -> None:
    for minutes in (10, 20, 40):
        made = ask(workspace)
        seen = clock.now + timedelta(minutes=minutes / 10)
        FirstView.objects.create(ask=made, approver=approver_of(made), at=seen, ip="::1")
        clock.move(minutes=minutes)
        answer(made)
        clock.move(seconds=1)
    ask(workspace)
    clock.move(seconds=1)
    views, answers = read(clock).speed
    # Between the second and the third of three: two tenths up, eight tenths of the way.
    assert views.percentiles == (timedelta(minutes=2), timedelta(minutes=3.6))
    assert answers.percentiles == (timedelta(minutes=20), timedelta(minutes=36))


def test_of_several_who_looked_the_first_counts(workspace: Workspace, clock: Clock) -> None:
    made = ask(workspace, approvers=["a@acme.com", "b@acme.com"], needed=1)
    for minutes, seat in zip((30, 5), made.seats.order_by("position"), strict=True):
        at = clock.now + timedelta(minutes=minutes)
        FirstView.objects.create(ask=made, approver=seat.approver, at=at, ip="::1")
    clock.move(hours=1)
    assert read(clock).speed[0].percentiles == (timedelta(minutes=5),) * 2


def test_keys_are_looked_for_from_a_day_before_the_window(clock: Clock) -> None:
    """Keys bear the host's time, and asks the database's: the clocks may differ by so much."""
    assert asks_home._floor(7, Scope(now=clock.now)) == earliest_id(clock.now - timedelta(days=8))


def test_where_nothing_happened_there_is_no_speed(clock: Clock) -> None:
    home = read(clock)
    assert [each.percentiles for each in home.speed] == [None, None]
    assert flow(home)["Created"] == [0, 0]
    assert home.flow[1].shares == [None, None]


def test_the_age_of_what_waits(workspace: Workspace, clock: Clock) -> None:
    for hours in (7 * 24 + 1, 7 * 24, 3 * 24, 24, 4, 0):
        clock.move_to(datetime.fromisoformat("2026-11-22T10:00:00Z") - timedelta(hours=hours))
        ask(workspace)
    answered(workspace)
    # An age that is exactly the edge belongs to the older ones.
    assert [(part.label, part.number) for part in read(clock).ageing] == [
        ("0–4 h", 1),
        ("4–24 h", 1),
        ("1–3 d", 1),
        ("3–7 d", 1),
        ("> 7 d", 2),
    ]


# -- system ----------------------------------------------------------------------------------------


def test_beat_and_workers(clock: Clock, boss: Client) -> None:
    heartbeats.tick()
    Heartbeat.objects.create(name="celery@one", kind="worker", seen_at=clock.now)
    Heartbeat.objects.create(
        name="celery@two", kind="worker", seen_at=clock.now - timedelta(minutes=3)
    )
    pulses = {each.name: each.is_late for each in read(clock).pulses}
    assert pulses == {"beat": False, "celery@one": False, "celery@two": True}
    shown = boss.get("/admin/").content.decode()
    assert "1 of 2" in shown
    assert "2026-11-22 10:00:00 UTC" in shown
    assert "stand still" not in shown
    clock.move(minutes=2, milliseconds=1)
    cache.clear()
    assert "stand still" in boss.get("/admin/").content.decode()


def test_since_when_something_waits_for_a_worker(workspace: Workspace, clock: Clock) -> None:
    made = ask(workspace)
    Dispatch.objects.all().delete()
    Notification.objects.all().delete()
    assert {each.label: each.late for each in read(clock).waiting} == {
        "Mails to send": None,
        "Decisions to write back": None,
        "Records to follow up": None,
        "Webhooks to deliver": None,
        "Events to follow up": None,
    }
    notice = {"kind": "ask", "ask": made, "track": made.track, "created_at": clock.now}
    Notification.objects.create(
        **notice, approver=approver_of(made), next_attempt_at=clock.now - timedelta(minutes=7)
    )
    delivery(workspace, "failed", clock.now, next_attempt_at=clock.now + timedelta(milliseconds=1))
    delivery(workspace, "pending", clock.now, next_attempt_at=clock.now - timedelta(seconds=3))
    event = made.track.events.first()
    Dispatch.objects.create(event=event, next_attempt_at=clock.now)
    clock.move(seconds=2)
    assert {each.label: each.late for each in read(clock).waiting} == {
        "Mails to send": timedelta(minutes=7, seconds=2),
        "Decisions to write back": None,
        "Records to follow up": None,
        "Webhooks to deliver": timedelta(seconds=5),
        "Events to follow up": timedelta(seconds=2),
    }


# -- links -----------------------------------------------------------------------------------------


def links(home: Home) -> Iterator[tuple[str, int, Link]]:
    """Yield every number that has a list."""
    for each in [*home.act_now, *home.failures]:
        yield each.label, each.number, each.link
    for line in home.flow:
        for number, link in zip(line.numbers, line.links, strict=True):
            yield line.label, number, link
    for part in home.ageing:
        assert part.link is not None
        yield part.label, part.number, part.link


def test_each_number_leads_to_the_rows_that_it_counts(
    workspace: Workspace, clock: Clock, month: datetime, boss: Client, hire: Hire
) -> None:
    elsewhere = WorkspaceFactory(name="Elsewhere")
    for place in (workspace, elsewhere):
        made = ask(place, due_at=clock.now)
        ask(place, due_at=clock.now + timedelta(hours=1))
        Notification.objects.filter(ask=made).update(failed_at=clock.now)
        Notification.objects.get_or_create(
            ask=made,
            kind="ask",
            ordinal=0,
            defaults={
                "track": made.track,
                "approver": approver_of(made),
                "created_at": clock.now,
                "failed_at": clock.now,
            },
        )
        delivery(place, "exhausted", clock.now)
    clock.move(seconds=1)
    viewer = hire("Viewer", workspace)
    counted = 0
    for client, home in ((boss, read(clock)), (viewer, read(clock, workspace))):
        for label, number, link in links(home):
            listed = client.get(link.url)
            assert listed.status_code == 200, link.url
            assert listed.context["cl"].result_count == number, (label, link.url)
            counted += number
        for speed in home.speed:
            assert client.get(speed.link.url).status_code == 200
        for wait in home.waiting:
            assert wait.link is not None
            assert client.get(wait.link.url).status_code == 200
    assert counted > 60


# -- who sees what ---------------------------------------------------------------------------------


def test_a_member_of_staff_sees_the_numbers_of_their_workspaces(
    workspace: Workspace, clock: Clock, hire: Hire
) -> None:
    elsewhere = WorkspaceFactory(name="Elsewhere")
    ask(workspace)
    ask(elsewhere)
    ask(elsewhere)
    clock.move(seconds=1)
    here, there = hire("Viewer", workspace), hire("Viewer", elsewhere, name="v2")
    nobody, both = hire("Viewer", name="v3"), hire("Viewer", workspace, elsewhere, name="v4")

    def created(client: Client) -> str:
        row = client.get("/admin/").context["home"]["flow"][0]
        return str(row.cells[0].text)

    assert [created(each) for each in (here, there, nobody, both)] == ["1", "2", "0", "3"]


def test_without_the_right_to_a_list_its_numbers_are_not_shown(
    workspace: Workspace, client: Client
) -> None:
    ask(workspace)
    client.force_login(get_user_model().objects.create_user("new", is_staff=True))
    page = client.get("/admin/")
    assert page.status_code == 200
    assert page.context["home"]["act_now"] == []
    assert page.context["home"]["flow"] == []
    assert "Nothing that you may look at." in page.content.decode()


def test_looking_changes_nothing(workspace: Workspace, clock: Clock, boss: Client) -> None:
    ask(workspace, timeout_seconds=30)
    clock.move(seconds=30)
    with nothing_written():
        assert boss.get("/admin/").status_code == 200


# -- cost ------------------------------------------------------------------------------------------


def test_it_is_read_once_a_minute_for_each_set_of_workspaces(
    workspace: Workspace, clock: Clock, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Scope] = []
    real = reading.read
    monkeypatch.setattr(reading, "read", lambda scope: reads.append(scope) or real(scope))
    first, second = hire("Viewer", workspace), hire("Operator", workspace)
    for client in (first, second, first):
        client.get("/admin/")
    assert len(reads) == 1
    hire("Viewer", workspace, WorkspaceFactory(), name="both").get("/admin/")
    assert len(reads) == 2
    assert reading.CACHED == 60


def test_a_cache_that_is_away_makes_it_slower_and_nothing_else(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(reading.cache, "get", fail)
    monkeypatch.setattr(reading.cache, "set", fail)
    assert boss.get("/admin/").status_code == 200


def test_under_fifteen_queries_whatever_the_size(
    workspace: Workspace, clock: Clock, hire: Hire
) -> None:
    owner = hire("Owner", workspace)

    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            assert owner.get("/admin/").status_code == 200
        return len(captured)

    few = queries()
    for _ in range(10):
        answered(workspace)
        ask(workspace, due_at=clock.now + timedelta(hours=1))
    assert queries() == few
    assert few < 15


@pytest.mark.postgresql
def test_ten_thousand_rows_are_counted_by_indexes(workspace: Workspace, clock: Clock) -> None:
    """No table that grows is read from end to end."""
    track = TrackFactory(workspace=workspace)
    old = clock.now - timedelta(days=300)
    model = ask(workspace)
    with connection.cursor() as cursor:
        for name, rows in (("tracks_track", TEN_THOUSAND_TRACKS), ("approvals_ask", ASKS)):
            cursor.execute(rows, {"track": track.pk, "ask": model.pk, "old": old})
            cursor.execute(f"ANALYZE {name}")
    clock.move(seconds=1)
    with CaptureQueriesContext(connection) as captured:
        home = read(clock, workspace)
    assert flow(home)["Created"] == [1, 1]
    plans = [explained(each["sql"]) for each in captured if "approvals_ask" in each["sql"]]
    for plan in plans:
        assert "Seq Scan on approvals_ask" not in plan
    # What the workspace has asked in all its life is not looked at for what it asked of late.
    flow_plan = plans[0]
    assert re.search(r"Index Cond: .*id >= ", flow_plan)
    assert "BitmapAnd" not in flow_plan


TEN_THOUSAND_TRACKS = """
    INSERT INTO tracks_track SELECT (row).* FROM (
        SELECT jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'slug', n,
            'external_id', n)) AS row
        FROM tracks_track AS t, generate_series(1, 10000) AS n WHERE t.id = %(track)s
    ) AS made
"""
ASKS = """
    INSERT INTO approvals_ask SELECT (row).* FROM (
        SELECT jsonb_populate_record(a, jsonb_build_object('id',
            overlay(t.id::text placing '00000000' from 1), 'track_id', t.id, 'key', NULL,
            'status', 'timeout', 'created_at', %(old)s, 'closed_at', %(old)s)) AS row
        FROM approvals_ask AS a, tracks_track AS t WHERE a.id = %(ask)s AND t.slug ~ '^[0-9]+$'
    ) AS made
"""


def test_another_app_adds_its_numbers_by_a_setting(
    workspace: Workspace, clock: Clock, boss: Client, settings: Settings
) -> None:
    settings.HOME_NUMBERS = [*settings.HOME_NUMBERS, "tests.staff.test_home.tell_more"]
    shown = boss.get("/admin/").content.decode()
    assert "Connections in error" in shown
    assert act_now(read(clock))["Connections in error"] == 1


def tell_more(scope: Scope) -> Numbers:
    """Tell what an app above would."""
    rows = scope.limit(Workspace.objects.all(), by="pk")
    link = Link("tracks.workspace")
    return Numbers(act_now=[Count(label="Connections in error", rows=rows, link=link)])


# -- words and drawings ----------------------------------------------------------------------------


def test_drawings_are_told_in_words(clock: Clock, month: datetime, boss: Client) -> None:
    shown = boss.get("/admin/").content.decode()
    assert '<title id="home-share-7-title">What became of the requests of the last 7 days' in shown
    words = "2 approved, 1 rejected, 0 answered otherwise, 1 timed out, 1 cancelled, 1 still open"
    assert f'<desc id="home-share-7-desc">{words}</desc>' in shown
    assert 'role="img" aria-labelledby="home-ageing-title home-ageing-desc"' in shown


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=59.4), "59 s"),
        (timedelta(minutes=3, seconds=20), "3 min 20 s"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=2, hours=4, minutes=59), "2 d 4 h"),
        (timedelta(days=1, minutes=59), "1 d"),
    ],
)
def test_lengths_of_time_in_words(length: timedelta, words: str) -> None:
    assert in_words(length) == words
