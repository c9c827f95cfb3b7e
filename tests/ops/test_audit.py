"""`manage.py audit verify`: a change of the log is found, and where."""

import json
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.factories import AskFactory, TrackFactory, WorkspaceFactory, answer
from tracks.models import Event, EventData, Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def tracks(workspace: Workspace) -> list[Track]:
    """Two tracks: three events on the first, one on the second."""
    first = TrackFactory(workspace=workspace)
    answer(AskFactory(track=first))
    second = TrackFactory(workspace=workspace)
    assert Event.objects.filter(track=first).count() == 3
    return [first, second]


def _verify() -> dict[str, Any]:
    output = StringIO()
    with suppress(CommandError):
        call_command("audit", "verify", "--json", stdout=output)
    result: dict[str, Any] = json.loads(output.getvalue())
    return result


def _tamper(statement: str, *parameters: Any) -> None:
    """Change the log behind the program's back, as somebody could who owns the database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute("DROP TRIGGER event_is_final")
        cursor.execute(statement, parameters)
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = origin")


def _of(track: Track, seq: int) -> Event:
    return Event.objects.get(track=track, seq=seq)


def test_every_chain_holds(tracks: list[Track]) -> None:
    assert _verify() == {"ok": True, "tracks": 2, "events": 4, "first_bad": None}


def test_people_read_a_sentence(tracks: list[Track]) -> None:
    output = StringIO()
    call_command("audit", "verify", stdout=output)
    assert output.getvalue() == "4 events on 2 tracks: every chain holds.\n"


def test_an_empty_log_holds() -> None:
    assert _verify() == {"ok": True, "tracks": 0, "events": 0, "first_bad": None}


def _change_the_actor(event: Event) -> None:
    _tamper("UPDATE tracks_event SET actor_name = 'Mallory' WHERE id = %s", _db(event.pk))


def _change_the_hash(event: Event) -> None:
    _tamper("UPDATE tracks_event SET hash = %s WHERE id = %s", "f" * 64, _db(event.pk))


def _change_the_workspace(event: Event) -> None:
    elsewhere = _db(WorkspaceFactory().pk)
    _tamper("UPDATE tracks_event SET workspace_id = %s WHERE id = %s", elsewhere, _db(event.pk))


def _change_the_data(event: Event) -> None:
    EventData.objects.filter(event=event).update(data={"value": False})


def _break_the_data(event: Event) -> None:
    _tamper("UPDATE tracks_eventdata SET data = 'no json' WHERE event_id = %s", _db(event.pk))


def _change_the_salt(event: Event) -> None:
    EventData.objects.filter(event=event).update(salt="no hex")


def _db(pk: Any) -> Any:
    return pk if connection.vendor == "postgresql" else pk.hex


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (_change_the_actor, "the hash does not fit the event"),
        (_change_the_hash, "the hash does not fit the event"),
        (_change_the_workspace, "the workspace is not the track's"),
        (_change_the_data, "the data does not fit its commitment"),
        (_break_the_data, "the data does not fit its commitment"),
        (_change_the_salt, "the data does not fit its commitment"),
    ],
)
def test_a_changed_event_is_found(
    tracks: list[Track], tamper: Callable[[Event], None], problem: str
) -> None:
    track = tracks[0]
    tamper(_of(track, 2))
    found = _verify()
    assert found["ok"] is False
    assert found["first_bad"] == {"track": track.public_id, "seq": 2, "problem": problem}


def test_an_event_taken_out_is_found(tracks: list[Track]) -> None:
    event = _of(tracks[0], 2)
    EventData.objects.filter(event=event).delete()
    _tamper_delete(event)
    assert _verify()["first_bad"] == {
        "track": tracks[0].public_id,
        "seq": 2,
        "problem": "the event is missing",
    }


def test_a_tail_cut_off_is_found(tracks: list[Track]) -> None:
    event = _of(tracks[0], 3)
    EventData.objects.filter(event=event).delete()
    _tamper_delete(event)
    assert _verify()["first_bad"] == {
        "track": tracks[0].public_id,
        "seq": 3,
        "problem": "events at the end are missing",
    }


def test_a_track_without_events_is_found(tracks: list[Track]) -> None:
    event = _of(tracks[1], 1)
    EventData.objects.filter(event=event).delete()
    _tamper_delete(event)
    assert _verify()["first_bad"] == {
        "track": tracks[1].public_id,
        "seq": 1,
        "problem": "the track has no event",
    }


def _tamper_delete(event: Event) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        for table in ("tracks_dispatch", "tracks_event"):
            column = "event_id" if table == "tracks_dispatch" else "id"
            cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", [_db(event.pk)])
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = origin")


def test_erased_data_leaves_the_chain_valid(tracks: list[Track]) -> None:
    EventData.objects.filter(event=_of(tracks[0], 2)).delete()
    assert _verify()["ok"] is True


def test_people_read_where_it_breaks(tracks: list[Track]) -> None:
    _change_the_data(_of(tracks[0], 2))
    expected = f"{tracks[0].public_id}, event 2: the data does not fit its commitment"
    with pytest.raises(CommandError, match=expected):
        call_command("audit", "verify", stdout=StringIO())
