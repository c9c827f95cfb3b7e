"""What a system of record says of one approval, whatever the system. No database."""

import hashlib
import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Texts are as the system wrote them; addresses are valid; amounts are texts already."""

    external_id: str
    title: str
    approver: str
    requester: str | None = None
    summary: list[tuple[str, str]] = field(default_factory=list)
    description: str | None = None
    details: str | None = None
    url: str | None = None
    revision: str = ""

    def digest(self) -> str:
        """Return a digest of everything that the approver decides about."""
        content = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()
