"""What the tests of outbound calls share: an operator who allows loopback, a resolver in hand."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

Answers = dict[str, list[list[str]]]


@pytest.fixture
def loopback_allowed(settings: Settings) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8", "::1/128"]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], list[str]]:
    """Give names their answers, used in turn; returns the list of look-ups, which grows."""
    real = socket.getaddrinfo
    asked: list[str] = []

    def set_answers(answers: Answers) -> list[str]:
        def look_up(host: str, port: int, *args: Any, **options: Any) -> Any:
            if options.get("flags") == socket.AI_NUMERICHOST:
                return real(host, port, *args, **options)
            turns = answers[host]
            asked.append(host)
            found = turns[min(asked.count(host), len(turns)) - 1]
            return [entry for each in found for entry in real(each, port, type=options["type"])]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return set_answers
