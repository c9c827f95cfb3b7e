"""Agents that use the SDK: they outlive a restart of the server, and their own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients import Agent, Browser
from tests.server import Installation, Outsider, Process, Web
from tests.waiting.raw import until

PROGRAM = ["-m", "tests.faults.agent_program"]


@pytest.fixture
def web(place: Installation) -> Iterator[Web]:
    """A server of this test alone: it is restarted in it."""
    web = place.another_web()
    yield web
    web.kill()


class Program:
    """The agent program, for one external_id."""

    def __init__(self, place: Installation, web: Web, key: str, external_id: str) -> None:
        self._place, self._external_id = place, external_id
        self._env = {"SAYSO_BASE_URL": web.base_url, "SAYSO_API_KEY": key}

    def start(self, verb: str = "ask") -> Process:
        return self._place.process(
            f"agent-{self._external_id}-{verb}", *PROGRAM, verb, self._external_id, **self._env
        )

    def open_ask(self, agent: Agent) -> dict[str, Any] | None:
        """Return the ask it waits for, once it is open."""
        tracks = agent.http.get(f"/tracks?external_id={self._external_id}").json()["data"]
        ask: dict[str, Any] | None = tracks[0]["open_ask"] if tracks else None
        return ask


def answer_of(process: Process) -> dict[str, Any]:
    until(lambda: not process.is_running(), within=30)
    answer: dict[str, Any] = json.loads(process.log.splitlines()[-1])
    return answer


@pytest.fixture
def program(place: Installation, web: Web, key: str, request: pytest.FixtureRequest) -> Program:
    return Program(place, web, key, request.node.name)


def blocked(program: Program, agent: Agent) -> dict[str, Any]:
    until(lambda: program.open_ask(agent) is not None, within=30)
    ask = program.open_ask(agent)
    assert ask is not None
    return ask


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_blocked_call_outlives_a_restart_of_the_server(
    end: str, program: Program, web: Web, agent: Agent, outsider: Outsider
) -> None:
    process = program.start()
    ask = blocked(program, agent)

    getattr(web, end)()
    web.restart()

    assert process.is_running()
    assert Browser(web, outsider, ask["id"]).answer("true").status_code == 303
    assert answer_of(process) == {"status": "answered", "value": True}


def test_an_answer_given_while_the_server_was_away_arrives(
    program: Program, web: Web, agent: Agent, outsider: Outsider
) -> None:
    process = program.start()
    ask = blocked(program, agent)

    web.kill()
    outsider.call("answer", ask=ask["id"], value=False)
    web.restart()

    assert answer_of(process) == {"status": "answered", "value": False}


def test_an_agent_that_was_killed_finds_the_same_ask_again(
    program: Program, web: Web, agent: Agent, outsider: Outsider
) -> None:
    first = program.start()
    ask = blocked(program, agent)
    first.kill()

    second = program.start()
    until(lambda: second.log.count("asking") == 2, within=30)
    assert Browser(web, outsider, ask["id"]).answer("true").status_code == 303

    assert answer_of(second) == {"status": "answered", "value": True}
    assert len(agent.http.get(f"/asks?track={ask['track_id']}").json()["data"]) == 1


def test_an_agent_that_was_killed_finds_the_answer_it_missed(
    program: Program, agent: Agent, outsider: Outsider
) -> None:
    first = program.start()
    ask = blocked(program, agent)
    first.kill()
    outsider.call("answer", ask=ask["id"], value=False)

    assert answer_of(program.start()) == {"status": "answered", "value": False}
    assert len(agent.http.get(f"/asks?track={ask['track_id']}").json()["data"]) == 1


def test_another_process_cancels_the_blocked_call(program: Program, agent: Agent) -> None:
    process = program.start()
    blocked(program, agent)

    program.start("cancel")

    assert answer_of(process) == {"status": "cancelled", "value": None}
