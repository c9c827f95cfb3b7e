"""The links that stop reminders and digests: how they are made and recognized.

Nothing is stored (docs/decisions/0007): a link says what it stops, and is signed with a key that is
not in the database. It is good for that alone: it neither proves a mailbox nor shows a request.
"""

import base64
import hmac
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from approvals import codes
from approvals.verification import code_keys

_ID_BYTES, _MAC_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class StopLink:
    """What a link stops: of one ask the reminders to somebody or, without one, their digests.

    An approver belongs to one workspace, so their digests are those of that workspace.
    """

    approver_id: UUID
    ask_id: UUID | None = None

    @property
    def url(self) -> str:
        return f"{settings.PUBLIC_BASE_URL}/stop/{self.token()}"

    def token(self, *, key: str | None = None) -> str:
        """Return what is in the address: the ids, and what only the holder of a key can add."""
        ids = self.approver_id.bytes + (self.ask_id.bytes if self.ask_id else b"")
        signature = codes.mac(key or settings.SECRET_KEY, "stop", ids.hex())
        return base64.urlsafe_b64encode(ids + signature).rstrip(b"=").decode()


def stop_link_of(token: str) -> StopLink | None:
    """Return what a token stops, if we have signed it with the current key or an earlier one."""
    link = _unproven(token)
    if link is None:
        return None
    ours = (link.token(key=key) for key in code_keys())
    return link if any(hmac.compare_digest(token, each) for each in ours) else None


def _unproven(token: str) -> StopLink | None:
    try:
        ids = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)[:-_MAC_BYTES]
    except ValueError:
        return None
    if len(ids) not in (_ID_BYTES, 2 * _ID_BYTES):
        return None
    approver_id, ask_id = ids[:_ID_BYTES], ids[_ID_BYTES:]
    return StopLink(UUID(bytes=approver_id), UUID(bytes=ask_id) if ask_id else None)
