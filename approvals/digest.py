"""What an approver was shown, as one canonical object and its hash. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """Everything the card shows of an ask. Texts are as stored; there are no floats."""

    ask_id: str
    track_id: str
    workspace: str
    asked_by: str
    approvers: Sequence[str]
    kind: str
    prompt: str
    config: dict[str, Any]
    expires_at: str

    def canonical(self) -> dict[str, Any]:
        """Return the object of security.md 1.3; what the card does not show is null."""
        config = self.config
        options = config.get("options")
        return {
            "v": VERSION,
            "ask_id": self.ask_id,
            "track_id": self.track_id,
            "workspace": self.workspace,
            "asked_by": self.asked_by,
            "approvers": list(self.approvers),
            "kind": self.kind,
            "prompt": self.prompt,
            "description": config.get("description"),
            "summary": summary_rows(config.get("summary")),
            "details": config.get("details"),
            "risk": config.get("risk"),
            "options": options and [[each["value"], each["label"]] for each in options],
            "accept_label": config.get("accept_label"),
            "reject_label": config.get("reject_label"),
            "if_accepted": config.get("if_accepted"),
            "if_rejected": config.get("if_rejected"),
            "expires_at": self.expires_at,
        }

    def digest(self) -> str:
        """Return `sha256:` and the hex of SHA-256 over the RFC 8785 form."""
        return "sha256:" + hashlib.sha256(rfc8785.dumps(self.canonical())).hexdigest()


def summary_rows(summary: Any) -> list[list[str]] | None:
    """Return a summary, an object or a list of pairs, as pairs."""
    if summary is None:
        return None
    rows = summary.items() if isinstance(summary, dict) else summary
    return [[key, value] for key, value in rows]
