"""Being told to stop: by a signal to us, or to the `make` that started us."""

import os
import re
import signal
from pathlib import Path
from types import FrameType

from config.embedded.processes import die_with_parent


class Stop:
    """Whether somebody has asked the run to stop."""

    def __init__(self) -> None:
        self._was_asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup` has SIGHUP ignored. SIGINT is ignored in a shell's background jobs, which
            # must not make us unstoppable.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._ask)
        self._make = _follow_make()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._was_asked = True

    def was_asked(self) -> bool:
        """Tell whether it is time to stop."""
        if self._make is not None and not _catches_interrupts(self._make):
            self._was_asked = True
        return self._was_asked


def _follow_make() -> int | None:
    """Stop when `make` dies, and return its number if an interrupt of it can be seen."""
    if "MAKELEVEL" not in os.environ:
        return None
    make = os.getppid()
    die_with_parent(signal.SIGTERM, parent=make)
    return make if _catches_interrupts(make) else None


def _catches_interrupts(pid: int) -> bool:
    # GNU make passes a SIGINT sent to it alone on to nobody: it lets go of its handler, which the
    # kernel shows, and waits for us.
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGINT - 1) & 1)
