"""A task provider: the interface of docs/task-provider.md, in the standard library alone.

It keeps its tasks in memory and listens on this machine only. Run it, make a connection of the kind
"Task Provider" to the address and the token that it prints, and its two tasks are asked about:

    python examples/task_provider.py --port 8070 --approver you@example.com

Put your own tables behind `Tasks`, and the rest can stay as it is.
"""

import argparse
import hmac
import json
import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

RESPONSES = [
    {"code": "approve", "label": "Approve", "outcome": "approved", "commentRequired": False},
    {"code": "deny", "label": "Deny", "outcome": "rejected", "commentRequired": False},
]


class Refused(Exception):
    """A request that is answered with an error: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message}


class Tasks:
    """What waits for somebody, and what came of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tasks: dict[str, dict[str, Any]] = {}
        self.log: dict[str, list[str]] = {}
        self.answers: dict[str, tuple[Any, dict[str, Any]]] = {}  # by idempotency key
        self.markers: set[tuple[str, str]] = set()
        self.latest = datetime.now(UTC)

    def add(self, title: str, *, approver: str, **more: Any) -> str:
        """Ask somebody, and return the id of the task."""
        with self.lock:
            ref = f"REQ-{len(self.tasks) + 1}"
            people = [{"id": approver, "email": approver}]
            self.tasks[ref] = {"id": ref, "revision": "0", "title": title, "approvers": people}
            self.log[ref] = []
            self.change(ref, state="pending", responses=RESPONSES, **more)
            self.tasks[ref]["created"] = self.tasks[ref]["modified"]
        return ref

    def change(self, ref: str, **changes: Any) -> None:
        """Change a task. Each change has a later time than all before, and a new revision."""
        with self.lock:
            self.latest = max(datetime.now(UTC), self.latest + timedelta(microseconds=1))
            modified = self.latest.isoformat(timespec="microseconds")
            revision = str(int(self.tasks[ref]["revision"]) + 1)
            self.tasks[ref] |= {**changes, "modified": modified, "revision": revision}

    def remove(self, ref: str) -> None:
        """Leave a tombstone, for a client that looks for what changed."""
        with self.lock:
            self.change(ref)
            kept = {name: self.tasks[ref][name] for name in ("id", "revision", "modified")}
            self.tasks[ref] = {**kept, "state": "deleted"}

    def page(self, after: str, last_id: str, state: str, limit: int) -> dict[str, Any]:
        """Return what is after (`after`, `last_id`), in this order, and whether there is more."""
        since = datetime.fromisoformat(after or "1970-01-01T00:00:00Z")
        with self.lock:
            found = [
                (moment, task["id"], task)
                for task in self.tasks.values()
                if (moment := datetime.fromisoformat(task["modified"])) >= since
                and (moment, task["id"]) > (since, last_id)
                and state in ("", task["state"])
            ]
        found.sort(key=lambda each: each[:2])
        return {"tasks": [task for _, _, task in found[:limit]], "more": len(found) > limit}

    def one(self, ref: str) -> dict[str, Any]:
        """Return a task."""
        if ref not in self.tasks:
            raise Refused(404, "not_found", f"There is no task {ref}.")
        return self.tasks[ref]

    def respond(self, ref: str, said: dict[str, Any], key: str, revision: str) -> dict[str, Any]:
        """Take a response once, if the task is as it was judged."""
        with self.lock:
            task = self.one(ref)
            if key in self.answers:
                before, answer = self.answers[key]
                if before != (ref, said):
                    raise Refused(422, "idempotency_mismatch", "The key was used for another.")
                return answer
            if task["state"] != "pending":
                raise Refused(409, "already_decided", f"The task is {task['state']}.")
            if revision != task["revision"]:
                raise Refused(412, "revision_changed", f"It is at revision {task['revision']}.")
            chosen = next((r for r in task["responses"] if r["code"] == said["response"]), None)
            if chosen is None:
                raise Refused(422, "unknown_response", "This response is not offered.")
            if chosen["commentRequired"] and not said["comment"].strip():
                raise Refused(422, "comment_required", "This response wants a comment.")
            if said["actor"]["email"] not in [person["email"] for person in task["approvers"]]:
                raise Refused(403, "not_allowed", "This person is not asked.")
            self.log[ref].append(said["statement"])
            decided = {"response": chosen["code"], "by": said["actor"], "at": said["decidedAt"]}
            self.change(ref, state=chosen["outcome"], decided=decided)
            self.answers[key] = (ref, said), dict(task)
            return task

    def note(self, ref: str, text: str, marker: str) -> dict[str, Any]:
        """Keep a note, once for each marker; the task and its revision stay as they are."""
        with self.lock:
            self.one(ref)
            is_new = (ref, marker) not in self.markers
            if is_new:
                self.markers.add((ref, marker))
                self.log[ref].append(text)
            return {"written": is_new}


