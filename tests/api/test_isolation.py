"""One workspace cannot see, change or even notice another's objects (API-16)."""

import pytest

from tests.api.agent import Agent
from tests.api.calls import ASK_ID, CALLS, ON_OBJECTS, TRACK_ID, Call
from tests.api.refused import code_of, nothing_written
from tests.factories import AskFactory, TrackFactory, answer
from tracks.models import Workspace


@pytest.mark.parametrize("call", ON_OBJECTS, ids=str)
@pytest.mark.parametrize("is_answered", [False, True])
def test_someone_elses_object_is_not_found_just_like_none(
    workspace: Workspace, stranger: Agent, call: Call, is_answered: bool
) -> None:
    ask = AskFactory(track=TrackFactory(workspace=workspace, steps=["x"]))
    if is_answered:
        answer(ask, True)
    with nothing_written():
        theirs = call.make(stranger, track=ask.track.public_id, ask=ask.public_id)
        nobodys = call.make(stranger, track=TRACK_ID, ask=ASK_ID)
    assert code_of(theirs) == (404, "not_found")
    assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}


@pytest.mark.parametrize("call", ON_OBJECTS, ids=str)
def test_an_idempotency_key_opens_no_door(
    agent: Agent, stranger: Agent, workspace: Workspace, call: Call
) -> None:
    ask = AskFactory(track=TrackFactory(workspace=workspace, steps=["x"]))
    ids = {"track": ask.track.public_id, "ask": ask.public_id}
    call.make(agent, **ids, Idempotency_Key="k")
    assert code_of(call.make(stranger, **ids, Idempotency_Key="k")) == (404, "not_found")


@pytest.mark.parametrize("path", ["/tracks", "/asks"])
def test_lists_do_not_leak(workspace: Workspace, stranger: Agent, path: str) -> None:
    ask = AskFactory(track=TrackFactory(workspace=workspace, external_id="x"))
    for query in (
        "",
        "?external_id=x",
        "?status=active",
        f"?track={ask.track.public_id}",
        "?approver=cfo@acme.com",
    ):
        if path == "/asks" and query == "?status=active":
            continue
        assert stranger.get(path + query).json() == {"data": [], "next_cursor": None}


def test_a_cursor_of_another_workspace_shows_only_ones_own(
    agent: Agent, stranger: Agent, workspace: Workspace
) -> None:
    own = stranger.post("/tracks", {"title": "A"}).json()
    for _ in range(2):
        TrackFactory(workspace=workspace)
    cursor = agent.get("/tracks?limit=1").json()["next_cursor"]
    assert stranger.get(f"/tracks?cursor={cursor}").json()["data"] == [own]


def test_all_calls_are_listed_here() -> None:
    assert {call.name for call in CALLS} - {call.name for call in ON_OBJECTS} == {
        "create_track",
        "list_tracks",
        "list_asks",
    }
