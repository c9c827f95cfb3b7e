"""GET /tracks."""

import pytest

from tests.api.agent import Agent
from tests.api.refused import code_of, error_of
from tests.factories import TrackFactory
from tracks.models import Workspace


def ids(agent: Agent, query: str = "") -> list[str]:
    response = agent.get(f"/tracks{query}")
    assert response.status_code == 200
    return [track["id"] for track in response.json()["data"]]


def test_an_empty_workspace_has_an_empty_page(agent: Agent) -> None:
    assert agent.get("/tracks").json() == {"data": [], "next_cursor": None}


def test_tracks_are_listed_newest_first_each_as_it_is_read_alone(agent: Agent) -> None:
    created = [agent.post("/tracks", {"title": f"{n}", "steps": ["x"]}).json() for n in range(3)]
    page = agent.get("/tracks").json()
    assert page == {"data": created[::-1], "next_cursor": None}


def test_tracks_are_filtered_by_status(agent: Agent, workspace: Workspace) -> None:
    active, completed, failed = (TrackFactory(workspace=workspace).public_id for _ in range(3))
    agent.post(f"/tracks/{completed}/complete")
    agent.post(f"/tracks/{failed}/fail", {"reason": "No."})
    assert ids(agent, "?status=active") == [active]
    assert ids(agent, "?status=completed") == [completed]
    assert ids(agent, "?status=failed") == [failed]


def test_a_track_is_found_by_its_external_id(agent: Agent, workspace: Workspace) -> None:
    TrackFactory(workspace=workspace)
    wanted = TrackFactory(workspace=workspace, external_id="caf\u00e9 & 7")
    assert ids(agent, "?external_id=caf%C3%A9%20%26%207") == [wanted.public_id]
    assert ids(agent, "?external_id=cafe%CC%81%20%26%207") == [wanted.public_id]
    assert ids(agent, "?external_id=CAF%C3%89%20%26%207") == []


def test_filters_add_up(agent: Agent, workspace: Workspace) -> None:
    TrackFactory(workspace=workspace, external_id="x")
    assert ids(agent, "?external_id=x&status=completed") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=foo", "status"),
        ("status=", "status"),
        ("status=Active", "status"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%201", "limit"),
        ("limit=1_0", "limit"),
        ("limit=٣", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("cursor=garbage", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=%00", "cursor"),
        ("external_id=", "external_id"),
        ("external_id=" + "x" * 256, "external_id"),
    ],
)
def test_a_parameter_that_is_not_one_of_its_values_is_refused(
    agent: Agent, query: str, field: str
) -> None:
    response = agent.get(f"/tracks?{query}")
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == field


@pytest.mark.parametrize("character", ["%00", "%E2%80%AE", "%0A"])
def test_an_external_id_that_cannot_exist_is_refused(agent: Agent, character: str) -> None:
    response = agent.get(f"/tracks?external_id=a{character}")
    assert code_of(response) == (422, "unsafe_text")
    assert error_of(response)[0] == "external_id"


@pytest.mark.parametrize("query", ["foo=1", "format=xml", "wait=abc", "after=-1", "_=1", "%00=1"])
def test_an_unknown_parameter_is_ignored(agent: Agent, query: str) -> None:
    assert ids(agent, f"?{query}") == []
