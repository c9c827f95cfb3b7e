"""How fast a system of record is mirrored, and what a poll costs that finds nothing new.

    DATABASE_URL=postgres://…/postgres python -m bench.mirroring [--pending 100000] [--loaded 5000]

An emulated ServiceNow has so many approvals pending; the first load goes over `--loaded` of them
with all that follows from each: a track, an ask, their events and the consumers. Beside it a bare
loop reads the same pages and inserts a row for each. Then the mirrored total grows, and a poll with
nothing new is timed, beside the reading of its pages alone: that is the emulator's time, and the
wire's. The database is fresh, and dropped in the end. Wants PostgreSQL.
"""

import argparse
import contextlib
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import django

from tests.mirroring.emulators.servicenow import ServiceNow
from tests.server import Installation, installed

FEW = 1000


def main() -> None:
    """Print the figures, as prose or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, default=100_000, help="approvals in the system")
    parser.add_argument("--loaded", type=int, default=5000, help="of them, read and timed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with installed(redis_url="") as here, contextlib.closing(ServiceNow()) as system:
        if not here.is_postgresql:
            sys.exit("This wants PostgreSQL: set DATABASE_URL.")
        here.env["SAYSO_EGRESS_ALLOW"] = "127.0.0.0/8"
        _open(system, arguments.pending)
        found = _measure(here, system, arguments.pending, arguments.loaded)
    print(json.dumps(found) if arguments.json else _prose(found))


def _open(system: ServiceNow, count: int) -> None:
    """Open approvals, one a second, so that five minutes of overlap hold three hundred of them."""
    began = datetime.now(UTC) - timedelta(seconds=count + 3600)
    for number in range(count):
        system.clock.set(began + timedelta(seconds=number))
        system.open(f"Request {number}", price=f"{number}.50")
    system.clock.follow(lambda: datetime.now(UTC))


def _measure(here: Installation, system: ServiceNow, pending: int, loaded: int) -> dict[str, Any]:
    connection = _inside(here, "connect", system.url)
    found = {
        "pending": pending,
        "load": _inside(here, "load", connection, str(loaded)),
        "bare": _inside(here, "bare", connection, str(loaded)),
    }
    _inside(here, "skip_to_the_end", connection)
    for name, total in (("few", max(FEW, loaded)), ("many", 100 * FEW)):
        _inside(here, "fill", connection, str(total))
        found[name] = {"mirrored": total, **_inside(here, "poll", connection)}
    found["ratio"] = _growth(found, "seconds")
    found["cpu_ratio"] = _growth(found, "cpu_seconds")
    return found


def _growth(found: dict[str, Any], name: str) -> float:
    return round(found["many"][name] / found["few"][name], 2)


def _inside(here: Installation, *command: str) -> Any:
    return json.loads(here.run("-m", "bench.mirroring", "inside", *command).splitlines()[-1])


def _prose(found: dict[str, Any]) -> str:
    load, bare = found["load"], found["bare"]
    whole = found["pending"] / load["records"] * load["seconds"] / 60
    lines = [
        f"first load, {load['records']:,} of {found['pending']:,} read: "
        f"{load['records'] / load['seconds']:.0f} records/s (bare loop {bare['rate']:.0f}), "
        f"{1000 * load['cpu_seconds'] / load['records']:.1f} ms of the processor for each, "
        f"{load['queries_a_page']:.0f} statements a page of 100, peak {load['peak_mb']:.0f} MB; "
        f"all of them would take {whole:.0f} minutes",
    ]
    for name in ("few", "many"):
        each = found[name]
        lines.append(
            f"nothing new among {each['mirrored']:>7,}: {each['seconds'] * 1000:.0f} ms, "
            f"{each['cpu_seconds'] * 1000:.0f} of them of the processor, "
            f"{each['queries']} statements; its pages alone {each['reading'] * 1000:.0f} ms"
        )
    ratios = f"ratio {found['ratio']}, of the processor's time {found['cpu_ratio']}"
    return "\n".join([*lines, ratios])


def inside(command: str, *arguments: str) -> None:
    """Do one thing in the installation whose environment this process has."""
    django.setup()
    from bench import mirroring_inside

    print(json.dumps(getattr(mirroring_inside, command)(*arguments)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(*sys.argv[2:])
    else:
        main()
