"""How a connection stands, for whoever looks after it. Pure."""

from datetime import datetime
from enum import StrEnum

from mirroring.models import Connection, Poll


class Standing(StrEnum):
    """One word for it; the worst that is true."""

    OK = "ok"
    LOADING = "loading"  # what waited when it was connected is still being read
    FAILING = "failing"  # the last poll or the last check failed; it is tried again
    PAUSED = "paused"  # nothing is tried until somebody has looked
    DISABLED = "disabled"
    PUSH = "push"  # nothing is polled: the system posts


def poll_of(connection: Connection) -> Poll | None:
    """Return where the polling of a connection stands; None where nothing is polled."""
    return getattr(connection, "poll", None)


def standing(connection: Connection) -> Standing:
    """Return how a connection stands whose `poll` is at hand."""
    poll = poll_of(connection)
    if not connection.enabled:
        return Standing.DISABLED
    if poll is None:
        return Standing.PUSH
    if poll.paused_at is not None:
        return Standing.PAUSED
    if poll.failures or poll.is_healthy is False:
        return Standing.FAILING
    return Standing.LOADING if poll.is_loading else Standing.OK


def lag(poll: Poll, *, now: datetime) -> int | None:
    """Return for how many seconds something may have happened there that is not known here.

    None until the first pass is over.
    """
    return None if poll.passed_at is None else max(0, int((now - poll.passed_at).total_seconds()))
