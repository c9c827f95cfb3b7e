"""GitHub's REST API, as far as deployments that wait for a review want it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from mirroring.connectors.auth import HeaderSecret
from mirroring.connectors.base import ConnectorError, Gone, Kind
from mirroring.connectors.http import Answer, Session

Rows = list[dict[str, Any]]

HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "Sayso",  # without one GitHub answers 403
    "X-GitHub-Api-Version": "2022-11-28",
}


class _Session(Session):
    """Requests of which one that was too many is always answered with 429."""

    def exchange(self, *args: Any, **options: Any) -> Answer:
        answer = super().exchange(*args, **options)
        is_spent = answer.headers.get("x-ratelimit-remaining") == "0"
        says_so = "rate limit" in answer.body[:1000].decode("utf-8", "replace").lower()
        is_limit = is_spent or says_so or "retry-after" in answer.headers
        if answer.status not in (403, 429) or not is_limit:
            return answer
        headers = dict(answer.headers)
        reset = headers.get("x-ratelimit-reset", "")
        if "retry-after" not in headers and is_spent and reset.isdecimal():
            left = int(reset[:12]) - self.now().timestamp()
            headers["retry-after"] = str(max(1, round(left)))
        return replace(answer, status=429, headers=headers)


class Api:
    """What an account can read and do. A repository that it does not see is an error, not gone."""

    def __init__(self, base_url: str, token: str, *, per_minute: int | None) -> None:
        auth = HeaderSecret(token)
        self.session = _Session(base_url, auth=auth, headers=HEADERS, per_minute=per_minute)

    @cached_property
    def login(self) -> str:
        """Return the name of the account."""
        said = self.session.read("/user", purpose="get").json
        login = said.get("login") if isinstance(said, dict) else None
        if not isinstance(login, str):
            raise ConnectorError("GitHub does not say whose token it is.", kind=Kind.BAD_ANSWER)
        return login

    def run(self, repository: str, run: int, *, purpose: str) -> dict[str, Any]:
        """Return a run."""
        found: dict[str, Any] = self._part(repository, f"/actions/runs/{run}", purpose=purpose)
        return found

    def runs(
        self, repository: str, query: Mapping[str, str], *, purpose: str
    ) -> tuple[Rows, Answer]:
        """Return a page of the runs that wait, and the answer that it came with."""
        path = f"/repos/{repository}/actions/runs"
        try:
            answer = self.session.read(path, purpose=purpose, query={"status": "waiting", **query})
        except Gone:
            raise _unseen(repository) from None
        said = answer.json
        return _rows(said.get("workflow_runs") if isinstance(said, dict) else None), answer

    def reviews(self, repository: str, run: int, *, purpose: str) -> tuple[Rows, Rows]:
        """Return the reviews of a run and what waits in it, in this order.

        What is reviewed in between is then seen as one thing less that waits, never as one more.
        """
        path = f"/actions/runs/{int(run)}"
        history = self._part(repository, f"{path}/approvals", purpose=purpose)
        pending = self._part(repository, f"{path}/pending_deployments", purpose=purpose)
        return _rows(history), _rows(pending)

    def _part(self, repository: str, path: str, *, purpose: str) -> Any:
        """Return something in a repository; raise Gone only where the repository is seen."""
        try:
            return self.session.read(f"/repos/{repository}{path}", purpose=purpose).json
        except Gone:
            self._see(repository, purpose=purpose)
            raise

    def _see(self, repository: str, *, purpose: str) -> None:
        try:
            self.session.read(f"/repos/{repository}", purpose=purpose)
        except Gone:
            raise _unseen(repository) from None

    def review(self, repository: str, run: int, body: Mapping[str, Any]) -> Answer:
        """Send a review."""
        path = f"/repos/{repository}/actions/runs/{run}/pending_deployments"
        return self.session.send("POST", path, purpose="decide", body=body)


def _rows(said: Any) -> Rows:
    if not isinstance(said, list):
        raise ConnectorError("GitHub answered without a list.", kind=Kind.BAD_ANSWER)
    return said


def _unseen(repository: str) -> ConnectorError:
    message = f"The token does not see the repository {repository}, or not its actions."
    return ConnectorError(message, kind=Kind.FORBIDDEN, permanent=True, status=404)
