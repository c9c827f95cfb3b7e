"""What the embedded run keeps beside its database, under `var/` or where SAYSO_DATA points."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.env import data_dir, embedded_json

ADMIN = "admin"
LOCK = "lock"


class AlreadyRunning(Exception):
    """Another run uses this data."""


@contextmanager
def lock() -> Iterator[None]:
    """Keep the data for this run alone; the lock goes with the process, however it ends."""
    with (make_folder(data_dir()) / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning() from None
        yield


def kept(name: str) -> str:
    """Return a secret that an earlier run has kept, or an empty string."""
    path = data_dir() / "secrets" / name
    return path.read_text() if path.exists() else ""


def keep(name: str, value: str) -> None:
    """Keep a secret for later runs, readable by its owner alone."""
    _write(data_dir() / "secrets" / name, value)


def publish(base_url: str) -> dict[str, Any]:
    """Write and return what scripts want to know about this run (contract §7)."""
    facts = {
        "base_url": base_url,
        "api_key": kept("api_key"),
        "admin_url": f"{base_url}/admin/",
        "admin_user": ADMIN,
        "admin_password": kept("admin_password"),
        "mailbox_url": f"{base_url}/mailbox/",
        "python": sys.executable,
    }
    _write(embedded_json(), json.dumps(facts, indent=2) + "\n")
    return facts


def published() -> dict[str, Any] | None:
    """Return what the run has published, or None while there is none."""
    try:
        facts: dict[str, Any] = json.loads(embedded_json().read_text())
    except FileNotFoundError:
        return None
    return facts


def withdraw() -> None:
    """Take the published file away: where there is none, scripts wait for one."""
    embedded_json().unlink(missing_ok=True)


def make_folder(path: Path) -> Path:
    """Make a folder if it is missing, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def empty_broker() -> None:
    """Drop messages of an earlier run: the rows they speak of are swept anyway."""
    shutil.rmtree(data_dir() / "broker", ignore_errors=True)


def _write(path: Path, text: str) -> None:
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
