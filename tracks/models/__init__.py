from tracks.models.entry import Entry
from tracks.models.event import Dispatch, Event, EventData
from tracks.models.heartbeat import Heartbeat
from tracks.models.idempotency import IdempotencyKey
from tracks.models.membership import Membership
from tracks.models.second_factor import Authenticator, RecoveryCode
from tracks.models.track import Step, Track
from tracks.models.workspace import ApiKey, Delegation, Workspace

__all__ = [
    "ApiKey",
    "Authenticator",
    "Delegation",
    "Dispatch",
    "Entry",
    "Event",
    "EventData",
    "Heartbeat",
    "IdempotencyKey",
    "Membership",
    "RecoveryCode",
    "Step",
    "Track",
    "Workspace",
]
