"""Killed between sending and recording (WH-19 to WH-21): every event arrives, none is made up.

SAYSO_TEST_WORKER_KILLS says how often a real worker is killed (docs/webhooks.md).
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.receivers import Receiver, Seen, receiving, response
from tests.server import Installation, Outsider, Process, installed

KILLS = 200
WORKER_KILLS = int(os.environ.get("SAYSO_TEST_WORKER_KILLS", "2"))


class OneShot(Outsider):
    """tests.webhooks.oneshot, at the other end of two pipes."""

    def __init__(self, place: Installation) -> None:
        log = Path(place.folder) / "oneshot.log"
        Process.__init__(self, ["-m", "tests.webhooks.oneshot"], env=place.env, log=log)
        place.processes.append(self)


@pytest.fixture
def place() -> Iterator[Installation]:
    with installed(redis_url="") as place:
        place.env["SAYSO_EGRESS_ALLOW"] = "127.0.0.0/8"
        yield place


class Victim:
    """Kills a process, at the latest when its request has been read or answered."""

    pid = 0
    at = "never"

    def __call__(self, connection: Any, _: Seen) -> None:
        if self.at == "read":
            self.kill()
        connection.sendall(response(200))
        if self.at == "answered":
            self.kill()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def arrived(receiver: Receiver) -> set[str]:
    return {seen.headers["webhook-id"] for seen in receiver.seen}


def test_two_hundred_times_at_random_points(place: Installation) -> None:
    random_ = random.Random(2026)
    victim = Victim()
    with receiving(victim) as receiver:
        oneshot = OneShot(place)
        oneshot.call("set_up", url=receiver.url)
        happened, never = [], []
        killed = 0
        for _ in range(KILLS):
            happened.append(oneshot.call("act"))
            never.append(oneshot.call("act", is_rolled_back=True))
            victim.at = random_.choice(["read", "answered", "never"])
            victim.pid = oneshot.call("carry")
            if victim.at == "never":
                time.sleep(random_.uniform(0, 0.05))
                victim.kill()
            killed += oneshot.call("wait", pid=victim.pid) == -signal.SIGKILL
            oneshot.call("lapse")
        victim.at = "never"
        while oneshot.call("lapse"):
            assert oneshot.call("wait", pid=oneshot.call("carry")) == 0
        assert killed > KILLS / 2
        assert arrived(receiver) == set(happened)
        assert not arrived(receiver) & set(never)
        assert oneshot.call("states") == dict.fromkeys(happened, "delivered")
        assert len(receiver.seen) > KILLS  # some arrived twice: that is the promise, at least once


def test_a_real_worker(place: Installation) -> None:
    random_ = random.Random(2026)
    victim = Victim()
    with receiving(victim) as receiver:
        oneshot = OneShot(place)
        oneshot.call("set_up", url=receiver.url)
        happened = [oneshot.call("act") for _ in range(10)]
        worker = place.worker()
        for _ in range(WORKER_KILLS):
            victim.pid = _child_of(worker)
            victim.at = random_.choice(["read", "answered"])
            poke_until(oneshot, receiver, len(receiver.seen) + 1)
            worker.kill()
            victim.at = "never"
            oneshot.call("lapse")
            happened += [oneshot.call("act") for _ in range(5)]
            worker.restart()
        oneshot.call("poke_worker")
        end = time.monotonic() + 60
        while set(oneshot.call("states").values()) != {"delivered"}:
            assert time.monotonic() < end, oneshot.call("states")
            oneshot.call("lapse")
            oneshot.call("poke_worker")
            time.sleep(0.5)
        assert arrived(receiver) == set(happened)


def poke_until(oneshot: OneShot, receiver: Receiver, count: int) -> None:
    """Do what beat does until so many requests came; a message dies with its worker."""
    end = time.monotonic() + 60
    while len(receiver.seen) < count:
        assert time.monotonic() < end, f"{len(receiver.seen)} of {count} requests came"
        oneshot.call("poke_worker")
        time.sleep(0.5)


def _child_of(worker: Process) -> int:
    """Return the pid of the process in which a worker runs its tasks."""
    end = time.monotonic() + 30
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    while time.monotonic() < end:
        with suppress(OSError):
            found = children.read_text().split()
            if found:
                return int(found[0])
        time.sleep(0.05)
    raise AssertionError(f"the worker has no child:\n{worker.log}")
