"""The id that ties a response, its log lines and a support question together."""

import secrets
from contextvars import ContextVar

HEADER = "X-Request-Id"
current: ContextVar[str] = ContextVar("request_id", default="")


def new() -> str:
    """Return a fresh request id. Callers' own ids are not trusted: they would end up in logs."""
    return f"req_{secrets.token_hex(12)}"
