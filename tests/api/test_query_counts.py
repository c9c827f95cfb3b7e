"""How many queries the hot calls take. A number that grows is a decision, not an accident.

The clock stands still here; on PostgreSQL each look at it is one query more.
"""

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.api.agent import Agent
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, approver_of, evidence_of
from tracks.models import Workspace

TRACK = {"title": "A", "steps": ["Fetch", "Parse", "Approve"], "customer_email": "cfo@acme.com"}
ASK = {"kind": "confirm", "prompt": "Approve?", "config": {"summary": {"a": "1"}}}


@pytest.fixture(autouse=True)
def _known_key(agent: Agent, clock: Clock) -> None:
    """The key has been looked up a moment ago."""
    agent.get("/tracks/x")


@pytest.fixture
def track_id(workspace: Workspace) -> str:
    """A track whose customer has been asked before, elsewhere."""
    AskFactory(track=TrackFactory(workspace=workspace))
    return TrackFactory(workspace=workspace, steps=TRACK["steps"]).public_id


@pytest.fixture
def ask_id(agent: Agent, track_id: str) -> str:
    ask_id: str = agent.post(f"/tracks/{track_id}/asks", ASK).json()["id"]
    return ask_id


def test_create_track(agent: Agent, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(8):
        assert agent.post("/tracks", TRACK).status_code == 201


def test_create_track_with_an_idempotency_key(
    agent: Agent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    lock = 1 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(10 + lock):
        agent.post("/tracks", TRACK, Idempotency_Key="k")
    with django_assert_num_queries(1 + lock):
        agent.post("/tracks", TRACK, Idempotency_Key="k")


def test_get_track(
    agent: Agent, track_id: str, ask_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):
        assert agent.get(f"/tracks/{track_id}").json()["open_ask"]["id"] == ask_id


def test_list_25_tracks(
    agent: Agent, workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(25):
        AskFactory(track=TrackFactory(workspace=workspace, steps=["x"]))
    with django_assert_num_queries(4):
        assert len(agent.get("/tracks").json()["data"]) == 25


def test_change_a_step(
    agent: Agent, track_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(10):
        agent.post(f"/tracks/{track_id}/steps/0/start")


def test_log_an_action(
    agent: Agent, track_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):
        agent.post(f"/tracks/{track_id}/actions", {"text": "x"})


def test_read_events(
    agent: Agent, track_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        agent.get(f"/tracks/{track_id}/events")


def test_open_ask(
    agent: Agent, track_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(14):
        assert agent.post(f"/tracks/{track_id}/asks", ASK).status_code == 201


def test_get_ask(
    agent: Agent, ask_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        assert agent.get(f"/asks/{ask_id}").status_code == 200


def test_list_25_asks(
    agent: Agent, workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(25):
        ask = AskFactory(track=TrackFactory(workspace=workspace))
        if number % 2:
            answer(ask, True)
    with django_assert_num_queries(2):
        assert len(agent.get("/asks").json()["data"]) == 25


def test_cancel_ask(
    agent: Agent, ask_id: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(10):
        assert agent.post(f"/asks/{ask_id}/cancel").status_code == 200


def test_answer_ask(
    workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ask = AskFactory(track=TrackFactory(workspace=workspace))
    evidence = evidence_of(approver_of(ask))
    with django_assert_num_queries(10):
        answer(ask, True, evidence=evidence)


def test_queue_of_25(
    agent: Agent, workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(25):
        AskFactory(track=TrackFactory(workspace=workspace))
    with django_assert_num_queries(3):
        assert agent.get("/queue?approver=cfo@acme.com").json()["count"] == 25
