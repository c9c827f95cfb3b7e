"""GET /tracks/{id}."""

import pytest

from tests.api.agent import Agent
from tests.api.refused import code_of
from tests.factories import AskFactory, TrackFactory
from tracks.models import Track


def test_a_track_is_read_as_it_was_created(agent: Agent) -> None:
    created = agent.post("/tracks", {"title": "A", "steps": ["x"], "metadata": {"k": [1]}}).json()
    response = agent.get(f"/tracks/{created['id']}")
    assert (response.status_code, response.json()) == (200, created)


def test_steps_come_in_their_order(agent: Agent) -> None:
    titles = [f"{n}" for n in range(50)]
    created = agent.post("/tracks", {"title": "A", "steps": titles}).json()
    steps = agent.get(f"/tracks/{created['id']}").json()["steps"]
    assert [(step["index"], step["title"]) for step in steps] == list(enumerate(titles))


def test_a_track_shows_its_open_ask_as_the_ask_itself_is_read(agent: Agent, track: Track) -> None:
    ask = AskFactory(track=track)
    shown = agent.get(f"/tracks/{track.public_id}").json()["open_ask"]
    assert shown == agent.get(f"/asks/{ask.public_id}").json()
    assert shown["status"] == "open"


def test_a_track_whose_ask_is_closed_shows_none(agent: Agent, track: Track) -> None:
    ask = AskFactory(track=track)
    agent.post(f"/asks/{ask.public_id}/cancel")
    assert agent.get(f"/tracks/{track.public_id}").json()["open_ask"] is None


def test_a_protected_track_tells_that_it_is_and_no_more(agent: Agent, workspace: object) -> None:
    track = TrackFactory(workspace=workspace, password="correct horse")
    body = agent.get(f"/tracks/{track.public_id}").content.decode()
    assert '"password_protected":true' in body
    assert "argon2" not in body


@pytest.mark.parametrize(
    "track_id",
    [
        "trk_" + "0" * 32,
        "trk_" + "0" * 31,
        "trk_" + "A" * 32,
        "ask_{hex}",
        "{hex}",
        "trk_{upper}",
        "trk_{hex}0",
        "trk-{hex}",
        "%00",
        "é",
        "..",
    ],
)
def test_what_is_no_track_of_ours_is_not_found(agent: Agent, track: Track, track_id: str) -> None:
    path = track_id.format(hex=track.pk.hex, upper=track.pk.hex.upper())
    assert code_of(agent.get(f"/tracks/{path}")) == (404, "not_found")
