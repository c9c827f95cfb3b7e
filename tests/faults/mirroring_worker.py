"""A worker that is killed, once it is told to, in the transaction that moves a poll's cursor.

Between hearing from a system and storing what it said, nothing that can be seen from outside
happens: the moment is armed by a file of its name, as in tests.faults.crashing.
"""

import sys
from typing import Any
from uuid import UUID

import django

django.setup()

from config.celery import app  # noqa: E402
from mirroring import sync  # noqa: E402
from tests.faults.crashing import die_if_armed  # noqa: E402

STORING = "die-storing"
_store = sync.store


def store(*args: Any, **said: Any) -> list[UUID]:
    """Store what was read, unless it is time to die."""
    die_if_armed(STORING)
    return _store(*args, **said)


if __name__ == "__main__":
    sync.store = store
    app.worker_main(["worker", "--pool", "solo", "--loglevel", "INFO", *sys.argv[1:]])
