"""Processes that are killed between two of their steps: nothing is lost, nothing happens twice."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest

from tests.clients import Agent
from tests.faults import crashing
from tests.server import Installation, Outsider, OutsiderFailed, Process, Web
from tests.waiting.raw import until

CRASHING = {"DJANGO_SETTINGS_MODULE": "tests.faults.crashing"}
BODY = {"kind": "confirm", "prompt": "Go on?"}


@pytest.fixture
def web(place: Installation) -> Iterator[Web]:
    """A server that dies when it is told to."""
    web = place.another_web(**CRASHING)
    yield web
    web.kill()


@pytest.fixture
def worker(place: Installation) -> Iterator[Process]:
    """A worker of one process that dies when it is told to."""
    worker = place.worker("--pool", "solo", **CRASHING)
    until(lambda: "ready." in worker.log, within=30)
    yield worker
    worker.kill()


@pytest.fixture(scope="module")
def sweeper(place: Installation) -> Outsider:
    """A process that sweeps, and never sends pokes to a worker."""
    return place.outsider(**CRASHING | {"REDIS_URL": ""})


@pytest.mark.parametrize("moment", [crashing.BEFORE_CONSUMERS, crashing.AFTER_CONSUMERS])
def test_a_web_process_killed_after_the_commit(
    web: Web, agent: Agent, sweeper: Outsider, place: Installation, moment: str
) -> None:
    track = agent.track()
    path, headers = f"/tracks/{track['id']}/asks", {"Idempotency-Key": moment}
    (place.folder / moment).touch()

    with pytest.raises(httpx2.TransportError):
        agent.http.post(path, json=BODY, headers=headers)

    until(lambda: not web.is_running())
    assert not sweeper.call("mails", track=track["id"])
    sweeper.call("sweep", hours_later=1)
    sweeper.call("sweep", hours_later=1)
    assert len(sweeper.call("mails", track=track["id"])) == 1

    web.restart()
    response = agent.http.post(path, json=BODY, headers=headers)
    assert response.status_code == 201
    assert response.headers["Idempotency-Replayed"] == "true"
    assert sweeper.call("events", track=track["id"]) == [
        "track.created",
        "input_request.created",
        "approver.notified",
    ]
    assert len(sweeper.call("mails", track=track["id"])) == 1


def test_a_sweep_killed_after_it_has_committed_many_timeouts(
    agent: Agent, sweeper: Outsider, place: Installation
) -> None:
    hook = {"url": "https://receiver.example/", "event_types": ["input_request.timeout"]}
    endpoint = agent.http.post("/webhook-endpoints", json=hook).json()["id"]
    asks = [agent.ask(timeout_seconds=1, notify=False) for _ in range(3)]
    sleep_until(asks[-1]["expires_at"])
    (place.folder / crashing.BEFORE_CONSUMERS).touch()

    with pytest.raises(OutsiderFailed, match="The outsider died"):
        place.outsider(**CRASHING).call("sweep_overdue")

    def told() -> list[str]:
        deliveries = agent.http.get(f"/webhook-endpoints/{endpoint}/deliveries").json()["data"]
        return [each["type"] for each in deliveries]

    for ask in asks:
        assert sweeper.call("events", track=ask["track_id"])[2:] == ["input_request.timeout"]
    assert told() == []
    sweeper.call("sweep", hours_later=0)  # the lease still runs
    assert told() == []
    sweeper.call("sweep", hours_later=1)
    sweeper.call("sweep", hours_later=1)
    assert told() == ["input_request.timeout"] * 3
    assert sweeper.call("sweep_overdue") == 0
    agent.http.delete(f"/webhook-endpoints/{endpoint}")


def sleep_until(moment: str) -> None:
    time.sleep(max(0.0, datetime.fromisoformat(moment).timestamp() - time.time()) + 0.01)


def test_a_worker_killed_between_sending_and_writing_it_down(
    web: Web, agent: Agent, worker: Process, sweeper: Outsider, place: Installation
) -> None:
    (place.folder / crashing.AFTER_SENDING).touch()

    ask = agent.ask()

    until(lambda: not worker.is_running(), within=30)
    first = sweeper.call("mails", track=ask["track_id"])
    sweeper.call("sweep", hours_later=0)  # the lease still runs: nobody else sends it meanwhile
    assert sweeper.call("mails", track=ask["track_id"]) == first
    sweeper.call("sweep", hours_later=0.1)
    both = sweeper.call("mails", track=ask["track_id"])

    assert (len(first), len(both)) == (1, 2)
    assert message_id(both[0]) == message_id(both[1])
    assert both[0]["text"] == both[1]["text"]  # the same code, above all
    assert sweeper.call("events", track=ask["track_id"])[-1] == "approver.notified"
    sweeper.call("sweep", hours_later=1)
    assert len(sweeper.call("mails", track=ask["track_id"])) == 2


def message_id(mail: dict[str, Any]) -> str:
    found: str = mail["headers"]["Message-ID"]
    return found


def test_a_mail_that_no_worker_took_is_sent_by_the_sweep(
    web: Web, agent: Agent, sweeper: Outsider
) -> None:
    ask = agent.ask()
    assert not sweeper.call("mails", track=ask["track_id"])

    sweeper.call("sweep", hours_later=0)

    assert len(sweeper.call("mails", track=ask["track_id"])) == 1


def test_an_answer_killed_at_each_of_its_statements(agent: Agent, place: Installation) -> None:
    """Before the commit nothing of it is there, afterwards all of it; the next try settles it."""
    outsider = place.outsider()
    seen = []
    for statement in range(1, 100):
        ask = agent.ask(notify=False)
        died = outsider.call("answer_and_die", ask=ask["id"], statement=statement)
        state = outsider.call("state", ask=ask["id"])
        assert state in (NOTHING, EVERYTHING)
        seen.append(state == EVERYTHING)
        outsider.call("answer", ask=ask["id"], nonce="form")  # the same form once more
        assert outsider.call("state", ask=ask["id"]) == EVERYTHING
        if not died:
            break
    assert not died
    assert len(seen) >= 15
    assert seen == sorted(seen)  # one moment divides before from after
    outsider.call("sweep", hours_later=1)
    place.run("manage.py", "audit", "verify")


NOTHING = {"status": "open", "decisions": 0, "answers": 0, "final_events": 0}
EVERYTHING = {"status": "answered", "decisions": 1, "answers": 1, "final_events": 1}
