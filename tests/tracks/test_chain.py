"""The hash chain of contract §3, checked by a verifier that shares no code with the project."""

from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, say
from tests.tracks import jcs
from tracks.chain import Link, data_commitment
from tracks.models import Event, EventData, Track


def events_of(track: Track) -> list[Event]:
    return list(Event.objects.filter(track=track).order_by("seq").select_related("content"))


@pytest.fixture
def lived(track: Track, clock: Clock) -> Track:
    """A track with seven events, of agent, approver and system."""
    first = AskFactory(track=track, timeout_seconds=60)
    clock.move(milliseconds=1)
    answer(first, True, comment="Fine – ü 😀")
    AskFactory(track=track, kind="choice", timeout_seconds=1)
    clock.move(hours=1)
    say(track, 'Quotes " and \\ and \u00e9')
    return track


def test_a_track_is_one_chain_from_64_zeros(lived: Track) -> None:
    events = events_of(lived)
    assert [event.type for event in events] == [
        "track.created",
        "input_request.created",
        "input_request.answered",
        "input_request.created",
        "input_request.timeout",
        "action.logged",
    ]
    assert events[0].prev_hash == "0" * 64
    assert jcs.first_broken(events) is None
    lived.refresh_from_db()
    assert (lived.seq, lived.head_hash) == (6, events[-1].hash)


def test_each_tracks_chain_is_its_own(lived: Track) -> None:
    other = TrackFactory(workspace=lived.workspace)
    (first,) = events_of(other)
    assert (first.seq, first.prev_hash) == (1, "0" * 64)
    assert jcs.first_broken(events_of(lived)) is None


def test_an_erased_event_still_verifies(lived: Track) -> None:
    """AU-11."""
    EventData.objects.filter(event__track=lived, event__seq__in=[1, 3]).delete()
    events = events_of(lived)
    assert [event.data is None for event in events] == [True, False, True, False, False, False]
    assert jcs.first_broken(events) is None


def test_salts_are_random_so_that_erased_data_cannot_be_guessed(track: Track) -> None:
    say(track, "x")
    say(track, "x")
    one, other = EventData.objects.filter(event__track=track, event__seq__gt=1)
    assert one.data == other.data
    assert one.salt != other.salt
    assert len(one.salt) == len(other.salt) == 32


COLUMNS = {
    "seq": "seq + 100",
    "type": "'input_request.cancelled'",
    "actor_type": "'system'",
    "actor_name": "'somebody'",
    "data_commitment": f"'{'0' * 64}'",
    "prev_hash": f"'{'1' * 64}'",
    "hash": f"'{'2' * 64}'",
}


@pytest.mark.parametrize("seq", [1, 3, 6])
@pytest.mark.parametrize("column", [*COLUMNS, "at", "data", "salt"])
def test_any_change_by_a_superuser_is_found_at_its_place(
    lived: Track, seq: int, column: str
) -> None:
    """AU-03."""
    event = Event.objects.get(track=lived, seq=seq)
    _without_triggers()
    with connection.cursor() as cursor:
        if column in ("data", "salt"):
            value = '{"text":"y"}' if column == "data" else "0" * 32
            EventData.objects.filter(event=event).update(
                **{column: {"text": "y"} if column == "data" else value}
            )
        elif column == "at":
            at = event.at + timedelta(milliseconds=1)
            cursor.execute("UPDATE tracks_event SET at = %s WHERE id = %s", [at, _key(event)])
        else:
            cursor.execute(
                f"UPDATE tracks_event SET {column} = {COLUMNS[column]} WHERE id = %s",
                [_key(event)],
            )
    found = jcs.first_broken(events_of(lived))
    # Out of its place, an event leaves a gap where it stood.
    assert found == seq


def _without_triggers() -> None:
    table = "ON tracks_event" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER event_is_final {table}")


def _key(event: Event) -> Any:
    return event.pk if connection.vendor == "postgresql" else event.pk.hex


def test_a_missing_event_is_found(lived: Track) -> None:
    """AU-05."""
    events = events_of(lived)
    assert jcs.first_broken(events[:2] + events[3:]) == 3
    assert jcs.first_broken([events[1], events[0], *events[2:]]) == 1
    assert jcs.first_broken(events[1:]) == 1


# -- the formula -----------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, JSON, max_size=5), st.binary(min_size=16, max_size=16))
def test_the_commitment_is_sha256_of_salt_and_canonical_data(data: Any, salt: bytes) -> None:
    assert data_commitment(data, salt=salt.hex()) == jcs.commitment(data, salt.hex())


@given(TEXT, TEXT, st.integers(1, 2**31), TEXT)
def test_the_hash_is_sha256_of_a_zero_byte_and_the_canonical_link(
    type_: str, name: str, seq: int, at: str
) -> None:
    link = Link(
        track_id="trk_1",
        seq=seq,
        prev_hash="0" * 64,
        type=type_,
        actor={"type": "agent", "name": name},
        at=at,
        data_commitment="f" * 64,
    )
    content = {
        "v": 1,
        "track_id": "trk_1",
        "seq": seq,
        "prev_hash": "0" * 64,
        "type": type_,
        "actor": {"type": "agent", "name": name},
        "at": at,
        "data_commitment": "f" * 64,
    }
    assert link.hash() == jcs.link_hash(content)


def test_the_formula_has_not_changed() -> None:
    """Computed once by hand: chains that exist must verify for ever."""
    assert data_commitment({"b": 1, "a": "ü"}, salt="00" * 16) == (
        jcs.sha256(b"\0" * 16, '{"a":"ü","b":1}'.encode())
    )
    link = Link(
        track_id="trk_0",
        seq=1,
        prev_hash="0" * 64,
        type="track.created",
        actor={"type": "agent", "name": "Bookkeeper"},
        at="2026-11-22T10:00:00.000Z",
        data_commitment="0" * 64,
    )
    assert link.hash() == jcs.sha256(
        b'\x00{"actor":{"name":"Bookkeeper","type":"agent"},"at":"2026-11-22T10:00:00.000Z",'
        b'"data_commitment":"' + b"0" * 64 + b'","prev_hash":"' + b"0" * 64 + b'","seq":1,'
        b'"track_id":"trk_0","type":"track.created","v":1}'
    )


@pytest.mark.parametrize("data", [{"n": 2**53}, {"n": float("nan")}, {"n": {1, 2}}, {1: "x"}])
def test_what_has_no_canonical_form_cannot_be_committed_to(data: Any) -> None:
    with pytest.raises((rfc8785.CanonicalizationError, TypeError)):
        data_commitment(data, salt="00")
