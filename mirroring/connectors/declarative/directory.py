"""Who people are, where a system tells that elsewhere than on the approval: asked, and kept.

What was found out is kept by the process, beyond the run that asked: a page that names more people
than the budget lets be asked for in one go is read whole in the end.
"""

import threading
import time
from dataclasses import dataclass

FOUND_FOR = 900.0  # seconds
FAILED_FOR = 300.0  # that nobody could be found may be a passing failure of the system
MOST = 20_000  # people of all systems; the ones kept longest give way


@dataclass(frozen=True, slots=True)
class Entry:
    """What a system says of a person; no address where it knows none."""

    email: str | None = None
    name: str | None = None


_kept: dict[tuple[str, str], tuple[Entry, float]] = {}  # by way of asking and person, until when
_lock = threading.Lock()


def recall(way: str, person: str) -> Entry | None:
    """Return what was found out lately. `way`: which system, account and request that was by."""
    with _lock:
        entry, until = _kept.get((way, person), (None, 0.0))
    return entry if time.monotonic() < until else None


def keep(way: str, person: str, entry: Entry, *, seconds: float) -> Entry:
    """Remember what was found out for so long, and return it."""
    with _lock:
        _kept.pop((way, person), None)  # what is new stands at the end
        _kept[way, person] = (entry, time.monotonic() + seconds)
        while len(_kept) > MOST:
            del _kept[next(iter(_kept))]
    return entry


def forget() -> None:
    """Forget everybody."""
    with _lock:
        _kept.clear()
