"""How long the server takes for the pages of staff, among a thousand and a million stored asks.

    DATABASE_URL=postgres://…/postgres python -m bench.admin [--stored 1000000]

Each page is asked for in one process, with everything that a request goes through but the network:
once to warm up, then several times, as somebody who sees all workspaces and as a viewer of two of
ten. The database is fresh, and dropped in the end; its rows are made by SQL, five events for each
ask. Wants PostgreSQL, and a role that may leave out the checks of foreign keys (a superuser).
"""

import argparse
import json
import sys
from typing import Any

import django

from tests.server import Installation, installed

FEW = 1000


def main() -> None:
    """Print the figures, as prose or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with installed(redis_url="") as here:
        if not here.is_postgresql:
            sys.exit("This wants PostgreSQL: set DATABASE_URL.")
        few = _measure(here, FEW, name="a")
        many = _measure(here, arguments.stored, name="b")
    pages = {
        page: {"many": times, "with_1000": few["pages"][page]}
        for page, times in many["pages"].items()
    }
    found = {"asks": many["asks"], "events": many["events"], "pages": pages}
    print(json.dumps(found) if arguments.json else _prose(found))


def _measure(here: Installation, stored: int, *, name: str) -> dict[str, Any]:
    made: dict[str, Any] = _inside(here, "fill", name, str(stored))
    return made | {"pages": _inside(here, "measure")}


def _inside(here: Installation, *command: str) -> Any:
    return json.loads(here.run("-m", "bench.admin", "inside", *command).splitlines()[-1])


def _prose(found: dict[str, Any]) -> str:
    lines = [
        f"{found['asks']:,} asks, {found['events']:,} events: ms of the server, p50 (best)",
        f"{'':<44}{'all':>16}{'1,000':>16}{'ratio':>7}",
    ]
    for page, times in found["pages"].items():
        many, few = times["many"], times["with_1000"]
        cells = [f"{each['p50']:,} ({each['best']:,})" for each in (many, few)]
        ratio = many["best"] / few["best"]
        lines.append(f"{page:<44}{cells[0]:>16}{cells[1]:>16}{ratio:>7.1f}")
    return "\n".join(lines)


def inside(command: str, *arguments: str) -> None:
    """Do one thing in the installation whose environment this process has."""
    django.setup()
    from bench import admin_inside

    print(json.dumps(getattr(admin_inside, command)(*arguments)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(*sys.argv[2:])
    else:
        main()
