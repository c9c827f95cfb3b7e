"""What an open page is told: that something changed, never what."""

import json
from typing import Any

import pytest

from approvals.live import LiveState, read_state
from tests.api.refused import nothing_written
from tests.approvals.proving import Browser
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer
from tracks.models import Track
from tracks.transitions import complete_track


@pytest.fixture
def track(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace)


def state(track: Track) -> LiveState:
    with nothing_written():
        found = read_state(track.slug, None)
    assert found is not None
    return found


def test_a_track_without_an_ask(track: Track) -> None:
    assert state(track) == LiveState(track.pk, 1, None, None, is_closed=False)


def test_the_state_follows_the_ask_and_the_track(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track)
    assert state(track) == LiveState(track.pk, 2, ask.public_id, "open", is_closed=False)
    answer(ask, True)
    assert state(track) == LiveState(track.pk, 3, ask.public_id, "answered", is_closed=False)
    complete_track(track_id=track.pk, workspace_id=track.workspace_id, summary=None, actor=AGENT)
    assert state(track) == LiveState(track.pk, 4, ask.public_id, "answered", is_closed=True)


def test_an_overdue_ask_is_told_as_timed_out(track: Track, clock: Clock) -> None:
    AskFactory(track=track, timeout_seconds=1)
    clock.move(seconds=1)
    assert state(track).status == "timeout"


@pytest.mark.parametrize("slug", ["", "x", "x" * 22, "x" * 5000, "\0", "é", "../x"])
def test_an_unknown_slug_has_no_state(db: None, slug: str) -> None:
    assert read_state(slug, None) is None


def test_behind_a_password_there_is_none_until_it_is_given(workspace: Any, clock: Clock) -> None:
    """SE-16: and none after it was changed."""
    track = TrackFactory(workspace=workspace, password="correct horse")
    browser = Browser()
    assert read_state(track.slug, None) is None
    browser.unlock(track, "correct horse")
    assert read_state(track.slug, browser.viewer) is not None
    clock.move(days=7)
    assert read_state(track.slug, browser.viewer) is None


def test_an_event_has_no_text_of_anybodys(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track, prompt="Who goes?")
    text = state(track).as_event()
    first, second, *rest = text.split("\n")
    assert (first, rest) == ("event: change", ["", ""])
    assert json.loads(second.removeprefix("data: ")) == {
        "seq": 2,
        "ask": ask.public_id,
        "status": "open",
        "closed": False,
    }
