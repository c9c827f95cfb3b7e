"""What an agent is told when we fail: 500 and 503, and nothing of ours."""

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from tests.api.agent import Agent
from tests.api.calls import CALLS, Call
from tests.api.refused import code_of
from tracks import api as tracks_api
from tracks import authentication
from tracks.models import Track


def failing(error: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [OperationalError("connection lost"), InterfaceError("closed")])
def test_a_database_that_is_gone_makes_us_unavailable(
    agent: Agent, track: Track, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """CO-12."""
    monkeypatch.setattr(tracks_api, "track_json", failing(error))
    response = agent.get(f"/tracks/{track.public_id}")
    assert code_of(response) == (503, "unavailable")
    assert response.headers["Retry-After"] == "2"
    assert "connection" not in response.content.decode()


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_so_does_one_that_is_gone_before_the_key_is_known(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setattr(authentication, "database_now", failing(OperationalError("refused")))
    assert code_of(call.make(agent, track="x", ask="x")) == (503, "unavailable")


def test_a_bug_is_an_internal_error_that_tells_nothing(
    agent: Agent, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SE-11."""
    monkeypatch.setattr(tracks_api, "track_json", failing(RuntimeError("s3cret")))
    client = Client(raise_request_exception=False)
    response = client.get(
        f"/api/v1/tracks/{track.public_id}", headers={"Authorization": f"Bearer {agent.key}"}
    )
    assert code_of(response) == (500, "internal")
    assert "s3cret" not in response.content.decode()
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
