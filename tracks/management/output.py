"""What a command prints: prose for people, one JSON document for scripts."""

import json
from typing import Any

from django.core.management.base import BaseCommand


def show(command: BaseCommand, result: dict[str, Any], prose: str, *, as_json: bool) -> None:
    """Print the result of a command."""
    command.stdout.write(json.dumps(result, ensure_ascii=False) if as_json else prose)


def printable(text: str) -> str:
    """Return somebody else's text without what would steer a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
