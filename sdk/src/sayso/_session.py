"""What a client was told: whom to talk to, as whom, and how patiently."""

import os
from dataclasses import dataclass, field

from sayso._clock import ServerClock
from sayso.errors import SaysoError

DEFAULT_BASE_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The settings of one client, and what it learned of the server's clock."""

    api_key: str = field(repr=False)
    base_url: str
    timeout: float
    max_retries: int
    outage_grace: float
    clock: ServerClock = field(default_factory=ServerClock, repr=False)


def start_session(
    *,
    api_key: str | None,
    base_url: str | None,
    timeout: float,
    max_retries: int,
    outage_grace: float,
) -> Session:
    """Fill in the settings from the environment and refuse what cannot work."""
    return Session(
        api_key=_checked_key(api_key or os.environ.get("SAYSO_API_KEY") or ""),
        base_url=_checked_url(base_url or os.environ.get("SAYSO_BASE_URL") or DEFAULT_BASE_URL),
        timeout=timeout,
        max_retries=max_retries,
        outage_grace=outage_grace,
    )


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key:
        raise SaysoError("No API key. Pass api_key=… or set SAYSO_API_KEY.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SaysoError("The API key has characters in it that no key has. Was it copied whole?")
    return key


def _checked_url(url: str) -> str:
    url = url.strip().rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise SaysoError(f"base_url must start with http:// or https://, and {url!r} does not.")
    return url
