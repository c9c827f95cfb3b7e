"""Who did it, as the audit log names them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    type: Literal["agent", "approver", "staff", "connection", "system"]
    name: str

    def as_json(self) -> dict[str, str]:
        """Return the actor as events show it."""
        return {"type": self.type, "name": self.name}


SYSTEM = Actor("system", "sayso")
