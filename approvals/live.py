"""What a track's page is told while it is open: that something changed, never what."""

import json
from dataclasses import dataclass
from uuid import UUID

from approvals.grants import viewer_of
from approvals.models import Ask
from tracks.models import Track


@dataclass(frozen=True, slots=True)
class LiveState:
    """The least that lets a page decide whether to look again."""

    track_id: UUID
    seq: int
    ask: str | None
    status: str | None
    is_closed: bool

    def as_event(self) -> str:
        """Return the state as a Server-Sent Event."""
        content = {
            "seq": self.seq,
            "ask": self.ask,
            "status": self.status,
            "closed": self.is_closed,
        }
        return f"event: change\ndata: {json.dumps(content)}\n\n"


def read_state(slug: str, viewer_token: str | None) -> LiveState | None:
    """Return a track's state for a browser that may look at it, else None."""
    # PostgreSQL cannot even be asked for some texts that a path can hold.
    track = Track.objects.filter(slug=slug).first() if slug.isalnum() else None
    if track is None or not viewer_of(track, viewer_token).is_unlocked:
        return None
    ask = Ask.objects.presented().filter(track=track).order_by("-pk").first()
    return LiveState(
        track_id=track.pk,
        seq=track.seq,
        ask=ask.public_id if ask else None,
        status=ask.shown_status if ask else None,
        is_closed=track.is_closed,
    )
