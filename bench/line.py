"""A cheap HTTP/1.1 client on asyncio streams: it must cost less than what it measures."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass
class Reply:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One connection that is kept alive; one request at a time."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        address = urlsplit(base_url)
        self._host, self._port = address.hostname, address.port
        self._headers = "".join(
            f"{name}: {value}\r\n"
            for name, value in {"Host": address.netloc, **(headers or {})}.items()
        )

    async def open(self) -> "Line":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    def close(self) -> None:
        self._writer.close()

    async def get(self, path: str) -> Reply:
        await self.send("GET", path)
        return await self.receive()

    async def post_json(self, path: str, content: Any) -> Reply:
        await self.send("POST", path, json.dumps(content).encode(), "application/json")
        return await self.receive()

    async def post_form(self, path: str, fields: Mapping[str, str], cookies: str) -> Reply:
        kind = "application/x-www-form-urlencoded"
        await self.send("POST", path, urlencode(fields).encode(), kind, cookies)
        return await self.receive()

    async def send(
        self, method: str, path: str, body: bytes = b"", kind: str = "", cookies: str = ""
    ) -> None:
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}"
        if cookies:
            head += f"Cookie: {cookies}\r\n"
        if kind:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        await self._writer.drain()

    async def receive(self) -> Reply:
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        status = int(lines[0].split()[1])
        length = next((line for line in lines if line.startswith(b"content-length:")), None)
        if length is not None:
            return Reply(status, await self._reader.readexactly(int(length.split(b":")[1])))
        return Reply(status, await self._chunks())

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readline()
        await self._reader.readline()
        return body
