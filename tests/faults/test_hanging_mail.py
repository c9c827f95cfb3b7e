"""A mail server that takes connections and says nothing keeps no timeout from being recorded."""

import socket
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.clients import Agent
from tests.server import Installation, Process, installed
from tests.waiting.raw import until

MANY = 12  # mails that are due at once; the worker has one slot


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A mail server that never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server


@pytest.fixture
def place() -> Iterator[Installation]:
    with installed() as place:
        yield place


@pytest.fixture
def agent(place: Installation, silent: socket.socket) -> Agent:
    key = place.outsider().call("issue_key")["key"]
    return Agent(place.web(**settings(silent)), key)


@pytest.fixture
def workers(place: Installation, silent: socket.socket) -> Iterator[list[Process]]:
    processes = [place.worker("--pool", "solo", **settings(silent)), place.beat()]
    yield processes
    for each in processes:
        each.kill()


def settings(server: socket.socket) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "tests.faults.only_workers",
        "EMAIL_URL": f"smtp://127.0.0.1:{server.getsockname()[1]}",
    }


def test_timeouts_are_recorded_within_seconds_while_mail_hangs(
    agent: Agent, silent: socket.socket, workers: list[Process]
) -> None:
    for _ in range(MANY):
        agent.ask()
    calls = [silent.accept()[0] for _ in range(2)]  # mail is hanging now

    ask = agent.ask(timeout_seconds=1, notify=False)
    path = f"/tracks/{ask['track_id']}/events"
    ended: list[str] = []

    def is_recorded() -> bool:
        events = agent.http.get(path).json()["data"]
        ended.extend(each["at"] for each in events if each["type"] == "input_request.timeout")
        return bool(ended)

    until(is_recorded, within=60)
    late = datetime.fromisoformat(ended[0]) - datetime.fromisoformat(ask["expires_at"])
    assert 0 <= late.total_seconds() <= 5
    for call in calls:
        call.close()
