"""A receiver that fails in every way: bounded, counted right, tried again under the same id.

The limits themselves are tested where they are kept (tests/egress/test_limits.py); here they are
short, and what is tested is what comes of each failure.
"""

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from config import egress
from tests import receivers
from tests.api.agent import Agent
from tests.conftest import Clock
from tests.receivers import Receiver, Script, reply
from tests.webhooks.conftest import Hook, add_hook
from webhooks import signing

pytestmark = pytest.mark.django_db

Carry = Callable[[], None]
SECONDS = 0.5  # stands for 15
SOON = timedelta(seconds=5.5)


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    real = egress.request
    monkeypatch.setattr(egress, "request", lambda *a, **k: real(*a, **k, total=SECONDS))


FAILURES: dict[str, tuple[Script, int | None, str | None]] = {
    "reset": (receivers.reset, None, "connection_lost"),
    "silence": (receivers.hang, None, "timeout"),
    "slow headers": (receivers.slow_headers, None, "timeout"),
    "slow body": (receivers.slow_body, 200, "timeout"),
    "endless headers": (receivers.endless_headers, None, "invalid_response"),
    "endless interim responses": (receivers.endless_interim, None, "invalid_response"),
    "an endless error": (receivers.endless(500), 500, None),
    "dead before the last byte": (receivers.cut_short, 200, "connection_lost"),
    "200 after the limit": (receivers.late(1.5), None, "timeout"),
    "a redirect": (reply(302, b"", Location="http://169.254.169.254/"), 302, None),
    "too many requests": (reply(429, b""), 429, None),
    "unavailable": (reply(503, b"<html>"), 503, None),
    "not http": (receivers.send(b"SSH-2.0-x\r\n"), None, "connection_lost"),
    "nothing": (receivers.send(b""), None, "connection_lost"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_it_is_tried_again_with_the_same_id_and_body_and_a_fresh_signature(
    failure: str, hook: Hook, receiver: Receiver, carry: Carry, clock: Clock
) -> None:
    script, status_code, error = FAILURES[failure]
    receiver.scripts = [script, reply(200)]
    delivery_id = hook.agent.post(f"{hook.path}/test").json()["id"]
    started = time.monotonic()
    carry()
    assert time.monotonic() - started < SECONDS + 2
    delivery = hook.only()
    [attempt] = delivery["attempts"]
    assert (attempt["status_code"], attempt["error"]) == (status_code, error)
    assert attempt["latency_ms"] <= (SECONDS + 1) * 1000
    row = hook.row_of(delivery)
    latency = timedelta(milliseconds=attempt["latency_ms"])
    assert (row.status, row.next_attempt_at) == ("failed", clock.now + latency + SOON)
    clock.move(minutes=1)
    carry()
    first, second = receiver.seen
    assert hook.only()["id"] == delivery_id
    assert hook.only()["status"] == "delivered"
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    for seen in (first, second):
        at = int(seen.headers["webhook-timestamp"])
        signing.verify([hook.secret], headers=seen.headers, body=seen.body, now=at)


def test_a_2xx_counts_however_much_follows_it(hook: Hook, receiver: Receiver, carry: Carry) -> None:
    """WH-16: the receiver took it; what it says beyond 64 kB nobody reads."""
    receivers.bomb()
    receiver.scripts = [receivers.endless(200), receivers.gzip_bomb]
    for _ in range(2):
        hook.agent.post(f"{hook.path}/test")
        carry()
    for delivery in hook.deliveries():
        assert delivery["status"] == "delivered"
        assert len(delivery["attempts"][0]["excerpt"].encode()) <= 4096


def refuse(resolver: Any) -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}/"


UNREACHABLE = {
    "refused": refuse,
    "unknown": lambda _: "https://unknown.invalid/",
    "private": lambda _: "https://private.example/",
}


@pytest.mark.parametrize("kind", UNREACHABLE)
def test_what_cannot_be_reached_looks_the_same_to_its_owner(
    kind: str, agent: Agent, carry: Carry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SS-10: one word, no time, the same next attempt."""
    real = socket.getaddrinfo

    def look_up(host: str, *args: Any, **options: Any) -> Any:
        if host == "unknown.invalid":
            raise socket.gaierror(-2, "Name or service not known")
        return real("10.0.0.1" if host == "private.example" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    hook = add_hook(agent, UNREACHABLE[kind](None))
    agent.post(f"{hook.path}/test")
    carry()
    delivery = hook.only()
    assert delivery["attempts"] == [
        {
            "at": "2026-11-22T10:00:00.000Z",
            "status_code": None,
            "latency_ms": None,
            "error": "endpoint_unreachable",
            "excerpt": "",
            "trigger": "test",
        }
    ]
    assert delivery["next_attempt_at"] == "2026-11-22T10:00:05.500Z"


def test_the_outcome_of_the_unreachable_comes_to_light_at_one_time(
    agent: Agent, carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SS-10: blocked at once and refused after a while are written at the same moment."""
    from webhooks import courier

    assert egress.CONNECT_SECONDS == 5
    monkeypatch.setattr(courier, "UNREACHABLE_SHOWS_AFTER", 0.6)
    hook = add_hook(agent, refuse(None))
    agent.post(f"{hook.path}/test")
    started = time.monotonic()
    carry()
    assert 0.6 <= time.monotonic() - started < 1.2
    assert hook.only()["status"] == "failed"


def test_a_bug_of_ours_is_a_failed_attempt_and_not_a_lost_delivery(
    hook: Hook, receiver: Receiver, carry: Carry, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def bug(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    hook.agent.post(f"{hook.path}/test")
    with monkeypatch.context() as broken:
        broken.setattr(egress, "request", bug)
        carry()
    assert hook.only()["attempts"][0]["error"] == "failed"
    clock.move(minutes=1)
    carry()
    assert hook.only()["status"] == "delivered"
