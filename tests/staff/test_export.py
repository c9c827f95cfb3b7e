"""The event log as a file: all that the filters leave, safe in spreadsheets, and on record."""

import csv
import io
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import AGENT, TrackFactory, WorkspaceFactory, say
from tests.staff.conftest import Hire
from tracks import export
from tracks.event_types import EVENT_TYPES
from tracks.export import COLUMNS, exported, harmless
from tracks.models import Entry, Event, Track, Workspace
from tracks.transitions import complete_track

pytestmark = pytest.mark.django_db

PAGE = "/admin/tracks/event/export/"


@pytest.fixture
def operator(hire: Hire, workspace: Workspace) -> Client:
    return hire("Operator", workspace)


def take(client: Client, format: str, *, filters: str = "") -> list[Any]:
    """Take a file and return what is on its lines."""
    sent = client.post(f"{PAGE}?{filters}", {"format": format, "reason": "The audit of 2026"})
    assert sent.status_code == 200
    assert sent.streaming, sent.content
    text = b"".join(sent.streaming_content).decode()
    if format == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.reader(io.StringIO(text)))


def test_a_line_of_csv_for_each_event(operator: Client, track: Track, clock: Clock) -> None:
    event = say(track, "Pulled 47 invoices")
    header, created, logged = take(operator, "csv")
    assert tuple(header) == COLUMNS
    assert created[5] == "track.created"
    assert logged == [
        event.public_id,
        "Acme",
        track.public_id,
        track.title,
        "2",
        "action.logged",
        "agent",
        AGENT.name,
        "2026-11-22T10:00:00.000Z",
        json.dumps(event.data),
        event.hash,
        event.prev_hash,
    ]


def test_a_line_of_json_for_each_event(operator: Client, track: Track) -> None:
    say(track, "Pulled\n47")
    created, logged = take(operator, "jsonl")
    assert (created["type"], created["seq"]) == ("track.created", 1)
    assert logged["data"]["text"] == "Pulled\n47"
    assert (logged["workspace"], logged["track"]) == ("Acme", track.title)
    assert logged["actor"] == {"type": "agent", "name": AGENT.name}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert harmless(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert harmless(f"a{start}") == f"a{start}"


def test_a_hostile_title_is_quoted_in_the_file(operator: Client, workspace: Workspace) -> None:
    TrackFactory(workspace=workspace, title='=HYPERLINK("http://evil.example","x")')
    assert take(operator, "csv")[1][3] == '\'=HYPERLINK("http://evil.example","x")'


def test_the_export_is_on_record(operator: Client, track: Track) -> None:
    take(operator, "csv", filters="type=track.created")
    entry = Entry.objects.get()
    assert (entry.type, entry.workspace) == ("events.exported", track.workspace)
    assert entry.actor_name == "operator@acme.com"
    assert entry.data == {
        "format": "csv",
        "filters": {"type": "track.created"},
        "reason": "The audit of 2026",
    }


def test_the_export_of_two_workspaces_is_on_record_in_both(
    hire: Hire, workspace: Workspace
) -> None:
    others = [WorkspaceFactory(name=name) for name in ("Beta", "Gamma")]
    operator = hire("Operator", workspace, *others)
    filters = "&".join(f"workspace__id__exact={each.pk}" for each in (workspace, others[0]))
    take(operator, "csv", filters=filters)
    entries = Entry.objects.filter(type="events.exported").order_by("workspace__name")
    assert [each.workspace.name for each in entries] == ["Acme", "Beta"]
    both = {"workspace__id__exact": f"{workspace.pk}, {others[0].pk}"}
    assert [each.data["filters"] for each in entries] == [both, both]


def test_looking_at_the_page_takes_nothing_and_writes_nothing(
    operator: Client, track: Track
) -> None:
    with nothing_written():
        shown = operator.get(f"{PAGE}?type=track.created")
        refused = operator.post(PAGE, {"format": "xlsx", "reason": "x"})
        without_reason = operator.post(PAGE, {"format": "csv"})
    assert "track.created" in shown.content.decode()
    assert not any(getattr(each, "streaming", False) for each in (refused, without_reason))


def test_a_viewer_may_not_export(hire: Hire, track: Track) -> None:
    client = hire("Viewer", track.workspace)
    assert PAGE not in client.get("/admin/tracks/event/").content.decode()
    with nothing_written():
        assert client.get(PAGE).status_code == 403
        assert client.post(PAGE, {"format": "csv", "reason": "x"}).status_code == 403


def test_nothing_of_another_workspace_is_in_the_file(operator: Client, track: Track) -> None:
    other = TrackFactory(workspace=WorkspaceFactory(name="Umbrella"))
    for filters in ("", f"of_track={other.public_id}", f"q={other.title}"):
        lines = take(operator, "jsonl", filters=filters)
        assert {line["workspace"] for line in lines} <= {"Acme"}
    assert Entry.objects.filter(workspace=other.workspace).count() == 0


def test_the_filters_of_the_list_are_those_of_the_file(operator: Client, track: Track) -> None:
    other = TrackFactory(workspace=track.workspace)
    say(track, "Here")
    complete_track(track_id=other.pk, workspace_id=other.workspace_id, summary=None, actor=AGENT)
    year = Event.objects.all()[0].at.year

    def types(filters: str) -> list[str]:
        return [line["type"] for line in take(operator, "jsonl", filters=filters)]

    assert types("type=action.logged") == ["action.logged"]
    assert types(f"of_track={other.public_id}") == ["track.created", "track.completed"]
    assert types("of_track=trk_nonsense") == []
    assert types("actor=Nobody") == []
    assert len(types("actor_type=agent")) == 4
    assert len(types(f"at_from={year}-01-01&at_to={year}-12-31")) == 4
    assert types(f"at_to={year - 1}-12-31") == []
    assert types(f"at_from={year + 1}-01-01") == []
    assert types("at_from=whenever") == []


def test_the_last_day_is_included(operator: Client, track: Track) -> None:
    day = Event.objects.get().at.date().isoformat()
    assert len(take(operator, "jsonl", filters=f"at_from={day}&at_to={day}")) == 1


def test_memory_stays_the_same_however_long_the_log(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    track = TrackFactory(workspace=workspace)
    for number in range(4):
        say(track, f"Step {number}")
    with CaptureQueriesContext(connection) as queries:
        lines = exported(Event.objects.all(), format="jsonl")
        next(lines)
        assert len(queries) == 4
        assert "LIMIT 2" in queries[0]["sql"]
        assert [json.loads(line)["seq"] for line in lines] == [2, 3, 4, 5]
    assert len(queries) == 3 * 4  # events, what they say, their tracks, their workspaces


def test_what_happens_during_the_export_is_not_in_it(track: Track) -> None:
    lines = exported(Event.objects.all(), format="jsonl")
    next(lines)
    say(track, "Later")
    assert list(lines) == []


def test_every_type_of_the_contract_can_be_chosen() -> None:
    assert len(set(EVENT_TYPES)) == 31


@pytest.mark.parametrize("model", ["event", "entry"])
def test_the_log_is_read_alone(boss: Client, track: Track, model: str) -> None:
    take(boss, "csv")
    row: Any = Event.objects.first() if model == "event" else Entry.objects.first()
    base = f"/admin/tracks/{model}/"
    with nothing_written():
        assert boss.get(f"{base}add/").status_code == 403
        assert boss.post(f"{base}{row.pk}/change/", {"type": "x"}).status_code == 403
        assert boss.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        action = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
        boss.post(base, action)
