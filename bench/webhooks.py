"""How fast webhooks leave, and whether a receiver that hangs delays the others.

    DATABASE_URL=postgres://… REDIS_URL=redis://… python -m bench.webhooks [--deliveries 3000]

Deliveries a second to a receiver on loopback, by one and by two workers, beside the bare client
that posts the same bodies in a loop (a new connection each, as the couriers do it) and beside
httpx2 with one connection kept open. Then how long it takes from an event to the first attempt: for
one endpoint, and for a hundred of which one hangs. Without DATABASE_URL it runs on SQLite with the
broker of the embedded run.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server import Installation, installed

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
KEPT_OPEN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
INSIDE = ("-m", "bench.webhooks")
WARM_UP = 4.0  # seconds until the worker and beat are there
PATIENCE = 120.0  # seconds for everything to arrive
ENDPOINTS = 100


def main() -> None:
    """Print the figures, as prose or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=3000)
    parser.add_argument("--events", type=int, default=20, help="for the hundred endpoints")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"deliveries": arguments.deliveries}
    with served() as receiver:
        with place() as here:
            result["bare"] = bare(here, receiver, arguments.deliveries)
        for workers in (1, 2):
            with place() as here:
                rate = delivered(here, receiver, arguments.deliveries, workers=workers)
            result[f"workers_{workers}"] = {
                "per_second": rate,
                "ratio": round(rate / result["bare"]["client"], 2),
            }
        shapes = {
            "one_endpoint": {"endpoints": 1, "hanging": 0, "events": 100, "pause": 0.05},
            "one_hangs": {
                "endpoints": ENDPOINTS,
                "hanging": 1,
                "events": arguments.events,
                "pause": 0.5,
            },
        }
        for name, shape in shapes.items():
            with place() as here:
                result[name] = first_attempts(here, receiver, **shape)
    print(json.dumps(result) if arguments.json else _prose(result))


def _prose(result: dict[str, Any]) -> str:
    bare = result["bare"]
    rows = [
        f"the bare client                 {bare['client']:>7} a second",
        f"httpx2, one connection open     {bare['httpx2_kept_open']:>7} a second",
    ]
    for workers in (1, 2):
        row = result[f"workers_{workers}"]
        rows.append(
            f"{workers} worker(s)                     {row['per_second']:>7} a second"
            f"   {row['ratio']:.2f} of the bare client"
        )
    for name, label in (
        ("one_endpoint", "one endpoint"),
        ("one_hangs", f"{ENDPOINTS} endpoints, one hangs"),
    ):
        found = result[name]
        rows.append(
            f"event to first attempt, {label}: "
            f"p50 {found['p50_ms']} ms, p95 {found['p95_ms']} ms, at most {found['max_ms']} ms"
        )
    return "\n".join(rows)


@contextlib.contextmanager
def place() -> Iterator[Installation]:
    """Yield an installation that may call loopback."""
    with installed() as here:
        here.env["SAYSO_EGRESS_ALLOW"] = "127.0.0.0/8"
        yield here


# --- the receiver, a process of its own ----------------------------------------------------------


@dataclass
class Receiver:
    """Counts what it is sent; under /hang it never answers."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arrivals(self) -> list[tuple[float, str, str]]:
        """Return when, where and under which id each request has come."""
        rows = [line.split() for line in self.log.read_text().splitlines()]
        return [(float(at), path, id) for at, path, id in rows]

    def forget(self) -> None:
        """Begin anew."""
        self.log.write_text("")


@contextlib.contextmanager
def served() -> Iterator[Receiver]:
    """Run the receiver beside us."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.NamedTemporaryFile(delete=False) as empty:
        log = Path(empty.name)
    process = subprocess.Popen([sys.executable, "-m", "bench.webhooks", "receive", str(port), log])
    try:
        _until_open(port)
        yield Receiver(port, log)
    finally:
        process.kill()
        process.wait()
        log.unlink()


def _until_open(port: int) -> None:
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)


async def receive(port: int, log: str) -> None:
    """Answer 200 and write a line for each request."""
    with Path(log).open("a", buffering=1) as file:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await _serve_one(reader, writer, file):
                    pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, file: Any) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    at = time.time()
    lines = head.decode("latin-1").split("\r\n")
    path = lines[0].split()[1]
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    await reader.readexactly(int(headers["content-length"]))
    file.write(f"{at} {path} {headers.get('webhook-id', '-')}\n")
    if path.startswith("/hang"):
        await asyncio.sleep(3600)
    closes = headers.get("connection") == "close"
    writer.write(ANSWER if closes else KEPT_OPEN)
    await writer.drain()
    return not closes


# --- what happens inside the installation --------------------------------------------------------


def bare(here: Installation, receiver: Receiver, count: int) -> dict[str, float]:
    """Post the same bodies in a loop, without Sayso."""
    printed = here.run(*INSIDE, "bare", receiver.url, str(count))
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


def delivered(here: Installation, receiver: Receiver, count: int, *, workers: int) -> float:
    """Let workers carry what waits, and return how many deliveries a second they make."""
    here.run(*INSIDE, "fill", receiver.url, str(count))
    receiver.forget()
    for _ in range(workers):
        here.worker()
    here.beat()
    end = time.monotonic() + PATIENCE
    while len(receiver.arrivals()) < count:
        assert time.monotonic() < end, "not everything arrived"
        time.sleep(0.1)
    arrivals = receiver.arrivals()
    assert len({id for _, _, id in arrivals}) == count
    times = sorted(at for at, _, _ in arrivals)
    return round((count - 1) / (times[-1] - times[0]), 1)


def first_attempts(
    here: Installation,
    receiver: Receiver,
    *,
    endpoints: int,
    hanging: int,
    events: int,
    pause: float,
) -> dict[str, int]:
    """Return how long after each event the endpoints that do not hang heard of it."""
    here.run(*INSIDE, "endpoints", receiver.url, str(endpoints), str(hanging))
    receiver.forget()
    here.worker()
    here.beat()
    time.sleep(WARM_UP)
    printed = here.run(*INSIDE, "events", str(events), str(pause))
    begun: dict[str, float] = json.loads(printed.splitlines()[-1])
    expected = (endpoints - hanging) * len(begun)
    end = time.monotonic() + PATIENCE
    while len(good := [each for each in receiver.arrivals() if each[1] != "/hang"]) < expected:
        assert time.monotonic() < end, f"{len(good)} of {expected} arrived"
        time.sleep(0.1)
    delays = sorted(at - begun[id] for at, _, id in good)
    return {
        "p50_ms": round(statistics.median(delays) * 1000),
        "p95_ms": round(delays[int(len(delays) * 0.95)] * 1000),
        "max_ms": round(delays[-1] * 1000),
        "hanging_attempts": len(receiver.arrivals()) - len(good),
    }


def _inside(name: str, *arguments: str) -> None:
    import django

    django.setup()
    from bench import webhooks_inside

    print(json.dumps(getattr(webhooks_inside, name)(*arguments)))


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "receive":
        asyncio.run(receive(int(sys.argv[2]), sys.argv[3]))
    elif len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        _inside(*sys.argv[1:])
    else:
        main()
