"""A server on loopback that answers as Slack does, and keeps what it was sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.receivers import Receiver, Seen, receiving, response

TS = "1732269600.000200"


@dataclass
class Slack:
    """What came in; `answers` are given in turn, the last one for ever."""

    receiver: Receiver
    answers: list[bytes] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/api/"

    @property
    def webhook_url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/services/T000/B000/secret"

    @property
    def seen(self) -> list[Seen]:
        return self.receiver.seen

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """Return which method was called with what, in order."""
        return [(each.line.split()[1], each.json) for each in self.seen]

    def will_answer(self, *answers: bytes) -> None:
        self.answers[:] = answers

    def answer(self, connection: Any, seen: Seen) -> None:
        fitting = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        connection.sendall(fitting)


def says(status: int = 200, **body: Any) -> bytes:
    """Return an answer of the Web API."""
    headers = {name: body.pop(name) for name in ("Retry_After",) if name in body}
    return response(status, json.dumps(body).encode(), Content_Type="application/json", **headers)


OK = says(ok=True, channel="C0123456789", ts=TS)
HOOK_OK = response(200, b"ok", Content_Type="text/html")


@contextmanager
def slack_server() -> Iterator[Slack]:
    """Run a server for one test; it says yes to everything until it is told otherwise."""
    with receiving() as receiver:
        slack = Slack(receiver, [OK])
        receiver.scripts[:] = [slack.answer]
        yield slack
