"""429 per key (API-15)."""

import pytest

from config import throttles
from config.throttles import TokenBuckets
from tests.api.agent import Agent
from tests.api.calls import CALLS, Call
from tests.api.refused import code_of, nothing_written
from tests.factories import issue_key
from tracks import authentication
from tracks.models import Workspace


class Uptime:
    """The clock of this process, which fills the buckets."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def uptime(monkeypatch: pytest.MonkeyPatch) -> Uptime:
    standing = Uptime()
    monkeypatch.setattr(throttles, "time", standing)
    monkeypatch.setattr(authentication, "_buckets", TokenBuckets(rate=2))
    return standing


def test_past_the_rate_a_key_is_told_when_to_come_back(agent: Agent, uptime: Uptime) -> None:
    assert [agent.get("/tracks").status_code for _ in range(2)] == [200, 200]
    response = agent.get("/tracks")
    assert code_of(response) == (429, "rate_limited")
    assert response.headers["Retry-After"] == "1"
    assert response.headers["RateLimit"] == '"key";r=0;t=1'
    assert response.headers["RateLimit-Policy"] == '"key";q=2;w=1'


def test_the_rate_is_an_average_and_nothing_is_saved_up(agent: Agent, uptime: Uptime) -> None:
    for _ in range(2):
        agent.get("/tracks")
    uptime.seconds += 0.49
    assert agent.get("/tracks").status_code == 429
    uptime.seconds += 0.01
    assert agent.get("/tracks").status_code == 200
    uptime.seconds += 3600
    assert [agent.get("/tracks").status_code for _ in range(3)] == [200, 200, 429]


def test_each_key_has_a_rate_of_its_own(agent: Agent, workspace: Workspace, uptime: Uptime) -> None:
    colleague = Agent(issue_key(workspace))
    for _ in range(3):
        agent.get("/tracks")
    assert colleague.get("/tracks").status_code == 200


def test_who_has_no_valid_key_uses_up_nobodys_rate(agent: Agent, uptime: Uptime) -> None:
    assert agent.key is not None
    for _ in range(5):
        assert Agent(agent.key[:-1]).get("/tracks").status_code == 401
    assert agent.get("/tracks").status_code == 200


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_every_call_counts_and_a_refused_one_does_nothing(
    agent: Agent, uptime: Uptime, call: Call
) -> None:
    for _ in range(2):
        call.make(agent, track="x", ask="x")
    with nothing_written():
        assert call.make(agent, track="x", ask="x").status_code == 429
