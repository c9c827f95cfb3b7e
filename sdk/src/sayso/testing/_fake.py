"""The fake server itself, and the people behind it."""

import copy
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from sayso._wire import AskJSON, TrackJSON
from sayso.testing._api import Api
from sayso.testing._world import AskRecord, Refusal, World


class FakeSayso:
    """A fake Sayso on a free port of the loopback, for `with`.

    People do nothing by themselves: an ask stays open until its `timeout_seconds` have passed,
    unless you plan what becomes of the next ones (`answer_with`, `timeout_next`, `cancel_next`: one
    ask each, in the order they are opened, successors of an escalation too) or do it when you like
    (`answer`, `timeout`, `cancel`).

    Attributes:
        api_key: the only key it accepts.
        base_url: where it listens.
    """

    def __init__(self, *, api_key: str = "sk_live_fake") -> None:
        self.api_key = api_key
        self._world = World()
        self._server = _Server(Api(self._world, api_key))
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._world.changed:
            self._world.closed = True
            self._world.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    @property
    def tracks(self) -> list[TrackJSON]:
        """All tracks as the API shows them, oldest first."""
        with self._world.changed:
            self._world.close_overdue()
            tracks: Any = copy.deepcopy(list(self._world.tracks.values()))
        return list(tracks)

    @property
    def asks(self) -> list[AskJSON]:
        """All asks as the API shows them, oldest first."""
        with self._world.changed:
            self._world.close_overdue()
            asks: Any = copy.deepcopy([record.json for record in self._world.asks.values()])
        return list(asks)

    def answer_with(
        self, value: bool | str, *, comment: str | None = None, answered_by: str | None = None
    ) -> None:
        """Plan an answer: True or False, the text, or an option's value, as the kind demands."""
        self._plan(lambda record: self._answer(record, value, comment, answered_by))

    def timeout_next(self) -> None:
        """Plan that nobody answers: the ask times out as soon as it is opened."""
        self._plan(self._world.time_out)

    def cancel_next(self, reason: str | None = None) -> None:
        """Plan that the ask is cancelled as soon as it is opened."""
        self._plan(lambda record: self._world.cancel(record, reason))

    def answer(
        self,
        ask_id: str,
        value: bool | str,
        *,
        comment: str | None = None,
        answered_by: str | None = None,
    ) -> None:
        """Answer an open ask now. Raise ValueError if it is not open or cannot have this value."""
        with self._world.changed:
            self._answer(self._open(ask_id), value, comment, answered_by)

    def timeout(self, ask_id: str) -> None:
        """Let an open ask time out now."""
        with self._world.changed:
            self._world.time_out(self._open(ask_id))
            self._world.follow_script()

    def cancel(self, ask_id: str, reason: str | None = None) -> None:
        """Cancel an open ask now, as another process would."""
        with self._world.changed:
            self._world.cancel(self._open(ask_id), reason)

    def wait_for_ask(self, *, timeout: float = 5.0) -> AskJSON:
        """Wait until an ask is open, and return it. Raise TimeoutError after so many seconds."""
        ends = time.monotonic() + timeout
        with self._world.changed:
            while time.monotonic() < ends:
                for record in self._world.asks.values():
                    if record.json["status"] == "open":
                        ask: AskJSON = copy.deepcopy(record.json)  # type: ignore[assignment]
                        return ask
                self._world.changed.wait(ends - time.monotonic())
        raise TimeoutError(f"No ask was opened within {timeout} s.")

    def _plan(self, act: Any) -> None:
        with self._world.changed:
            self._world.script.append(act)

    def _open(self, ask_id: str) -> AskRecord:
        self._world.close_overdue()
        record = self._world.asks.get(ask_id)
        if record is None or record.json["status"] != "open":
            raise ValueError(f"{ask_id} is {record.json['status'] if record else 'unknown'}")
        return record

    def _answer(
        self, record: AskRecord, value: bool | str, comment: str | None, by: str | None
    ) -> None:
        if not _fits(record, value):
            raise ValueError(f"a {record.json['kind']} ask cannot be answered with {value!r}")
        self._world.answer(record, value, comment, by or record.json["approvers"][0])


def _fits(record: AskRecord, value: bool | str) -> bool:
    kind = record.json["kind"]
    if kind == "choice":
        return value in [option["value"] for option in record.json["config"]["options"]]
    return isinstance(value, bool) if kind == "confirm" else isinstance(value, str)


class _Server(ThreadingHTTPServer):
    """Serves each connection in a thread of its own, and cuts them all when it is closed."""

    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, api: Api) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that break; a client may go at any time."""
        if not isinstance(sys.exception(), OSError | ValueError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._connections):
            self.shutdown_request(connection)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_PATCH(self) -> None:
        self._respond()

    def _respond(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(target.query))
        try:
            status, payload, is_replay = self.server.api.respond(
                self.command, target.path, query, self.headers, body
            )
            self._send(status, payload, "application/json", is_replay=is_replay)
        except Refusal as refusal:
            self._send(refusal.status, refusal.problem, "application/problem+json")

    def _send(
        self, status: int, payload: Any, content_type: str, *, is_replay: bool = False
    ) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if is_replay:
            self.send_header("Idempotency-Replayed", "true")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output to itself."""
