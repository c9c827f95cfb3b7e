"""GET /tracks/{id}/events, without waiting."""

from typing import Any

import pytest

from tests.api.agent import Agent
from tests.api.refused import code_of, error_of
from tests.factories import TrackFactory, say
from tracks.models import EventData, Track


def feed(agent: Agent, track: Track, query: str = "") -> Any:
    response = agent.get(f"/tracks/{track.public_id}/events{query}")
    assert response.status_code == 200
    return response.json()


def seqs(page: Any) -> list[int]:
    return [event["seq"] for event in page["data"]]


@pytest.fixture
def busy(track: Track) -> Track:
    """A track with five events."""
    for number in range(4):
        say(track, f"{number}")
    return track


def test_events_come_in_order_and_last_seq_leads_on(agent: Agent, busy: Track) -> None:
    first = feed(agent, busy, "?limit=2")
    second = feed(agent, busy, f"?limit=2&after={first['last_seq']}")
    third = feed(agent, busy, f"?limit=2&after={second['last_seq']}")
    assert [seqs(each) for each in (first, second, third)] == [[1, 2], [3, 4], [5]]
    assert feed(agent, busy, "?after=5") == {"data": [], "last_seq": 5}


def test_who_asks_beyond_the_end_is_told_where_the_end_is(agent: Agent, busy: Track) -> None:
    assert feed(agent, busy, "?after=99") == {"data": [], "last_seq": 5}


def test_each_event_names_its_track_and_its_place_in_the_chain(agent: Agent, busy: Track) -> None:
    events = feed(agent, busy)["data"]
    assert [event["type"] for event in events] == ["track.created"] + ["action.logged"] * 4
    assert {event["track_id"] for event in events} == {busy.public_id}
    assert events[0]["prev_hash"] == "0" * 64
    assert [event["prev_hash"] for event in events[1:]] == [event["hash"] for event in events[:-1]]


def test_an_erased_event_says_so(agent: Agent, busy: Track) -> None:
    EventData.objects.filter(event__track=busy, event__seq=2).delete()
    events = feed(agent, busy)["data"]
    assert (events[1]["data"], events[1]["erased"]) == (None, True)
    assert "erased" not in events[0]


def test_a_page_has_a_hundred_events_unless_more_are_asked_for(agent: Agent, track: Track) -> None:
    for number in range(100):
        say(track, f"{number}")
    assert len(feed(agent, track)["data"]) == 100
    assert len(feed(agent, track, "?limit=500")["data"]) == 101


def test_a_closed_track_can_still_be_read(agent: Agent, busy: Track) -> None:
    agent.post(f"/tracks/{busy.public_id}/complete")
    assert seqs(feed(agent, busy)) == [1, 2, 3, 4, 5, 6]


def test_other_tracks_do_not_show(agent: Agent, busy: Track, workspace: object) -> None:
    other = TrackFactory(workspace=workspace)
    assert seqs(feed(agent, other)) == [1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=-1", "after"),
        ("after=abc", "after"),
        ("after=", "after"),
        ("after=1.5", "after"),
        ("after=2147483648", "after"),
        ("wait=26", "wait"),
        ("wait=-1", "wait"),
        ("wait=abc", "wait"),
        ("wait=0.5", "wait"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
    ],
)
def test_a_bad_parameter_is_refused(agent: Agent, track: Track, query: str, field: str) -> None:
    response = agent.get(f"/tracks/{track.public_id}/events?{query}")
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == field


@pytest.mark.parametrize("query", ["after=2147483647", "wait=0", "limit=1", "limit=500", "foo=1"])
def test_a_parameter_at_its_limit_is_taken(agent: Agent, track: Track, query: str) -> None:
    feed(agent, track, f"?{query}")
