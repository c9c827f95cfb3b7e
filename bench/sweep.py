"""How long it takes to record a thousand timeouts, among a thousand and a million stored asks.

    DATABASE_URL=postgres://…/postgres python -m bench.sweep [--stored 1000000]

The same sweep as the workers run, in one process, with everything that each timeout does: the row's
lock, the event and its place in the chain, and the consumers. The database is fresh, and dropped in
the end; its rows are made by SQL. Wants PostgreSQL.
"""

import argparse
import json
import sys
from itertools import count
from typing import Any

import django

from tests.server import Installation, installed

FEW = 1000
RUNS = 5
NAMES = (chr(ord("a") + number) for number in count())  # one for each filling, in their slugs


def main() -> None:
    """Print the figures, as prose or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with installed(redis_url="") as here:
        if not here.is_postgresql:
            sys.exit("This wants PostgreSQL: set DATABASE_URL.")
        result = {stored: _measure(here, stored) for stored in (FEW, arguments.stored)}
    few, many = result[FEW], result[arguments.stored]
    found = {
        "stored": arguments.stored,
        "seconds": many,
        "seconds_with_1000_stored": few,
        "ratio": round(many / few, 2),
    }
    print(json.dumps(found) if arguments.json else _prose(found))


def _measure(here: Installation, stored: int) -> float:
    """Return the seconds of the quickest of several sweeps among so many asks.

    Whatever else the machine does makes a sweep slower, never quicker.
    """
    _inside(here, "fill", next(NAMES), str(stored))
    runs = [_inside(here, "sweep", next(NAMES))["seconds"] for _ in range(RUNS)]
    return round(min(runs), 2)


def _inside(here: Installation, *command: str) -> Any:
    return json.loads(here.run("-m", "bench.sweep", "inside", *command).splitlines()[-1])


def _prose(found: dict[str, Any]) -> str:
    return "\n".join(
        (
            f"1,000 due among {FEW:>9,} stored   {found['seconds_with_1000_stored']:6.2f} s",
            f"1,000 due among {found['stored']:>9,} stored   {found['seconds']:6.2f} s"
            f"   {found['ratio']:.2f} of that",
        )
    )


def inside(command: str, *arguments: str) -> None:
    """Do one thing in the installation whose environment this process has."""
    django.setup()
    from bench import sweep_inside

    print(json.dumps(getattr(sweep_inside, command)(*arguments)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(*sys.argv[2:])
    else:
        main()
