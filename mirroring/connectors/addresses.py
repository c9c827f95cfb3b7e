"""Lists that operators type into a configuration, one entry a line. Pure."""

import re
from collections.abc import Iterator

from mirroring.connectors.base import Problem

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def read_names(
    text: str, *, field: str, pattern: str, hint: str
) -> tuple[list[str], list[Problem]]:
    """Return the names, each once, and what is wrong with those that `pattern` does not fit."""
    rows = list(_rows(text))
    wrong = [
        Problem(field=field, message=hint, line=line)
        for line, row in rows
        if not re.fullmatch(pattern, row)
    ]
    return list(dict.fromkeys(row for _, row in rows)), wrong


def read_addresses(text: str, *, field: str) -> tuple[dict[str, str], list[Problem]]:
    """Return addresses by name, in lower case, of lines like `name: address`."""
    addresses, wrong = {}, []
    for line, row in _rows(text):
        name, _, address = (part.strip() for part in row.partition(":"))
        if name and _ADDRESS.fullmatch(address):
            addresses[name.lower()] = address
        else:
            wrong.append(Problem(field=field, message="Write name: address.", line=line))
    return addresses, wrong


def _rows(text: str) -> Iterator[tuple[int, str]]:
    for line, row in enumerate(text.splitlines(), 1):
        if row.strip():
            yield line, row.strip()
