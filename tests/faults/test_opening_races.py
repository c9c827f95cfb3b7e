"""Many at once open something of which there can be only one."""

from functools import partial

import pytest

from approvals.models import Ask
from approvals.refusals import AlreadyAwaiting
from tests.clients import Agent
from tests.factories import AGENT, AskFactory, TrackFactory, WorkspaceFactory, kinds
from tests.faults.racing import at_once, at_once_in_database, count
from tracks.models import Track
from tracks.transitions import ExternalIdTaken, NewTrack, create_track


def test_of_twenty_asks_on_one_track_one_is_opened(shared_database: None) -> None:
    track = TrackFactory()

    results = at_once_in_database(*[partial(AskFactory, track=track)] * 20)

    opened = [each for each in results if isinstance(each, Ask)]
    refused = [each for each in results if isinstance(each, AlreadyAwaiting)]
    assert (len(opened), len(refused)) == (1, 19)
    assert {each.members["open_ask_id"] for each in refused} == {opened[0].public_id}
    assert kinds(track) == ["track.created", "input_request.created"]


def test_of_twenty_asks_with_one_key_one_is_opened_and_returned_to_all(
    shared_database: None,
) -> None:
    track = TrackFactory()

    results = at_once_in_database(*[partial(AskFactory, track=track, key="step-1")] * 20)

    assert count(results) == {"Ask": 20}
    assert len({ask.pk for ask in results}) == 1
    assert kinds(track) == ["track.created", "input_request.created"]


def test_of_twenty_tracks_with_one_external_id_one_is_opened_and_returned_to_all(
    shared_database: None,
) -> None:
    new = NewTrack(title="Batch", external_id="run-1")
    create = partial(create_track, workspace_id=WorkspaceFactory().pk, new=new, actor=AGENT)

    results = at_once_in_database(*[create] * 20)

    assert count(results) == {"tuple": 20}
    assert sorted(created for _, created in results) == [False] * 19 + [True]
    assert len({track.pk for track, _ in results}) == 1
    assert kinds(Track.objects.get()) == ["track.created"]


def test_of_ten_different_tracks_with_one_external_id_one_is_opened(shared_database: None) -> None:
    workspace_id = WorkspaceFactory().pk
    news = [NewTrack(title=f"Batch {index}", external_id="run-1") for index in range(10)]

    results = at_once_in_database(
        *[partial(create_track, workspace_id=workspace_id, new=new, actor=AGENT) for new in news]
    )

    refused = [each for each in results if isinstance(each, ExternalIdTaken)]
    assert len(refused) == 9
    assert {each.members["track_id"] for each in refused} == {Track.objects.get().public_id}


def test_twenty_agents_over_http(agent: Agent) -> None:
    track = agent.track()
    ask = {"kind": "confirm", "prompt": "Go on?"}

    results = at_once(*[partial(agent.http.post, f"/tracks/{track['id']}/asks", json=ask)] * 20)

    assert sorted(each.status_code for each in results) == [201] + [409] * 19
    opened = next(each.json()["id"] for each in results if each.status_code == 201)
    refused = [each.json() for each in results if each.status_code == 409]
    assert {each["code"] for each in refused} == {"already_awaiting"}
    assert {each["open_ask_id"] for each in refused} == {opened}


@pytest.mark.parametrize("what", ["external_id", "Idempotency-Key"])
def test_twenty_agents_create_one_track_over_http(agent: Agent, what: str) -> None:
    body = {"title": f"Made once by {what}"}
    headers = {}
    if what == "external_id":
        body |= {"external_id": "race"}
    else:
        headers = {"Idempotency-Key": "race"}

    results = at_once(*[partial(agent.http.post, "/tracks", json=body, headers=headers)] * 20)

    made = [each for each in results if each.status_code in (200, 201)]
    in_flight = [each for each in results if each.status_code == 409]
    assert len(made) + len(in_flight) == 20
    assert {each.json()["code"] for each in in_flight} <= {"idempotency_in_flight"}
    assert len({each.json()["id"] for each in made}) == 1
    listed = agent.http.get("/tracks?limit=100").json()["data"]
    assert [each["title"] for each in listed].count(body["title"]) == 1
