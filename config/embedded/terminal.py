"""What the person at the terminal reads. The logs go to files."""

import os
import sys
from pathlib import Path
from typing import Any

_HAS_COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def say(text: str = "") -> None:
    """Write a line for the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def bold(text: str) -> str:
    """Return a text in bold where the terminal can show it."""
    return f"\033[1m{text}\033[0m" if _HAS_COLOURS else text


def welcome(facts: dict[str, Any], *, data: Path) -> None:
    """Say where everything is."""
    say()
    say(bold("Sayso is running."))
    say()
    rows = {
        "Start": f"{facts['base_url']}/",
        "Mailbox": f"{facts['mailbox_url']}   all mail ends up here",
        "Admin": f"{facts['admin_url']}   {facts['admin_user']} / {facts['admin_password']}",
        "API": f"{facts['base_url']}/api/docs/",
        "API key": facts["api_key"],
        "Data, logs": f"{_shortened(data)}/",
    }
    for label, value in rows.items():
        say(f"  {label:<12}{value}")
    say()
    say("Ctrl-C stops it.")


def _shortened(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def tail(path: Path, *, lines: int = 15) -> str:
    """Return the end of a log."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
