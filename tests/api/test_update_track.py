"""PATCH /tracks/{id}."""

from typing import Any

import pytest
from django.contrib.auth.hashers import check_password

from tests.api.agent import Agent
from tests.api.refused import UNSAFE, code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, kinds
from tracks.models import Event, Track, Workspace


def path(track: Track) -> str:
    return f"/tracks/{track.public_id}"


def last_event(track: Track) -> Event:
    return Event.objects.filter(track=track).latest("seq")


def test_title_address_and_metadata_are_changed_by_one_event(
    agent: Agent, track: Track, clock: Clock
) -> None:
    before = agent.get(path(track)).json()
    clock.move(days=1)
    response = agent.patch(
        path(track),
        {"title": "New", "customer_email": "ceo@acme.com", "metadata": {"n": 1}},
    )
    assert response.status_code == 200
    assert response.json() == before | {
        "title": "New",
        "customer_email": "ceo@acme.com",
        "metadata": {"n": 1},
        "seq": 2,
        "updated_at": "2026-11-23T10:00:00.000Z",
    }
    assert agent.get(path(track)).json() == response.json()
    assert kinds(track) == ["track.created", "track.updated"]
    assert last_event(track).data == {
        "changed": ["customer_email", "metadata", "title"],
        "title": "New",
        "customer_email": "ceo@acme.com",
    }


def test_what_is_not_named_stays(agent: Agent, track: Track) -> None:
    body = agent.patch(path(track), {"title": "New"}).json()
    assert body["customer_email"] == track.customer_email


@pytest.mark.parametrize(
    "body", [{}, {"title": "Vendor invoice batch"}, {"customer_email": "cfo@acme.com"}]
)
def test_what_stays_the_same_is_no_change(agent: Agent, track: Track, body: Any) -> None:
    with nothing_written():
        response = agent.patch(path(track), body)
    assert response.status_code == 200
    assert response.json()["seq"] == 1


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), ({}, []), ("1", 1)])
def test_metadata_changes_when_its_json_does(
    agent: Agent, workspace: Workspace, old: Any, new: Any
) -> None:
    track = TrackFactory(workspace=workspace, metadata={"n": old})
    content = agent.patch(path(track), {"metadata": {"n": new}}).json()["metadata"]["n"]
    assert (content, type(content)) == (new, type(new))
    assert kinds(track) == ["track.created", "track.updated"]


def test_an_address_can_be_taken_away(agent: Agent, track: Track) -> None:
    assert agent.patch(path(track), {"customer_email": None}).json()["customer_email"] is None
    assert last_event(track).data == {"changed": ["customer_email"], "customer_email": None}


def test_a_password_is_set_changed_and_cleared(agent: Agent, track: Track) -> None:
    assert agent.patch(path(track), {"password": "correct horse"}).json()["password_protected"]
    assert last_event(track).data == {"changed": ["password"], "password_protected": True}
    agent.patch(path(track), {"password": "another horse"})
    track.refresh_from_db()
    assert check_password("another horse", track.password_hash)
    assert not check_password("correct horse", track.password_hash)
    body = agent.patch(path(track), {"password": None}).json()
    assert body["password_protected"] is False
    assert last_event(track).data == {"changed": ["password"], "password_protected": False}
    track.refresh_from_db()
    assert track.password_hash is None


def test_clearing_a_password_that_is_not_there_is_no_change(agent: Agent, track: Track) -> None:
    with nothing_written():
        assert agent.patch(path(track), {"password": None}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"title": None}, "title", "null"),
        ({"title": ""}, "title", "blank"),
        ({"title": "x" * 201}, "title", "max_length"),
        ({"title": 1}, "title", "type"),
        ({"customer_email": "nobody"}, "customer_email", "email"),
        ({"customer_email": ""}, "customer_email", "blank"),
        ({"metadata": None}, "metadata", "null"),
        ({"metadata": {"k": "x" * 4089}}, "metadata", "max_length"),
        ({"metadata": []}, "metadata", "type"),
        ({"password": "1234567"}, "password", "min_length"),
        ({"password": "x" * 129}, "password", "max_length"),
        ({"password": 12345678}, "password", "type"),
        ({"steps": ["x"]}, "steps", "unknown_field"),
        ({"external_id": "x"}, "external_id", "unknown_field"),
        ({"requester": "a@b.com"}, "requester", "unknown_field"),
        ({"status": "completed"}, "status", "unknown_field"),
        ({"title": "New", "seq": 7}, "seq", "unknown_field"),
    ],
)
def test_a_bad_value_changes_nothing(
    agent: Agent, track: Track, body: Any, field: str, code: str
) -> None:
    with nothing_written():
        response = agent.patch(path(track), body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


@pytest.mark.parametrize("field", ["title", "password"])
def test_deceptive_text_is_refused(agent: Agent, track: Track, field: str) -> None:
    with nothing_written():
        response = agent.patch(path(track), {field: f"1234567{UNSAFE}8"})
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["detail"] == "U+202E at offset 7 is not allowed here."
    assert response.json()["field"] == field


def test_the_requester_cannot_become_the_customer(agent: Agent, workspace: Workspace) -> None:
    track = TrackFactory(workspace=workspace, requester="clerk@acme.com")
    with nothing_written():
        response = agent.patch(path(track), {"customer_email": "Clerk@ACME.com"})
    assert code_of(response) == (422, "self_approval")
    assert error_of(response) == ("customer_email", "self_approval")


def test_the_address_stays_while_an_ask_to_it_is_open(agent: Agent, track: Track) -> None:
    ask = AskFactory(track=track)
    for address in ("ceo@acme.com", None):
        with nothing_written():
            response = agent.patch(path(track), {"title": "New", "customer_email": address})
        assert code_of(response) == (409, "already_awaiting")
        assert response.json()["open_ask_id"] == ask.public_id


def test_everything_else_may_change_while_an_ask_is_open(agent: Agent, track: Track) -> None:
    AskFactory(track=track)
    assert agent.patch(path(track), {"title": "New"}).status_code == 200


def test_the_address_may_change_while_somebody_else_is_asked(agent: Agent, track: Track) -> None:
    AskFactory(track=track, approvers=["ceo@acme.com"])
    assert agent.patch(path(track), {"customer_email": "cto@acme.com"}).status_code == 200


def test_the_address_may_change_once_the_ask_is_overdue_and_the_timeout_is_recorded(
    agent: Agent, track: Track, clock: Clock
) -> None:
    AskFactory(track=track, timeout_seconds=60)
    clock.move(seconds=60)
    assert agent.patch(path(track), {"customer_email": "ceo@acme.com"}).status_code == 200
    assert kinds(track)[-2:] == ["input_request.timeout", "track.updated"]


def test_a_closed_track_does_not_change(agent: Agent, track: Track) -> None:
    agent.post(f"{path(track)}/complete")
    for body in ({"title": "New"}, {"password": None}, {}):
        with nothing_written():
            response = agent.patch(path(track), body)
        assert code_of(response) == (409, "track_closed")
