"""The limit to measure against: an ask, a wait and an answer on a bare ASGI server.

No framework, authentication, validation, page or audit; one commit on create and one on answer, in
the database that Sayso uses in the same run.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import uvicorn

_ASK = re.compile(r"/asks/([0-9a-f]+)(/answer)?")


class Sqlite:
    """A table in a file, written with the pragmas of the embedded run."""

    async def open(self) -> None:
        path = Path(os.environ["SAYSO_DATA"]) / "bare.sqlite3"
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.execute("CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, value TEXT)")

    async def create(self, key: str) -> None:
        self.connection.execute("INSERT INTO bare VALUES (?, NULL)", [key])

    async def answer(self, key: str, value: str) -> None:
        self.connection.execute("UPDATE bare SET value = ? WHERE id = ?", [value, key])


class Postgresql:
    """A table on the server that DATABASE_URL names, through one connection."""

    async def open(self) -> None:
        url = os.environ["DATABASE_URL"]
        self.connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        await self.connection.execute(
            "CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, value text)"
        )

    async def create(self, key: str) -> None:
        await self.connection.execute("INSERT INTO bare VALUES (%s, NULL)", [key])

    async def answer(self, key: str, value: str) -> None:
        await self.connection.execute("UPDATE bare SET value = %s WHERE id = %s", [value, key])


store: Sqlite | Postgresql = Postgresql() if "DATABASE_URL" in os.environ else Sqlite()
waiting: dict[str, asyncio.Future[str]] = {}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve /asks, /asks/{id} and /asks/{id}/answer."""
    if scope["type"] == "lifespan":
        await receive()
        await store.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = await _serve(scope, await _body(receive))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _serve(scope: Any, body: bytes) -> bytes:
    match = _ASK.fullmatch(scope["path"])
    if match is None:
        if scope["path"] != "/asks":
            return b"{}"
        key = secrets.token_hex(16)
        await store.create(key)
        waiting[key] = asyncio.get_running_loop().create_future()
        return json.dumps({"id": key}).encode()
    if not match[2]:
        return json.dumps({"value": await asyncio.shield(waiting[match[1]])}).encode()
    await store.answer(match[1], body.decode())
    waiting[match[1]].set_result(body.decode())
    return b"{}"


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    config = uvicorn.Config(
        application,
        port=parser.parse_args().port,
        log_level="warning",
        access_log=False,
        http="httptools",
        backlog=4096,
        timeout_keep_alive=75,  # as config.serve has it; the answering client is idle for seconds
    )
    uvicorn.Server(config).run()
