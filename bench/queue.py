"""`python -m bench.queue`: how long a queue takes to show, with 1 and with 500 waiting requests.

The page as its reader gets it, and `GET /api/v1/queue`, each from the request sent to the last byte
received on loopback; beside the health check, which is the same way through the server with nothing
to show. On SQLite, or where DATABASE_URL and REDIS_URL name servers.
"""

import argparse
import asyncio
import time

from bench.figures import ratio, resume
from bench.line import Line
from tests.server import Web, installed

ADDRESS = "cfo@acme.com"
TIMES = 40


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=500)
    count = parser.parse_args().waiting
    with installed() as place:
        print(f"database: {'PostgreSQL and Redis' if place.is_postgresql else 'SQLite'}")
        web, outsider = place.web(), place.outsider()
        key = outsider.call("issue_key")["key"]
        cookies = outsider.call("queue_browser", address=ADDRESS)
        as_reader = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        as_agent = {"Authorization": f"Bearer {key}"}
        nothing = asyncio.run(measure(web, "/healthz", {}, holds="ok"))
        print(f"health check         {resume(nothing)}")
        for waiting in (1, count):
            outsider.call("open_asks", count=waiting if waiting == 1 else waiting - 1)
            for name, path, headers, words in (
                ("page", "/queue/", as_reader, "{} waiting for you"),
                ("API", f"/api/v1/queue?approver={ADDRESS}", as_agent, '"count":{}'),
            ):
                taken = asyncio.run(measure(web, path, headers, holds=words.format(waiting)))
                print(
                    f"{name:4s} {waiting:4d} waiting    {resume(taken)}"
                    f"   {ratio(taken, nothing)} × the health check"
                )


async def measure(web: Web, path: str, headers: dict[str, str], *, holds: str) -> list[float]:
    """Return the seconds that each of some requests took, the first two left out.

    `holds` is what the answer must contain: a page that shows something else is no figure.
    """
    line = await Line(web.base_url, headers).open()
    taken = []
    for _ in range(TIMES + 2):
        started = time.perf_counter()
        reply = await line.get(path)
        taken.append(time.perf_counter() - started)
        assert reply.status == 200, reply.status
        assert holds.encode() in reply.body
    line.close()
    return taken[2:]


if __name__ == "__main__":
    main()
