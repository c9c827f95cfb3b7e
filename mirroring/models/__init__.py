from mirroring.models.connection import Connection, ConnectionSecret
from mirroring.models.hook import InboundHook
from mirroring.models.record import Record

__all__ = ["Connection", "ConnectionSecret", "InboundHook", "Record"]
