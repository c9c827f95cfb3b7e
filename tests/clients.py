"""An agent and an approver's browser, as plain HTTP clients of a real server."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.server import Outsider, Web

LIMITS = httpx2.Limits(max_connections=None)


class Agent:
    """A client of the agent API with a key."""

    def __init__(self, web: Web, key: str) -> None:
        self.http = httpx2.Client(
            base_url=f"{web.base_url}/api/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=40,
            limits=LIMITS,
        )

    def track(self, **body: Any) -> dict[str, Any]:
        """Open a track."""
        fields = {"title": "Vendor invoices", "customer_email": "cfo@acme.com"} | body
        return self._made("/tracks", fields)

    def ask(self, **body: Any) -> dict[str, Any]:
        """Open an ask, on a track of its own unless `track` names one."""
        track = body.pop("track", None) or self.track()["id"]
        return self._made(f"/tracks/{track}/asks", {"kind": "confirm", "prompt": "Go on?"} | body)

    def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self.http.post(path, json=body)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    def waiting(self, path: str) -> "Waiting":
        """Send a request that waits, and return once the server must have it."""
        waiting = Waiting(self.http, "GET", path)
        time.sleep(0.15)  # there is no telling when the server has begun to wait
        return waiting

    def posting(self, path: str, body: dict[str, Any]) -> "Waiting":
        """Send a POST, and return when it is on its way."""
        posting = Waiting(self.http, "POST", path, body)
        time.sleep(0.02)
        return posting


@dataclass
class Waiting:
    """A request under way in a thread."""

    http: httpx2.Client
    method: str
    path: str
    body: dict[str, Any] | None = None
    result: Any = None
    at: float = 0.0
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self.http.request(self.method, self.path, json=self.body)
        except Exception as error:
            self.result = error
        self.at = time.time()

    def is_waiting(self) -> bool:
        return self.thread.is_alive()

    def response(self, *, within: float = 10.0) -> httpx2.Response:
        """Return the response, which must come within so many seconds."""
        self.thread.join(within)
        assert not self.is_waiting(), f"{self.path} still waits"
        if isinstance(self.result, Exception):
            raise self.result
        answered: httpx2.Response = self.result
        return answered


class Browser:
    """An approver's browser that is verified for one ask."""

    def __init__(self, web: Web, outsider: Outsider, ask: str) -> None:
        made = outsider.call("browser", ask=ask)
        self.url = web.base_url + made["path"]
        self.form, self.cookies = made["form"], made["cookies"]

    def answer(self, value: str = "true", **more: str) -> httpx2.Response:
        """Send the form of the page, each time from a tab of its own."""
        with httpx2.Client(cookies=self.cookies, timeout=40, verify=False) as tab:
            return tab.post(self.url, data=self.form | {"value": value} | more)
