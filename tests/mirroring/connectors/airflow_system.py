"""The emulated Airflow, for the contract suite."""

from decimal import Decimal
from urllib.parse import quote, unquote

from mirroring.connectors.airflow import Airflow as AirflowConnector
from mirroring.connectors.base import Connector, State
from tests.mirroring.emulators.airflow import USERS, Airflow

WORDS = {State.APPROVED: "Approve", State.REJECTED: "Reject"}


class AirflowSystem:
    approver = "alice@corp.example"

    def __init__(self) -> None:
        self.server = Airflow()

    def close(self) -> None:
        self.server.close()

    def connector(self, **config: str) -> Connector:
        known = {
            "base_url": self.server.url,
            "username": "sayso",
            "password": USERS["sayso"],
            "mail_domain": "corp.example",
        }
        return AirflowConnector({**known, **config})

    def bad_credentials(self) -> dict[str, str]:
        return {"password": "wrong-password"}

    def open(self, title: str, *, amount: str | None = None) -> str:
        value = float(Decimal(amount)) if amount else None
        params = {"amount": {"value": value, "description": None, "schema": {}}} if amount else {}
        task = self.server.ask(title, params=params)
        found = self.server.details[task]["task_instance"]
        names = ("dag_id", "dag_run_id", "task_id", "map_index", "id")
        return "/".join(quote(str(found[name]), safe="") for name in names)

    def task(self, ref: str) -> str:
        return unquote(ref.split("/")[2])

    def decide(self, ref: str, state: State) -> None:
        self.server.respond(self.task(ref), [WORDS[state]], by="alice")

    def touch(self, ref: str) -> None:
        self.server.details[self.task(ref)]["body"] = "And now for something else."

    def log(self, ref: str) -> list[str]:
        return [self.server.details[self.task(ref)]["task_instance"]["note"] or ""]
