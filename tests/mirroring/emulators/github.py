"""GitHub's Actions with protected environments, as far as its REST reference shows.

Knows nothing of the connector. `faults` are names of things that go wrong once each: server_error,
server_error_after_commit, dropped_after_commit, too_many_requests, limit_spent, secondary_limit,
slow, refused, approved_meanwhile, rejected_meanwhile, not_yet_visible.
"""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKENS = {"ghp_sayso0123456789": "sayso-bot", "ghp_stranger0123456": "stranger"}
REPOSITORIES = ("octo-org/shop", "octo-org/site")
RUN = re.compile(r"/repos/([\w.-]+/[\w.-]+)/actions/runs/(\d+)(/approvals|/pending_deployments)?")
RUNS = re.compile(r"/repos/([\w.-]+/[\w.-]+)/actions/runs")
REPOSITORY = re.compile(r"/repos/([\w.-]+/[\w.-]+)")
NOBODY = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}
UNWANTED = {
    "message": "Validation Failed",
    "errors": "No pending deployment requests to approve or reject",
}


def user(login: str, kind: str = "User") -> dict[str, Any]:
    """Return a person as GitHub shows them: without an address."""
    return {"login": login, "id": sum(map(ord, login)), "type": kind, "site_admin": False}


class GitHub:
    """Serves on loopback until it is closed."""

    def __init__(self) -> None:
        self.runs: dict[int, dict[str, Any]] = {}
        self.pending: dict[int, list[dict[str, Any]]] = {}
        self.approvals: dict[int, list[dict[str, Any]]] = {}
        self.environments: dict[str, int] = {}
        self.reviewers: list[dict[str, Any]] = [user("sayso-bot"), user("alice")]
        self.seen_by = {"sayso-bot": set(REPOSITORIES), "stranger": set[str]()}
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.posted: list[dict[str, Any]] = []
        self.lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"github": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/v3"
        serve = {"target": self.server.serve_forever, "kwargs": {"poll_interval": 0.02}}
        threading.Thread(**serve, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()

    def push(
        self,
        title: str,
        *,
        repository: str = REPOSITORIES[0],
        environments: tuple[str, ...] = ("production",),
    ) -> int:
        """Start a run whose jobs want to deploy, and return its id."""
        number = len(self.runs) + 1
        run = 30433642000 + number
        self.runs[run] = {
            "id": run,
            "name": "Deploy",
            "display_title": title,
            "run_number": number,
            "run_attempt": 1,
            "event": "push",
            "status": "waiting",
            "conclusion": None,
            "head_branch": "main",
            "head_sha": f"{number:040x}",
            "html_url": f"https://github.example.com/{repository}/actions/runs/{run}",
            "created_at": f"2026-11-22T10:00:{number % 60:02}Z",
            "updated_at": f"2026-11-22T10:05:{number % 60:02}Z",
            "actor": user("rita"),
            "triggering_actor": user("rita"),
            "head_commit": {"id": f"{number:040x}", "message": f"{title}\n\nBecause of #12."},
            "repository": {"full_name": repository},
        }
        self.approvals[run] = []
        self.pending[run] = []
        for name in environments:
            self.ask(run, name)
        return run

    def ask(self, run: int, environment: str, **more: Any) -> None:
        """Let a job of a run wait for an environment."""
        names = {"name": environment, "id": self._id(environment)}
        reviewers = [{"type": "User", "reviewer": each} for each in self.reviewers]
        rules = {"wait_timer": 0, "wait_timer_started_at": None, "reviewers": reviewers}
        self.pending[run].append({"environment": names, **rules, **more})
        self.runs[run] |= {"status": "waiting", "conclusion": None}

    def review(self, run: int, environment: str, state: str, *, by: str, comment: str) -> None:
        """Review it, as in GitHub's own pages."""
        with self.lock:
            wanted = [
                each for each in self.pending[run] if each["environment"]["name"] == environment
            ]
            for each in wanted:
                self.pending[run].remove(each)
            entry = {"environments": [each["environment"] for each in wanted], "state": state}
            self.approvals[run].append({**entry, "user": user(by), "comment": comment})
            if state == "rejected":
                self.pending[run].clear()
                self.runs[run] |= {"status": "completed", "conclusion": "failure"}
            elif not self.pending[run]:
                self.runs[run] |= {"status": "in_progress", "conclusion": None}

    def end(self, run: int, conclusion: str) -> None:
        """End a run, whatever it waited for."""
        self.pending[run].clear()
        self.runs[run] |= {"status": "completed", "conclusion": conclusion}

    def start_anew(self, run: int, environment: str) -> None:
        """Start a run once more; the reviews of the first time stay in its history."""
        self.pending[run].clear()
        self.runs[run]["run_attempt"] += 1
        self.ask(run, environment)

    def comments(self, run: int) -> list[str]:
        """Return what people find written beside the reviews of a run."""
        return [each["comment"] for each in self.approvals[run]]

    def _id(self, environment: str) -> int:
        return self.environments.setdefault(environment, 161088068 + len(self.environments))

    def fault(self, name: str) -> bool:
        """Tell whether this goes wrong now; it will not the next time."""
        with self.lock:
            if name in self.faults:
                self.faults.remove(name)
                return True
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing about somebody who hung up."""


class _Handler(BaseHTTPRequestHandler):
    github: GitHub
    protocol_version = "HTTP/1.1"
    login = ""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if not self._may_go_on():
            return None
        if self.route == "/user":
            return self._send(200, user(self.login))
        if match := RUNS.fullmatch(self.route):
            return self._list(match[1])
        if match := RUN.fullmatch(self.route):
            return self._one(match[1], int(match[2]), match[3])
        match = REPOSITORY.fullmatch(self.route)
        seen = match is not None and self._sees(match[1])
        return self._send(200, {"full_name": match[1]}) if seen else self._send(404, NOBODY)

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if not self._may_go_on():
            return None
        match = RUN.fullmatch(self.route)
        if match is None or match[3] != "/pending_deployments" or not self._sees(match[1]):
            return self._send(404, NOBODY)
        self.github.posted.append(said)
        run = int(match[2])
        if said.keys() != {"environment_ids", "state", "comment"}:
            return self._send(422, {"message": "Invalid request."})
        for state in ("approved", "rejected"):
            if self.github.fault(f"{state}_meanwhile"):
                self._review_all(run, state)
        return self._review(run, said)

    def _review_all(self, run: int, state: str) -> None:
        for each in list(self.github.pending[run]):
            name = each["environment"]["name"]
            self.github.review(run, name, state, by="alice", comment="In the browser.")

    def _review(self, run: int, said: dict[str, Any]) -> None:
        with self.github.lock:
            wanted = [
                each["environment"]["name"]
                for each in self.github.pending[run]
                if each["environment"]["id"] in said["environment_ids"] and self._may(each)
            ]
            if not wanted or self.github.fault("refused"):
                return self._send(422, UNWANTED)
            if not self.github.fault("not_yet_visible"):
                for name in wanted:
                    comment = said["comment"]
                    self.github.review(run, name, said["state"], by=self.login, comment=comment)
        if self.github.fault("dropped_after_commit"):
            self.close_connection = True
            return None
        if self.github.fault("server_error_after_commit"):
            return self._send(500, {"message": "Server Error"})
        return self._send(200, [{"environment": name, "ref": "main"} for name in wanted])

    def _list(self, repository: str) -> None:
        if not self._sees(repository):
            return self._send(404, NOBODY)
        query = parse_qs(urlsplit(self.path).query)
        page, size = int(query.get("page", ["1"])[0]), int(query.get("per_page", ["30"])[0])
        runs = [
            each
            for each in reversed(self.github.runs.values())
            if each["repository"]["full_name"] == repository
            and each["status"] in query.get("status", [each["status"]])
        ]
        headers = {}
        if page * size < len(runs):
            link = f"{self.github.url}/repos/{repository}/actions/runs?page={page + 1}"
            headers["Link"] = f'<{link}>; rel="next", <{link}>; rel="last"'
        found = runs[(page - 1) * size : page * size]
        return self._send(200, {"total_count": len(runs), "workflow_runs": found}, headers)

    def _one(self, repository: str, run: int, part: str | None) -> None:
        found = self.github.runs.get(run)
        if found is None or found["repository"]["full_name"] != repository:
            return self._send(404, NOBODY)
        if not self._sees(repository):
            return self._send(404, NOBODY)
        if part == "/approvals":
            return self._send(200, self.github.approvals[run])
        if part is None:
            return self._send(200, found)
        pending = [
            {**each, "current_user_can_approve": self._may(each)}
            for each in self.github.pending[run]
        ]
        return self._send(200, pending)

    def _may(self, waiting: dict[str, Any]) -> bool:
        names = [each["reviewer"].get("login") for each in waiting["reviewers"]]
        return self.login in names and not waiting["wait_timer_started_at"]

    def _sees(self, repository: str) -> bool:
        return repository in self.github.seen_by[self.login]

    def _may_go_on(self) -> bool:
        self.github.requests.append(f"{self.command} {self.path}")
        self.route = urlsplit(self.path).path.removeprefix("/api/v3")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.login = TOKENS.get(token, "")
        reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 90)}
        if not self.headers.get("User-Agent"):
            self._send(403, {"message": "Request forbidden by administrative rules."})
        elif not self.login:
            self._send(401, {"message": "Bad credentials"})
        elif self.github.fault("server_error"):
            self._send(502, {"message": "Server Error"})
        elif self.github.fault("too_many_requests"):
            self._send(429, {"message": "slow down"}, {"Retry-After": "7"})
        elif self.github.fault("limit_spent"):
            self._send(403, {"message": "API rate limit exceeded for user ID 1."}, reset)
        elif self.github.fault("secondary_limit"):
            self._send(403, {"message": "You have exceeded a secondary rate limit."})
        else:
            if self.github.fault("slow"):
                time.sleep(0.5)
            return True
        return False

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
