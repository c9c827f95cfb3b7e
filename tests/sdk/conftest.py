"""A fake Sayso, a scripted server on real sockets, and a clock that the test moves."""

import contextlib
import json
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sayso import Sayso, _clock, _retrying
from sayso._protocol import Lost, Pause, Reply
from sayso._session import Session
from sayso.testing import FakeSayso

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SAYSO_API_KEY", raising=False)
    monkeypatch.delenv("SAYSO_BASE_URL", raising=False)


@pytest.fixture(autouse=True)
def no_test_hangs():
    """A call that would block for ever fails its test instead."""

    def fail(*_):
        raise AssertionError("the test is blocked")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def fake():
    with FakeSayso() as fake:
        yield fake


@pytest.fixture
def client(fake):
    with Sayso(fake.api_key, fake.base_url) as client:
        yield client


@pytest.fixture
def track(client):
    return client.create_track("Invoices", ["Fetch", "Pay"], "cfo@acme.com")


@pytest.fixture
def ask_json():
    """Builds an ask as the server shows it. It was opened at noon and expires at 12:30."""

    def build(**fields):
        return {
            "id": "ask_1",
            "track_id": "trk_1",
            "url": "http://fake.example/t/x",
            "key": "k",
            "kind": "confirm",
            "prompt": "Pay?",
            "config": {"accept_label": "Yes", "reject_label": "No"},
            "status": "open",
            "answer": None,
            "approvers": ["cfo@acme.com"],
            "needed": 1,
            "decisions": [],
            "asked_by": "agent",
            "timeout_seconds": 1800,
            "expires_at": "2026-11-22T12:30:00.000Z",
            "due_at": None,
            "created_at": "2026-11-22T12:00:00.000Z",
            "closed_at": None,
            "cancel_reason": None,
            "escalated_from": None,
            "escalated_to": None,
            "display_digest": "sha256:00",
            "action_digest": None,
            "receipt_url": "http://fake.example/receipt",
            **fields,
        }

    return build


@pytest.fixture
def answered(ask_json):
    answer = {
        "value": True,
        "comment": None,
        "answered_by": "cfo@acme.com",
        "answered_at": "2026-11-22T12:00:48.211Z",
        "duration_ms": 48211,
        "verified_by": "email_link",
    }
    return ask_json(status="answered", answer=answer, closed_at="2026-11-22T12:00:48.211Z")


@pytest.fixture
def session():
    return Session(
        api_key="sk_live_x",
        base_url="http://sayso.example",
        timeout=30.0,
        max_retries=7,
        outage_grace=300.0,
    )


class Stage:
    """Plays the outside to an operation, with a clock of its own and without jitter."""

    def __init__(self):
        self.seconds = 0.0
        self.steps = []

    def monotonic(self):
        return self.seconds

    def now(self):
        return NOON + timedelta(seconds=self.seconds)

    def play(self, operation, *outcomes):
        """Run an operation; an outcome is a reply, or a pair: the seconds it takes, and a reply."""
        script = iter(outcomes)
        outcome = None
        try:
            while True:
                step = operation.send(outcome)
                self.steps.append(step)
                if isinstance(step, Pause):
                    self.seconds += step.seconds
                    outcome = None
                else:
                    took, outcome = _timed(next(script))
                    self.seconds += took
        except StopIteration as end:
            assert next(script, None) is None, "the operation ended early"
            return end.value

    @property
    def sent(self):
        return [step for step in self.steps if not isinstance(step, Pause)]

    @property
    def pauses(self):
        return [round(step.seconds, 6) for step in self.steps if isinstance(step, Pause)]

    @property
    def paths(self):
        return [step.path.removeprefix("/api/v1") for step in self.sent]


def _timed(outcome):
    return outcome if isinstance(outcome, tuple) else (0.0, outcome)


@pytest.fixture
def stage(monkeypatch):
    stage = Stage()
    monkeypatch.setattr(_clock, "monotonic", stage.monotonic)
    monkeypatch.setattr(_clock, "now", stage.now)
    monkeypatch.setattr(_retrying.random, "uniform", lambda low, high: 1.0)
    return stage


@pytest.fixture
def ok():
    return lambda data, status=200, **headers: Reply(status, headers, json.dumps(data).encode())


@pytest.fixture
def refusal():
    def build(status, code, headers=None, **more):
        problem = {"status": status, "code": code, "detail": "No.", **more}
        return Reply(status, headers or {}, json.dumps(problem).encode())

    return build


@pytest.fixture
def lost():
    return Lost(ConnectionResetError("gone"), "GET http://sayso.example/api/v1/asks/ask_1")


class ScriptedServer:
    """A server on a real socket that does to each request what the test says.

    A behaviour is called with the connection and returns whether to keep it. When none is left,
    requests are dropped.
    """

    def __init__(self):
        self.requests = []
        self.connections = 0
        self._behaviours = []
        self._open = set()
        self.listen(0)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def listen(self, port):
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def will(self, *behaviours):
        self._behaviours.extend(behaviours)

    def answer(self, data, status=200, headers=()):
        """A behaviour: answer with JSON and keep the connection."""
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
        response = "\r\n".join(lines).encode() + body

        def behave(connection):
            connection.sendall(response)
            return True

        return behave

    def drop(self, connection):
        """A behaviour: read the request and hang up."""
        return False

    def half(self, connection):
        """A behaviour: hang up in the middle of the response."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        return False

    def stall(self, connection):
        """A behaviour: say nothing, and hang up when the client does."""
        connection.recv(1)
        return False

    def close(self):
        # A thread that is blocked in accept() would keep the port open.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hang_up(self):
        for connection in list(self._open):
            connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.add(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            while request := _read_request(stream):
                self.requests.append(request)
                behave = self._behaviours.pop(0) if self._behaviours else self.drop
                if not behave(connection):
                    break
            self._open.discard(connection)


def _read_request(stream):
    line = stream.readline().decode().split()
    if not line:
        return None
    headers = {}
    while name := stream.readline().decode().strip():
        key, _, value = name.partition(": ")
        headers[key.lower()] = value
    body = stream.read(int(headers.get("content-length", 0)))
    return {"method": line[0], "path": line[1], "headers": headers, "body": body}


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def quick(monkeypatch):
    """Makes real pauses between retries short."""
    monkeypatch.setattr(_retrying, "LONGEST_DELAY", 0.01)


@pytest.fixture
def run_in_thread():
    """Runs a call in a thread; the result is had by calling what is returned."""

    def run(call):
        box = []

        def target():
            try:
                box.append(("returned", call()))
            except BaseException as error:
                box.append(("raised", error))

        thread = threading.Thread(target=target, daemon=True)
        thread.start()

        def result():
            thread.join(5)
            assert box, "the call is still blocked"
            how, value = box[0]
            if how == "raised":
                raise value
            return value

        return result

    return run
