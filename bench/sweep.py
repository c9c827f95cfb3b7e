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
        few, many = (_measure(here, stored) for stored in (FEW, arguments.stored))
    found = {
        "stored": arguments.stored,
        "few": few,
        "many": many,
        "ratio": round(many["seconds"] / few["seconds"], 2),
    }
    print(json.dumps(found) if arguments.json else _prose(found))


def _measure(here: Installation, stored: int) -> dict[str, float]:
    """Return what the quickest of several sweeps among so many asks took.

    Whatever else the machine does makes a sweep slower, never quicker.
    """
    _inside(here, "fill", next(NAMES), str(stored))
    runs = [_inside(here, "sweep", next(NAMES)) for _ in range(RUNS)]
    quickest = min(runs, key=lambda run: run["seconds"])
    return {name: round(value, 2) for name, value in quickest.items()}


def _inside(here: Installation, *command: str) -> Any:
    return json.loads(here.run("-m", "bench.sweep", "inside", *command).splitlines()[-1])


def _prose(found: dict[str, Any]) -> str:
    few, many = _line(FEW, found["few"]), _line(found["stored"], found["many"])
    return f"{few}\n{many}   {found['ratio']:.2f} of that"


def _line(stored: int, took: dict[str, float]) -> str:
    return (
        f"1,000 due among {stored:>9,} stored   {took['seconds']:6.2f} s,"
        f" of the processor here {took['processor']:.2f} s"
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
