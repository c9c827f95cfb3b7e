"""What belongs to the workspace as a whole: a person's queue, the plan's usage."""

from dataclasses import dataclass
from typing import Any, Self

from sayso._models.ask import AskSnapshot
from sayso._wire import QueueJSON, UsageJSON


@dataclass(frozen=True, slots=True)
class Queue:
    """Everything of this workspace that waits for one address: overdue first, then by `due_at`,
    then oldest.

    `text` says it in one plain sentence.
    """

    approver: str
    count: int
    overdue: int
    text: str
    asks: list[AskSnapshot]

    @classmethod
    def read(cls, data: QueueJSON) -> Self:
        return cls(
            approver=data["approver"],
            count=data["count"],
            overdue=data["overdue"],
            text=data["text"],
            asks=[AskSnapshot(ask) for ask in data["asks"]],
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """What of the plan was used in a calendar month (UTC). `limit` is None when there is none."""

    plan: str
    month: str
    asks: int
    limit: int | None
    grace: Any

    @classmethod
    def read(cls, data: UsageJSON) -> Self:
        return cls(
            plan=data["plan"],
            month=data["month"],
            asks=data["asks"],
            limit=data["limit"],
            grace=data["grace"],
        )
