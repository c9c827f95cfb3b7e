"""The real Request Tracker that the environment names, with the accounts it was seeded with."""

import json
import os
import time
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from mirroring.connectors.base import Connector, State
from mirroring.connectors.request_tracker import RequestTracker
from mirroring.connectors.rest import Rest

URL = os.environ.get("SAYSO_TEST_RT_URL", "")
TOKENS = os.environ.get("SAYSO_TEST_RT_TOKENS", "")
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "request-tracker.yaml"
STATUS = {State.APPROVED: "resolved", State.REJECTED: "rejected"}


@cache
def token(name: str) -> str:
    rows = dict(row.split("=", 1) for row in Path(TOKENS).read_text().split() if "=" in row)
    return rows[f"TOKEN_{name.upper()}"]


def call(who: str, method: str, path: str, body: Any = None) -> Any:
    """Do something in RT as one of its people, without any code of ours."""
    sent = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"token {token(who)}", "Content-Type": "application/json"},
    )
    for attempt in range(5):
        try:
            with urllib.request.urlopen(sent, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:  # SQLite is locked while another worker writes
            if error.code < 500 or attempt == 4:
                raise
            time.sleep(0.3)
    raise AssertionError


def request(queue: str, title: str, fields: dict[str, str]) -> Any:
    """Request something as Rita."""
    said = {"Queue": queue, "Subject": title, "Content": f"Why: {title}"}
    people = {"Requestor": "rita@corp.example", "CustomFields": fields}
    return call("rita", "POST", "/ticket", {**said, **people})


class RequestTrackerSystem:
    """The built-in connector over RT."""

    approver = "alice@corp.example"

    def __init__(self) -> None:
        self.opened: list[str] = []

    def close(self) -> None:
        """Leave nothing pending, so that the next run finds no more than this one."""
        for ref in self.opened:
            call("mirror", "PUT", f"/ticket/{ref}", {"Status": "rejected"})

    def connector(self, **config: str) -> Connector:
        return RequestTracker({"base_url": URL, "token": token("mirror"), **config})

    def bad_credentials(self) -> dict[str, str]:
        return {"token": "1-1-deadbeefdeadbeef"}

    def open(self, title: str, *, amount: str | None = None) -> str:
        fields = {"Approver": self.approver, **({"Amount": amount} if amount else {})}
        made = request("Access requests", title, fields)
        (ref,) = self.approvals_of(str(made["id"]))
        self.opened.append(ref)
        return ref

    def open_two_stages(self, title: str) -> tuple[str, str]:
        """Open a request that its manager, then finance has to approve."""
        fields = {"Approver": self.approver, "Finance approver": "carol@corp.example"}
        made = request("Purchase requests", title, fields)
        first, second = sorted(self.approvals_of(str(made["id"])), key=int)
        self.opened += [first, second]
        return first, second

    def approvals_of(self, ticket: str) -> list[str]:
        links = call("mirror", "GET", f"/ticket/{ticket}")["_hyperlinks"]
        return [str(link["id"]) for link in links if link["ref"] == "depends-on"]

    def decide(self, ref: str, state: State) -> None:
        call("alice", "PUT", f"/ticket/{ref}", {"Status": STATUS[state]})

    def touch(self, ref: str) -> None:
        time.sleep(1.1)  # RT's clock has whole seconds
        body = {"Content": "Which host?", "ContentType": "text/plain"}
        call("alice", "POST", f"/ticket/{ref}/comment", body)

    def log(self, ref: str) -> list[str]:
        path = f"/ticket/{ref}/attachments?fields=Content&per_page=100"
        return [each["Content"] for each in call("mirror", "GET", path)["items"]]


class DeclaredRequestTracker(RequestTrackerSystem):
    """The declarative connector over RT: configuration alone."""

    def connector(self, **config: str) -> Connector:
        definition = EXAMPLE.read_text().replace("https://rt.example.com/REST/2.0", URL)
        secret = config.get("token", token("mirror"))
        return Rest({"definition": definition, "secrets": f"token: {secret}"})
