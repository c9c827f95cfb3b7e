"""What the contract suite asks of each system that it runs a connector against."""

from typing import Protocol

from mirroring.connectors.base import Connector, Item, State


class System(Protocol):
    """One system of record, with the rights of everybody in it."""

    approver: str  # the e-mail address of whoever decides there
    has_amounts: bool  # true unless it says otherwise

    def close(self) -> None:
        """Clear away behind a test."""
        ...

    def connector(self, **config: str) -> Connector:
        """Return a connector to it, with some of its configuration replaced."""
        ...

    def bad_credentials(self) -> dict[str, str]:
        """Return the part of a configuration that makes the credentials wrong."""
        ...

    def open(self, title: str, *, amount: str | None = None) -> str:
        """Open an approval for the approver, and return its external id."""
        ...

    def decide(self, ref: str, state: State) -> None:
        """Decide it in the system's own way."""
        ...

    def touch(self, ref: str) -> None:
        """Change something about it that moves its revision."""
        ...

    def log(self, ref: str) -> list[str]:
        """Return the notes that people find in the system."""
        ...


def find(
    connector: Connector, ref: str, *, limit: int = 50, cursor: str | None = None
) -> Item | None:
    """Return an item from a whole pass, or None."""
    found = None
    for _ in range(200):
        page = connector.list(cursor, limit)
        found = next((each for each in page.items if each.external_id == ref), found)
        if page.complete:
            return found
        cursor = page.cursor
    raise AssertionError("the pass has no end")


def one_pass(
    connector: Connector, cursor: str | None = None, *, limit: int = 10
) -> tuple[list[Item], str | None]:
    """Return the items of a whole pass, some of them twice, and where the next one begins."""
    items: list[Item] = []
    for _ in range(200):
        page = connector.list(cursor, limit)
        items += page.items
        cursor = page.cursor
        if page.complete:
            return items, cursor
    raise AssertionError("the pass has no end")
