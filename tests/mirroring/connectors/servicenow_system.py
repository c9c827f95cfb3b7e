"""The emulated ServiceNow, for the contract suite."""

from mirroring.connectors.base import Connector, State
from mirroring.connectors.servicenow import ServiceNow as ServiceNowConnector
from tests.mirroring.emulators.servicenow import ACCOUNTS, ServiceNow

WORDS = {State.APPROVED: "approved", State.REJECTED: "rejected"}


class ServiceNowSystem:
    approver = "alice@corp.example"

    def __init__(self) -> None:
        self.server = ServiceNow()

    def close(self) -> None:
        self.server.close()

    def connector(self, **config: str) -> Connector:
        ((username, password),) = ACCOUNTS.items()
        known = {"base_url": self.server.url, "username": username, "password": password}
        return ServiceNowConnector({**known, **config})

    def bad_credentials(self) -> dict[str, str]:
        return {"password": "wrong-password"}

    def open(self, title: str, *, amount: str | None = None) -> str:
        return self.server.open(title, price=amount or "", details=f"Why: {title}")

    def decide(self, ref: str, state: State) -> None:
        self.server.decide(ref, WORDS[state])

    def touch(self, ref: str) -> None:
        self.server.touch(ref)

    def log(self, ref: str) -> list[str]:
        return self.server.log(ref)

    def written(self, ref: str) -> list[tuple[str, str]]:
        """Return which decisions were written about an approval, and by whom."""
        return [(each.state, each.by) for each in self.server.decisions.get(ref, [])]
