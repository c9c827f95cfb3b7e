"""An HTTP API on loopback that answers as a test says, path by path."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.receivers import Receiver, Script, Seen, reply, response


class Api:
    """Answers each "GET /path" with what was set for it, in turn; the last answer for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Script]] = {}
        self._asked: dict[str, int] = {}
        self.receiver = Receiver(self._answer)

    @property
    def url(self) -> str:
        return self.receiver.url.removesuffix("/hook")

    def on(self, line: str, *answers: Any, status: int = 200, **headers: str) -> None:
        """Set the answers for a method and a path: JSON content, bytes or scripts."""
        self.answers[line] = [
            each if callable(each) else reply(status, _body(each), **headers) for each in answers
        ]

    def _answer(self, connection: socket.socket, seen: Seen) -> None:
        method, target, _ = seen.line.split(" ")
        line = f"{method} {urlsplit(target).path}"
        if line not in self.answers:
            connection.sendall(response(404, b'{"message": "Not Found"}'))
            return
        turn = self._asked.get(line, 0)
        self._asked[line] = turn + 1
        scripts = self.answers[line]
        scripts[min(turn, len(scripts) - 1)](connection, seen)

    def asked(self, line: str = "") -> list[Seen]:
        """Return the requests that came, of all or of one method and path."""
        return [seen for seen in self.receiver.seen if _line(seen).startswith(line)]

    def queries(self, line: str) -> list[dict[str, str]]:
        """Return the queries of the requests for one method and path."""
        return [
            dict(parse_qsl(urlsplit(seen.line.split(" ")[1]).query)) for seen in self.asked(line)
        ]


def _line(seen: Seen) -> str:
    method, target, _ = seen.line.split(" ")
    return f"{method} {urlsplit(target).path}"


def _body(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


@contextlib.contextmanager
def serving() -> Iterator[Api]:
    """Yield an API and close it behind the test."""
    api = Api()
    try:
        yield api
    finally:
        api.receiver.close()
