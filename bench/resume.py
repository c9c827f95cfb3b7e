"""`python -m bench.resume`: answer sent → agent has the value, and asks carried through a second.

Beside a bare ASGI program on the same database in the same run (bench.bare). On SQLite as embedded,
on PostgreSQL and Redis where DATABASE_URL and REDIS_URL name them.
"""

import argparse
import asyncio
import os
import threading
import time
from typing import Any

import httpx2
from sayso import Sayso

from bench.figures import ratio, resume
from bench.line import Line
from tests.server import Installation, Outsider, Web, installed

HEAD_START = 0.02  # seconds in which the wait reaches the server
# The notice is not sent: mail is the workers' work, and would measure the mail server.
CONFIRM = {
    "kind": "confirm",
    "prompt": "Acme Office Supplies invoice is 8% above contract?",
    "notify": False,
}


def main() -> None:
    """Measure both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asks", type=int, default=200, help="asks measured one by one")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each closed loop")
    options = parser.parse_args()
    with installed() as place:
        print(f"database: {'PostgreSQL and Redis' if place.is_postgresql else 'SQLite'}")
        web, bare = place.web(), place.another_web(module="bench.bare")
        outsider = place.outsider()
        key = outsider.call("issue_key")["key"]
        limit = asyncio.run(limit_resumes(bare, options.asks))
        ours = asyncio.run(resumes(web, outsider, key, options.asks))
        with_sdk = sdk_resumes(web, outsider, key, min(options.asks, 100))
        print(f"resume  limit  {resume(limit)}")
        print(f"        sayso  {resume(ours)}   {ratio(ours, limit)} × limit")
        print(f"        SDK    {resume(with_sdk)}   {ratio(with_sdk, limit)} × limit")
        for agents in (16, 100):
            ceiling = asyncio.run(limit_loop(bare, agents, options.seconds))
            carried = asyncio.run(loop(place, web, outsider, key, agents, options.seconds))
            print(
                f"asks/s  {agents:3d} agents   limit {ceiling:7.0f}   sayso {carried:6.0f}"
                f"   {carried / ceiling:.2f} of the limit"
            )


async def limit_resumes(bare: Web, count: int) -> list[float]:
    """Return the seconds from answer to value on the bare server, one by one."""
    agent, person = await Line(bare.base_url).open(), await Line(bare.base_url).open()
    return [await _limit_once(agent, person, HEAD_START) for _ in range(count)]


async def _limit_once(agent: Line, person: Line, head_start: float) -> float:
    ask = (await agent.post_json("/asks", {})).json()["id"]
    await agent.send("GET", f"/asks/{ask}")
    await asyncio.sleep(head_start)
    started = time.perf_counter()
    await person.send("POST", f"/asks/{ask}/answer", b"true", "application/json")
    await agent.receive()
    took = time.perf_counter() - started
    await person.receive()
    return took


async def resumes(web: Web, outsider: Outsider, key: str, count: int) -> list[float]:
    """Return the seconds from the answering POST to the value, one by one."""
    agent = await Line(web.base_url, {"Authorization": f"Bearer {key}"}).open()
    person = await Line(web.base_url).open()
    taken = []
    for ask in outsider.call("open_asks", count=count):
        form = outsider.call("browser", ask=ask)
        await agent.send("GET", f"/api/v1/asks/{ask}?wait=25")
        await asyncio.sleep(HEAD_START)
        taken.append(await _answered(agent, person, form))
    return taken


async def _answered(agent: Line, person: Line, form: dict[str, Any]) -> float:
    started = time.perf_counter()
    answering = asyncio.create_task(
        person.post_form(form["path"], form["form"] | {"value": "true"}, _cookies(form))
    )
    reply = await agent.receive()
    took = time.perf_counter() - started
    assert reply.json()["answer"]["value"] is True
    assert (await answering).status == 303
    return took


def _cookies(form: dict[str, Any]) -> str:
    return "; ".join(f"{name}={value}" for name, value in form["cookies"].items())


def sdk_resumes(web: Web, outsider: Outsider, key: str, count: int) -> list[float]:
    """Return the same for an agent that waits with the SDK in a thread."""
    taken = []
    with Sayso(api_key=key, base_url=web.base_url) as client, httpx2.Client() as person:
        for ask in outsider.call("open_asks", count=count):
            form = outsider.call("browser", ask=ask)
            resumed: list[float] = []
            handle = client.asks.get(ask)
            waiting = threading.Thread(target=_wait, args=(handle, resumed))
            waiting.start()
            time.sleep(HEAD_START)
            started = time.perf_counter()
            person.post(
                web.base_url + form["path"],
                data=form["form"] | {"value": "true"},
                headers={"Cookie": _cookies(form)},
            )
            waiting.join()
            taken.append(resumed[0] - started)
    return taken


def _wait(handle: Any, resumed: list[float]) -> None:
    handle.wait()
    resumed.append(time.perf_counter())


async def limit_loop(bare: Web, agents: int, seconds: float) -> float:
    """Return how many asks a second the bare server carries through."""

    async def agent() -> int:
        mine, person = await Line(bare.base_url).open(), await Line(bare.base_url).open()
        done, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            await _limit_once(mine, person, 0)
            done += 1
        return done

    return sum(await asyncio.gather(*(agent() for _ in range(agents)))) / seconds


async def loop(
    place: Installation, web: Web, outsider: Outsider, key: str, agents: int, seconds: float
) -> float:
    """Return how many asks a second Sayso carries through: create, wait, answer, resumed."""
    marks = _form_marks(place)
    headers = {"Authorization": f"Bearer {key}"}
    first = outsider.call("open_asks", count=agents)
    forms = [outsider.call("browser", ask=ask) for ask in first]

    async def agent(ask: str, form: dict[str, Any]) -> int:
        mine = await Line(web.base_url, headers).open()
        person = await Line(web.base_url).open()
        track = (await mine.get(f"/api/v1/asks/{ask}")).json()["track_id"]
        await mine.post_json(f"/api/v1/asks/{ask}/cancel", {})
        done, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            await _carry_through(mine, person, track, form, marks)
            done += 1
        return done

    pairs = zip(first, forms, strict=True)
    return sum(await asyncio.gather(*(agent(ask, form) for ask, form in pairs))) / seconds


async def _carry_through(
    mine: Line, person: Line, track: str, form: dict[str, Any], marks: Any
) -> None:
    opened = (await mine.post_json(f"/api/v1/tracks/{track}/asks", CONFIRM)).json()
    await mine.send("GET", f"/api/v1/asks/{opened['id']}?wait=25")
    fields = form["form"] | {
        "value": "true",
        "display_digest": opened["display_digest"],
        "form_nonce": marks(opened["id"], form["grant"]),
    }
    path = f"{form['path'].rpartition('/asks/')[0]}/asks/{opened['id']}/answer"
    answering = asyncio.create_task(person.post_form(path, fields, _cookies(form)))
    assert (await mine.receive()).json()["answer"]["value"] is True
    assert (await answering).status == 303


def _form_marks(place: Installation) -> Any:
    """Return what signs forms as this installation does: showing its page is not measured."""
    os.environ.update(place.env)
    import django

    django.setup()
    from approvals.forms import new_nonce
    from approvals.models import Ask, Grant
    from tracks.ids import known_id

    return lambda ask, grant: new_nonce(Ask(pk=known_id("ask", ask)), Grant(pk=grant))


if __name__ == "__main__":
    main()
