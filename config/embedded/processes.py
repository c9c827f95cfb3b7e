"""One process tree: children that are started again when they die, and that die with us."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from config.env import BASE_DIR

PAUSE = 1.0  # seconds before a child that died is started again
LARGEST_LOG = 5 * 1024 * 1024
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number: int, *, parent: int) -> None:
    """Have the kernel send us a signal when our parent dies, kill -9 included. Linux only."""
    if _libc is None:
        return
    _libc.prctl(_SET_DEATH_SIGNAL, number)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), number)


@dataclass(slots=True)
class Child:
    """A process of the tree. Without a log it talks to the terminal."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path | None = None
    restarts: bool = True
    patience: float = 1.0  # seconds to stop by itself
    process: subprocess.Popen[bytes] | None = None
    died_at: float | None = None

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches us alone, and we stop it."""
        output = self._open_log()
        self.process = subprocess.Popen(  # noqa: S603  our own commands
            self.command,
            cwd=BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, signal.SIGKILL, parent=os.getpid()),
        )
        self.died_at = None
        if output is not None:
            output.close()

    def exit_code(self) -> int | None:
        """Return how the process ended, or None while it runs."""
        return None if self.process is None else self.process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.process is not None:
            self.process.terminate()

    def wait_or_kill(self, *, until: float) -> None:
        """Wait until a moment of the monotonic clock, then kill what still runs."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _open_log(self) -> IO[bytes] | None:
        if self.log is None:
            return None
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")


@dataclass(slots=True)
class Tree:
    """The children that run for as long as we do."""

    children: list[Child] = field(default_factory=list)

    def add(self, child: Child) -> Child:
        """Start a child and keep it running."""
        child.start()
        self.children.append(child)
        return child

    def tend(self) -> list[Child]:
        """Start again what died a second ago, and return what has died since the last look."""
        died = []
        for child in filter(lambda child: child.restarts, self.children):
            if child.died_at is not None:
                if time.monotonic() >= child.died_at + PAUSE:
                    child.start()
            elif child.exit_code() is not None:
                child.died_at = time.monotonic()
                died.append(child)
        return died

    def stop(self) -> None:
        """Ask all children to stop, and kill those that have lost our patience."""
        started = time.monotonic()
        for child in self.children:
            child.ask_to_stop()
        for child in sorted(self.children, key=lambda child: child.patience):
            child.wait_or_kill(until=started + child.patience)
