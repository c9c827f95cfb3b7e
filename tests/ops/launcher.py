"""A real embedded run for tests, started as `make run` starts it and ended by its pid."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
READY_WITHIN = 60.0  # seconds, on a machine that is busy
GONE_WITHIN = 5.0


class Run:
    """One launcher and what it started."""

    def __init__(self, data: Path, *, command: list[str] | None = None, **environment: str) -> None:
        self.data = data
        self.output = data.with_name(f"{data.name}.out")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command or [sys.executable, "-m", "config.embedded"],
                cwd=ROOT,
                env=_environment(data) | environment,
                stdout=output,
                stderr=output,
                preexec_fn=_heed_interrupts,
            )

    @property
    def text(self) -> str:
        """Return what the terminal shows."""
        return self.output.read_text()

    def wait_until_ready(self) -> "Run":
        """Wait for embedded.json, which is there once Sayso answers, and keep what it says."""
        published = self.data / "embedded.json"
        self.wait_for(published.exists)
        self.facts: dict[str, Any] = json.loads(published.read_text())
        return self

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Wait until something is so, and fail with what the terminal shows if it never is."""
        deadline = time.monotonic() + READY_WITHIN
        while not condition():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    def children(self) -> dict[str, int]:
        """Return the processes below the launcher by the name of what they run."""
        return {_name(pid): pid for pid in _children(_launcher(self.process.pid))}

    def end(self, number: int) -> float:
        """Send the launcher a signal, and return after how many seconds all of it was gone."""
        everything = [self.process.pid, _launcher(self.process.pid), *self.children().values()]
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        while any(map(is_running, everything)):
            assert time.monotonic() < started + 30, "something was left behind"
            time.sleep(0.02)
        return time.monotonic() - started

    def clean_up(self) -> None:
        """End whatever still runs."""
        if self.process.poll() is None:
            left = [self.process.pid, _launcher(self.process.pid), *self.children().values()]
            for pid in filter(is_running, left):
                os.kill(pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def embedded(data: Path, **options: Any) -> Iterator[Run]:
    """Start an embedded run, wait until it answers, and leave nothing behind."""
    run = Run(data, **{"PORT": "0", "DEMO": "0"} | options)
    try:
        yield run.wait_until_ready()
    finally:
        run.clean_up()


def _heed_interrupts() -> None:
    # A shell lets what it runs in the background ignore them, and that is inherited.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_running(pid: int) -> bool:
    """Tell whether a process does anything; one that only waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _environment(data: Path) -> dict[str, str]:
    # Left in on purpose: what the tests' own environment says of databases and settings.
    foreign = {"HOST", "PORT", "DEMO", "PUBLIC_BASE_URL", "MAKELEVEL"}
    inherited = {name: value for name, value in os.environ.items() if name not in foreign}
    return inherited | {"SAYSO_DATA": str(data)}


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _launcher(pid: int) -> int:
    """Return the launcher, which is a child of `make` where make has started it."""
    below = _children(pid)
    return below[0] if _name(pid) == "make" and below else pid


def _name(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    for name in ("worker", "beat", "config.serve", "quickstart.py", "config.embedded.demo"):
        if any(name in part for part in command):
            return name
    return Path(command[0]).name
