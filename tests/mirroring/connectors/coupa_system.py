"""The emulated Coupa, for the contract suite."""

from mirroring.connectors.base import Connector, State
from mirroring.connectors.coupa import Coupa as CoupaConnector
from tests.mirroring.emulators.coupa import CLIENTS, Coupa

WORDS = {State.APPROVED: "approved", State.REJECTED: "rejected"}


class CoupaSystem:
    approver = "alice@corp.example"

    def __init__(self) -> None:
        self.server = Coupa()

    def close(self) -> None:
        self.server.close()

    def connector(self, **config: str) -> Connector:
        ((client, secret),) = CLIENTS.items()
        known = {"base_url": self.server.url, "client_id": client, "client_secret": secret}
        return CoupaConnector({**known, **config})

    def bad_credentials(self) -> dict[str, str]:
        return {"client_secret": "wrong-secret"}

    def open(self, title: str, *, amount: str | None = None) -> str:
        return str(self.server.open(title, total=amount or "0.00"))

    def decide(self, ref: str, state: State) -> None:
        self.server.decide(int(ref), WORDS[state])

    def touch(self, ref: str) -> None:
        self.server.touch(int(ref))

    def log(self, ref: str) -> list[str]:
        return [self.server.approvals[int(ref)]["note"] or ""]

    def written(self, ref: str) -> list[tuple[str, str]]:
        """Return which decisions were written about an approval, and by whom."""
        return [(each.status, each.by) for each in self.server.decisions.get(int(ref), [])]