class Handler(BaseHTTPRequestHandler):
    """The interface itself; `tasks` and `token` are set by serve()."""

    tasks: Tasks
    token: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer GET /health, /tasks and /tasks/{id}."""
        self._answer(self._read)

    def do_POST(self) -> None:
        """Answer POST /tasks/{id}/responses and /tasks/{id}/notes."""
        self._answer(self._write)

    def _read(self, path: str, body: bytes) -> dict[str, Any]:
        query = {name: found[0] for name, found in parse_qs(urlsplit(self.path).query).items()}
        if path == "/health":
            return {"status": "ok", "account": "sayso"}
        if path == "/tasks":
            limit = max(1, min(int(query.get("limit", 100)), 500))
            wanted = (query.get(name, "") for name in ("modifiedAfter", "lastId", "state"))
            return self.tasks.page(*wanted, limit)
        match = re.fullmatch(r"/tasks/([^/]+)", path)
        return self.tasks.one(unquote(match[1]) if match else path)

    def _write(self, path: str, body: bytes) -> dict[str, Any]:
        match, said = re.fullmatch(r"/tasks/([^/]+)/(responses|notes)", path), json.loads(body)
        if match is None:
            raise Refused(404, "not_found", f"There is no {path}.")
        if match[2] == "notes":
            return self.tasks.note(unquote(match[1]), said["text"], said["marker"])
        key, revision = self.headers.get("Idempotency-Key"), self.headers.get("If-Match")
        if not key or not (revision or said.get("revision")):
            raise Refused(428, "precondition_required", "A key and a revision are needed.")
        revision = revision.strip('"') if revision else said["revision"]
        return self.tasks.respond(unquote(match[1]), said, key, revision)

    def _answer(self, work: Callable[[str, bytes], dict[str, Any]]) -> None:
        status, sent = 200, self.headers.get("Authorization", "")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if not hmac.compare_digest(sent.encode(), f"Bearer {self.token}".encode()):
                raise Refused(401, "unauthorized", "This is not the token.")
            content = work(urlsplit(self.path).path, body)
        except Refused as refusal:
            status, content = refusal.status, refusal.body
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            status, content = 400, {"code": "malformed", "message": str(error)}
        answer = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def serve(tasks: Tasks, token: str, *, port: int = 0) -> ThreadingHTTPServer:
    """Return a server on loopback; its serve_forever() is the caller's to call."""
    handler = type("TasksHandler", (Handler,), {"tasks": tasks, "token": token})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


def main() -> None:
    """Serve two tasks until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A task provider with two tasks.")
    parser.add_argument("--port", type=int, default=8070)
    parser.add_argument("--token", default=secrets.token_urlsafe(24))
    parser.add_argument("--approver", default="cfo@acme.com")
    options = parser.parse_args()
    tasks = Tasks()
    tasks.add("Twelve laptops", approver=options.approver, amount="18400.00", currency="EUR")
    tasks.add("VPN for a contractor", approver=options.approver)
    server = serve(tasks, options.token, port=options.port)
    print(f"http://127.0.0.1:{server.server_port}  token {options.token}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
