"""Ask a person from an agent's code, wait, and get the answer.

from sayso import Sayso

client = Sayso()
track = client.create_track(title="Vendor invoices", customer_email="cfo@acme.com")
answer = track.confirm("The invoice is 8% above contract. Approve?")
if answer.approved:
    track.complete("Paid.")
"""

from sayso._ask import Ask
from sayso._async_ask import AsyncAsk
from sayso._async_client import AsyncSayso
from sayso._async_track import AsyncTrack
from sayso._client import Sayso
from sayso._models.ask import Answer, AskSnapshot, Decision, UntrustedText
from sayso._models.track import Actor, Event, Events, Failure, Source, Step
from sayso._models.workspace import Queue, Usage
from sayso._requests import UNSET
from sayso._track import Track
from sayso._version import __version__
from sayso.errors import (
    AlreadyAwaiting,
    APIError,
    Conflict,
    ConnectionFailed,
    FieldError,
    Forbidden,
    Invalid,
    LimitReached,
    NotFound,
    RateLimited,
    RequiresCustomerEmail,
    SaysoError,
    ServerError,
    Unauthorized,
)

__all__ = [
    "UNSET",
    "APIError",
    "Actor",
    "AlreadyAwaiting",
    "Answer",
    "Ask",
    "AskSnapshot",
    "AsyncAsk",
    "AsyncSayso",
    "AsyncTrack",
    "Conflict",
    "ConnectionFailed",
    "Decision",
    "Event",
    "Events",
    "Failure",
    "FieldError",
    "Forbidden",
    "Invalid",
    "LimitReached",
    "NotFound",
    "Queue",
    "RateLimited",
    "RequiresCustomerEmail",
    "Sayso",
    "SaysoError",
    "ServerError",
    "Source",
    "Step",
    "Track",
    "Unauthorized",
    "UntrustedText",
    "Usage",
    "__version__",
]
