"""An Airflow 3 that asks people, as far as its API shows; knows nothing of the connector.

`faults` are names of things that go wrong once each: server_error, server_error_after_commit,
too_many_requests, slow, short_page, both_win.
"""

import json
import re
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

USERS = {"sayso": "sayso-password"}
ONE = re.compile(
    r"/api/v2/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/(-?\d+)(/hitlDetails)?"
)
ALL = "/api/v2/dags/~/dagRuns/~/hitlDetails"


class Airflow:
    """Serves on loopback until it is closed."""

    def __init__(self) -> None:
        self.details: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"airflow": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        serve = {"target": self.server.serve_forever, "kwargs": {"poll_interval": 0.02}}
        threading.Thread(**serve, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()

    def ask(
        self, subject: str, *, options: tuple[str, ...] = ("Approve", "Reject"), **more: Any
    ) -> str:
        """Let a task ask somebody, and return the name of the task."""
        task = f"approve_{len(self.details)}"
        created = f"2026-11-22T10:00:{len(self.details) % 60:02}.123456Z"
        self.details[task] = {
            "task_instance": {
                "id": str(uuid.uuid4()),
                "dag_id": "pay invoices",
                "dag_run_id": "manual__2026-11-22T10:00:00+00:00",
                "task_id": task,
                "map_index": -1,
                "state": "awaiting_input",
                "note": None,
            },
            "options": list(options),
            "subject": subject,
            "body": f"Why: {subject}",
            "defaults": None,
            "multiple": False,
            "params": {},
            "assigned_users": [{"id": "7", "name": "alice"}, {"id": "9", "name": "sayso"}],
            "created_at": created,
            "responded_by_user": None,
            "chosen_options": None,
            "params_input": {},
            "response_received": False,
            **more,
        }
        return task

    def respond(self, task: str, chosen: list[str], *, by: str) -> None:
        """Answer, as in its own pages."""
        answer = {"id": by, "name": by}
        self.details[task] |= {
            "response_received": True,
            "chosen_options": chosen,
            "responded_by_user": answer,
        }
        self.details[task]["task_instance"]["state"] = "success"

    def clear(self, task: str) -> None:
        """Let the task run, and ask, again."""
        self.details[task] |= {"response_received": False, "chosen_options": None}
        self.details[task]["task_instance"] |= {"id": str(uuid.uuid4()), "state": "awaiting_input"}

    def fault(self, name: str) -> bool:
        """Tell whether this goes wrong now; it will not the next time."""
        with self.lock:
            if name in self.faults:
                self.faults.remove(name)
                return True
        return False


class _Handler(BaseHTTPRequestHandler):
    airflow: Airflow
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        said = self._body()
        if self.path != "/auth/token" or USERS.get(said.get("username")) != said.get("password"):
            return self._send(401, {"detail": "Invalid credentials"})
        token = uuid.uuid4().hex
        self.airflow.tokens.add(token)
        return self._send(201, {"access_token": token})

    def do_GET(self) -> None:
        if not self._may_go_on():
            return None
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == ALL:
            return self._send(200, self._page(query))
        detail = self._found(path)
        return self._send(200, detail) if detail else self._send(404, {"detail": "not found"})

    def do_PATCH(self) -> None:
        said = self._body()
        if not self._may_go_on():
            return None
        path = urlsplit(self.path).path
        detail = self._found(path)
        if not detail:
            return self._send(404, {"detail": "not found"})
        if not path.endswith("/hitlDetails"):
            if len(said["note"]) > 1000:
                return self._send(422, {"detail": "too long"})
            detail["task_instance"]["note"] = said["note"]
            return self._send(200, detail["task_instance"])
        return self._choose(detail, said["chosen_options"])

    def _choose(self, detail: dict[str, Any], chosen: list[str]) -> None:
        task = detail["task_instance"]["task_id"]
        with self.airflow.lock:
            if detail["response_received"]:
                return self._send(409, {"detail": "Human-in-the-loop detail has been updated"})
            users = [each["name"] for each in detail["assigned_users"]]
            if users and "sayso" not in users:
                return self._send(403, {"detail": "User=sayso is not a respondent for the task."})
            if not set(chosen) <= set(detail["options"]):
                return self._send(400, {"detail": "Invalid options"})
            self.airflow.respond(task, chosen, by="sayso")
            if self.airflow.fault("both_win"):
                self.airflow.respond(task, ["Reject"], by="alice")
        if self.airflow.fault("server_error_after_commit"):
            return self._send(500, {"detail": "Internal Server Error"})
        return self._send(200, {"chosen_options": chosen, "params_input": {}})

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        rows = [each for each in self.airflow.details.values() if not each["response_received"]]
        rows.sort(key=lambda each: str(each["created_at"]))
        offset, limit = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
        size = 1 if self.airflow.fault("short_page") else limit
        return {"hitl_details": rows[offset : offset + size], "total_entries": len(rows)}

    def _found(self, path: str) -> dict[str, Any] | None:
        match = ONE.fullmatch(path)
        detail = self.airflow.details.get(unquote(match[3])) if match else None
        if match is None or detail is None:
            return None
        task = detail["task_instance"]
        is_it = unquote(match[1]) == task["dag_id"] and unquote(match[2]) == task["dag_run_id"]
        return detail if is_it and int(match[4]) == task["map_index"] else None

    def _may_go_on(self) -> bool:
        self.airflow.requests.append(f"{self.command} {self.path}")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.airflow.tokens:
            self._send(403, {"detail": "Forbidden"})
        elif self.airflow.fault("server_error"):
            self._send(500, {"detail": "Internal Server Error"})
        elif self.airflow.fault("too_many_requests"):
            self._send(429, {"detail": "slow down"}, {"Retry-After": "7"})
        else:
            if self.airflow.fault("slow"):
                time.sleep(1)
            return True
        return False

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
