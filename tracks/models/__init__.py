from tracks.models.event import Dispatch, Event, EventData
from tracks.models.idempotency import IdempotencyKey
from tracks.models.track import Step, Track
from tracks.models.workspace import ApiKey, Delegation, Workspace

__all__ = [
    "ApiKey",
    "Delegation",
    "Dispatch",
    "Event",
    "EventData",
    "IdempotencyKey",
    "Step",
    "Track",
    "Workspace",
]
