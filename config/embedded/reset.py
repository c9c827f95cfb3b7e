"""`python -m config.embedded.reset`: remove what the embedded run has stored, and nothing else."""

import shutil
import sys

from config.embedded import state
from config.embedded.terminal import say
from config.env import data_dir

# By name: SAYSO_DATA may point at a folder in which other things lie, too.
FOLDERS = ("broker", "log", "secrets", "static")
FILES = ("sayso.sqlite3", "sayso.sqlite3-wal", "sayso.sqlite3-shm", "embedded.json", state.LOCK)


def main() -> int:
    """Remove the data unless a run uses it, and return the exit status."""
    if not data_dir().exists():
        say(f"There is no data in {data_dir()}.")
        return 0
    try:
        with state.lock():
            _remove()
    except state.AlreadyRunning:
        say(f"Sayso runs on {data_dir()}. Stop it first.")
        return 1
    say(f"Removed the data in {data_dir()}.")
    return 0


def _remove() -> None:
    for name in FOLDERS:
        shutil.rmtree(data_dir() / name, ignore_errors=True)
    for name in FILES:
        (data_dir() / name).unlink(missing_ok=True)
    if not any(data_dir().iterdir()):
        data_dir().rmdir()


if __name__ == "__main__":
    sys.exit(main())
