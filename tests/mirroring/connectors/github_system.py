"""The emulated GitHub, for the contract suite."""

from mirroring.connectors.base import Connector, State
from mirroring.connectors.github import GitHub as GitHubConnector
from tests.mirroring.emulators.github import REPOSITORIES, GitHub

WORDS = {State.APPROVED: "approved", State.REJECTED: "rejected"}


class GitHubSystem:
    approver = "alice@corp.example"
    has_amounts = False

    def __init__(self) -> None:
        self.server = GitHub()

    def close(self) -> None:
        self.server.close()

    def connector(self, **config: str) -> Connector:
        known = {
            "base_url": self.server.url,
            "token": "ghp_sayso0123456789",
            "repositories": "\n".join(REPOSITORIES),
            "mail_domain": "corp.example",
            "requests_per_minute": "1000",
        }
        return GitHubConnector({**known, **config})

    def bad_credentials(self) -> dict[str, str]:
        return {"token": "ghp_wrong0123456789"}

    def open(self, title: str, *, amount: str | None = None) -> str:
        run = self.server.push(title)
        return f"{REPOSITORIES[0]}/{run}/1/production/0-0"

    def run(self, ref: str) -> int:
        return int(ref.split("/")[2])

    def decide(self, ref: str, state: State) -> None:
        self.server.review(
            self.run(ref), "production", WORDS[state], by="alice", comment="In the browser."
        )

    def touch(self, ref: str) -> None:
        self.server.runs[self.run(ref)]["display_title"] = "And now for something else"

    def log(self, ref: str) -> list[str]:
        return self.server.comments(self.run(ref))
