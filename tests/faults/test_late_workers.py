"""What is due is done soon with workers, and soon after they are back; each thing once."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.clients import Agent
from tests.server import Installation, Process
from tests.waiting.raw import until


@pytest.fixture
def staff_of_machines(place: Installation) -> Iterator[list[Process]]:
    """A worker and a beat, which start now."""
    processes = [place.worker("--pool", "solo"), place.beat()]
    yield processes
    for each in processes:
        each.kill()


def ended(agent: Agent, ask: dict[str, Any]) -> list[datetime]:
    """Return when timeouts of an ask were recorded."""
    events = agent.http.get(f"/tracks/{ask['track_id']}/events").json()["data"]
    return [
        datetime.fromisoformat(event["at"])
        for event in events
        if event["type"] == "input_request.timeout"
        and (event["data"] or {}).get("ask_id") == ask["id"]
    ]


def test_timeouts_are_recorded_soon_after_workers_are_back_and_then_within_seconds(
    agent: Agent, request: pytest.FixtureRequest
) -> None:
    missed = [agent.ask(timeout_seconds=1, notify=False) for _ in range(5)]
    until(lambda: agent.http.get(f"/asks/{missed[-1]['id']}").json()["status"] == "timeout")
    assert [ended(agent, ask) for ask in missed] == [[]] * 5

    request.getfixturevalue("staff_of_machines")

    until(lambda: all(ended(agent, ask) for ask in missed), within=60)
    ask = agent.ask(timeout_seconds=2, notify=False)
    until(lambda: bool(ended(agent, ask)), within=10)
    late = ended(agent, ask)[0] - datetime.fromisoformat(ask["expires_at"])
    assert 0 <= late.total_seconds() <= 5
    assert [len(ended(agent, each)) for each in (*missed, ask)] == [1] * 6
