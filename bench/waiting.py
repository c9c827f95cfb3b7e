"""`python -m bench.waiting`: what thousands of waiting asks cost one process.

Memory, threads and idle processor time while they wait, and how fast one of them resumes; beside a
bare ASGI program (bench.bare) that holds as many requests in the same run.
"""

import argparse
import asyncio
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bench.figures import ratio, resume
from bench.line import Line
from tests.server import Outsider, Web, installed

IDLE = 8.0  # seconds; a wait lasts 25, so nobody comes back within them
ANSWERED = 100
AT_ONCE = 200  # connections that are opened together
Answer = Callable[[str], Awaitable[None]]


@dataclass
class Cost:
    """What holding the requests took."""

    kilobytes: float
    threads: int
    percent_of_a_core: float
    resumed: list[float]

    def row(self, name: str) -> str:
        return (
            f"{name:6s} {self.kilobytes:5.1f} kB each   {self.threads:2d} threads   "
            f"{self.percent_of_a_core:4.1f} % of a core   {resume(self.resumed)}"
        )


def main() -> None:
    """Measure both sides and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=5000)
    count = parser.parse_args().waiting
    _allow_connections(count)
    with installed() as place:
        print(f"database: {'PostgreSQL and Redis' if place.is_postgresql else 'SQLite'}")
        print(f"{count} asks wait on one process")
        bare = place.another_web(module="bench.bare")
        limit = asyncio.run(bare_cost(bare, count))
        bare.kill()  # its waiters would keep it
        web, outsider = place.web(), place.outsider()
        ours = asyncio.run(cost(web, outsider, count))
        print(limit.row("limit"))
        print(ours.row("sayso"))
        print(
            f"       {ours.kilobytes / limit.kilobytes:.2f} × the memory, "
            f"{ratio(ours.resumed, limit.resumed)} × the resume of the limit"
        )


def _allow_connections(count: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 500, most), most))


async def bare_cost(bare: Web, count: int) -> Cost:
    """Return what the bare server pays."""
    person = await Line(bare.base_url).open()
    asks = [(await person.post_json("/asks", {})).json()["id"] for _ in range(count)]

    async def answer(ask: str) -> None:
        await person.post_json(f"/asks/{ask}/answer", True)

    return await _measure(bare, {}, [f"/asks/{ask}" for ask in asks], asks, answer)


async def cost(web: Web, outsider: Outsider, count: int) -> Cost:
    """Return what Sayso pays."""
    key = outsider.call("issue_key")["key"]
    asks = outsider.call("open_asks", count=count)
    person = await Line(web.base_url).open()
    forms = {ask: outsider.call("browser", ask=ask) for ask in asks[:ANSWERED]}

    async def answer(ask: str) -> None:
        form = forms[ask]
        cookies = "; ".join(f"{name}={value}" for name, value in form["cookies"].items())
        reply = await person.post_form(form["path"], form["form"] | {"value": "true"}, cookies)
        assert reply.status == 303

    # One request first, so that what every process loads on its first is not counted as waiting.
    headers = {"Authorization": f"Bearer {key}"}
    first = await Line(web.base_url, headers).open()
    await first.get(f"/api/v1/asks/{asks[0]}?wait=1")
    return await _measure(
        web, headers, [f"/api/v1/asks/{ask}?wait=25" for ask in asks], asks, answer
    )


async def _lines(web: Web, count: int, headers: dict[str, str]) -> list[Line]:
    lines: list[Line] = []
    while len(lines) < count:
        some = (Line(web.base_url, headers).open() for _ in range(min(AT_ONCE, count - len(lines))))
        lines += await asyncio.gather(*some)
    return lines


async def _measure(
    web: Web, headers: dict[str, str], paths: Sequence[str], asks: Sequence[str], answer: Answer
) -> Cost:
    before = web.resident_bytes()
    lines = await _lines(web, len(paths), headers)
    for line, path in zip(lines, paths, strict=True):
        await line.send("GET", path)
    await asyncio.sleep(3)  # until the last of them has been read
    held = web.resident_bytes() - before
    used = web.cpu_seconds()
    await asyncio.sleep(IDLE)
    busy = (web.cpu_seconds() - used) / IDLE
    threads = web.threads()
    resumed = [
        await _resume(line, ask, answer)
        for line, ask in zip(lines, asks, strict=True)
        if ask in asks[:ANSWERED]
    ]
    for line in lines:
        line.close()
    return Cost(held / 1000 / len(lines), threads, busy * 100, resumed)


async def _resume(line: Line, ask: str, answer: Answer) -> float:
    started = time.perf_counter()
    answering = asyncio.create_task(answer(ask))
    await line.receive()
    took = time.perf_counter() - started
    await answering
    return took


if __name__ == "__main__":
    main()
