"""The approvals of the emulated ServiceNow: a hundred thousand, and still a page costs no scan."""

import heapq
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Decision:
    """One that was written: over which state, by whom, and when."""

    state: str
    before: str
    by: str
    at: datetime
    text: str = ""


@dataclass(slots=True)
class Approval:
    """A row of sysapproval_approver."""

    sys_id: str
    document: str
    approver: str
    state: str
    created: str
    updated: str
    updated_by: str
    mod_count: int = 0
    due: str = ""
    comments: list[str] = field(default_factory=list)
    is_restricted: bool = False  # the account may not see it, and yet a limit counts it

    @property
    def key(self) -> tuple[str, str]:
        return self.updated, self.sys_id


class Table:
    """Approvals in the order of their last change, all and by state."""

    def __init__(self) -> None:
        self.rows: dict[str, Approval] = {}
        self.hidden: set[str] = set()  # what nobody can see yet
        self._all: list[tuple[str, str]] = []
        self._by_state: dict[str, list[tuple[str, str]]] = {}
        self._until: list[tuple[datetime, str]] = []

    def put(self, row: Approval) -> None:
        """Keep a row that can be seen from now on."""
        self.rows[row.sys_id] = row
        insort(self._all, row.key)
        insort(self._by_state.setdefault(row.state, []), row.key)

    def hide(self, row: Approval, *, until: datetime) -> None:
        """Keep a row that can be seen later."""
        self.rows[row.sys_id] = row
        self.hidden.add(row.sys_id)
        heapq.heappush(self._until, (until, row.sys_id))

    def reveal(self, now: datetime) -> None:
        """Let be seen what was hidden until now."""
        while self._until and self._until[0][0] <= now:
            _, sys_id = heapq.heappop(self._until)
            self.hidden.discard(sys_id)
            self.put(self.rows[sys_id])

    def change(self, sys_id: str, **values: Any) -> Approval:
        """Change a row, and its place."""
        row = self.rows[sys_id]
        is_seen = sys_id not in self.hidden
        if is_seen:
            for keys in (self._all, self._by_state[row.state]):
                del keys[bisect_left(keys, row.key)]
        for name, value in values.items():
            setattr(row, name, value)
        if is_seen:
            self.put(row)
        return row

    def page(
        self, state: str | None, since: str, offset: int, limit: int
    ) -> tuple[list[Approval], int]:
        """Return rows of a state, or all, from a time on; and how many there are."""
        keys = self._all if state is None else self._by_state.get(state, [])
        start = bisect_left(keys, (since, ""))
        found = keys[start + offset : start + offset + limit]
        return [self.rows[sys_id] for _, sys_id in found], len(keys) - start
