"""Waiting for a track's next event."""

from uuid import UUID

from tracks.json_text import encoded
from tracks.serializers import feed_json
from tracks.waiting import Reading


def read_feed(track_id: UUID, workspace_id: UUID, *, after: int, limit: int) -> Reading:
    """Read a page of a feed; it is news when it holds an event."""
    body = feed_json(track_id, workspace_id, after=after, limit=limit)
    return Reading(encoded(body), is_news=bool(body["data"]))
