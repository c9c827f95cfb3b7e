"""The real Airflow that the environment names (airflow_up.py starts one)."""

import json
import os
import time
import urllib.error
import urllib.request
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest

from mirroring.connectors.airflow import Airflow
from mirroring.connectors.base import Connector, State
from tests.mirroring.connectors.airflow_system import WORDS

URL = os.environ.get("SAYSO_TEST_AIRFLOW_URL", "")
PASSWORDS = json.loads(os.environ.get("SAYSO_TEST_AIRFLOW_PASSWORDS", "{}"))
SECONDS_TO_ASK = 90


def call(who: str, method: str, path: str, body: Any = None) -> Any:
    """Do something in Airflow as one of its people, without any code of ours."""
    status, said = _send(method, path, body, token=token(who))
    assert status < 300, f"{method} {path}: {status} {said}"
    return said


def refused(who: str, method: str, path: str, body: Any = None) -> int:
    """Return the status with which Airflow refuses something."""
    status, said = _send(method, path, body, token=token(who))
    assert status >= 400, f"{method} {path}: {status} {said}"
    return status


@cache
def token(who: str) -> str:
    _, said = _send("POST", "/auth/token", {"username": who, "password": PASSWORDS[who]})
    found: str = said["access_token"]
    return found


def _send(method: str, path: str, body: Any, *, token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(URL + path, method=method, data=content, headers=headers)
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class RealAirflowSystem:
    approver = "alice@corp.example"

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []

    def close(self) -> None:
        """Leave no run, so that the next test finds no more than this one."""
        for dag, run in self.runs:
            path = f"/api/v2/dags/{dag}/dagRuns/{quote(run, safe='')}"
            call("sayso", "PATCH", path, {"state": "failed"})  # what runs is not deleted
            call("sayso", "DELETE", path)

    def connector(self, **config: str) -> Connector:
        known = {
            "base_url": URL,
            "username": "sayso",
            "password": PASSWORDS["sayso"],
            "mail_domain": "corp.example",
        }
        return Airflow({**known, **config})

    def bad_credentials(self) -> dict[str, str]:
        return {"password": "wrong-password"}

    def open(self, title: str, *, amount: str | None = None, dag: str = "sayso_approval") -> str:
        conf = {"title": title} | ({"amount": float(Decimal(amount))} if amount else {})
        body = {"logical_date": None, "conf": conf}
        run = call("sayso", "POST", f"/api/v2/dags/{dag}/dagRuns", body)["dag_run_id"]
        self.runs.append((dag, run))
        return self.wait_for(dag, run)

    def wait_for(self, dag: str, run: str, *, other_than: str = "") -> str:
        """Return the external id of what a run asks, once it asks."""
        path = f"/api/v2/dags/{dag}/dagRuns/{quote(run, safe='')}/hitlDetails"
        end = time.monotonic() + SECONDS_TO_ASK
        while time.monotonic() < end:
            for detail in call("sayso", "GET", path)["hitl_details"]:
                task = detail["task_instance"]
                names = ("dag_id", "dag_run_id", "task_id", "map_index", "id")
                ref = "/".join(quote(str(task[name]), safe="") for name in names)
                if task["state"] == "awaiting_input" and ref != other_than:
                    return ref
            time.sleep(0.3)
        raise AssertionError(f"{run} asked nobody")

    def path(self, ref: str) -> str:
        dag, run, task, index, _ = ref.split("/")
        return f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/{index}"

    def decide(self, ref: str, state: State) -> None:
        body = {"chosen_options": [WORDS[state]], "params_input": {}}
        call("alice", "PATCH", f"{self.path(ref)}/hitlDetails", body)

    def clear(self, ref: str) -> str:
        """Let the task ask again, and return the external id of that."""
        dag, run = self.runs[-1]
        body = {"dry_run": False, "dag_run_id": run, "only_failed": False}
        call("alice", "POST", f"/api/v2/dags/{dag}/clearTaskInstances", body)
        return self.wait_for(dag, run, other_than=ref)

    def touch(self, ref: str) -> None:
        pytest.skip("nothing about a task that waits can change in Airflow")

    def log(self, ref: str) -> list[str]:
        return [call("sayso", "GET", self.path(ref))["note"] or ""]
