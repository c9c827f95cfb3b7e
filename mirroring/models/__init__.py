from mirroring.models.connection import PUSH, Connection, ConnectionSecret, Identity
from mirroring.models.hook import HintedHook, InboundHook
from mirroring.models.poll import Alert, Poll, Run
from mirroring.models.push import Push
from mirroring.models.record import Record
from mirroring.models.usage import RequestCount

__all__ = [
    "PUSH",
    "Alert",
    "Connection",
    "ConnectionSecret",
    "HintedHook",
    "Identity",
    "InboundHook",
    "Poll",
    "Push",
    "Record",
    "RequestCount",
    "Run",
]
