"""How a connection stands and what its last runs did, for the top of its page."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from mirroring.models import Connection, Identity, Poll, Push, Record, Run
from mirroring.serializers import counts_of
from mirroring.standing import lag, poll_of, standing
from mirroring.unread import unread_of
from mirroring.usage import usage_of
from tracks.clock import database_now

RUNS_DRAWN, RUNS_LISTED = 60, 8
BAR_WIDTH, HEIGHT, SMALLEST = 6, 32, 2


@dataclass(frozen=True, slots=True)
class Bar:
    """One run in the picture of the last ones."""

    x: int
    y: int
    height: int
    has_failed: bool
    says: str


def status_of(connection: Connection) -> dict[str, Any]:
    """Return what the top of a connection's page shows; a fixed number of queries."""
    poll, now = poll_of(connection), database_now()
    runs = list(Run.objects.filter(connection=connection).order_by("-started_at")[:RUNS_DRAWN])
    return {
        "connection": connection,
        "poll": poll,
        "standing": standing(connection).value,
        "unread": unread_of([connection], now=now).get(connection.pk),
        "lag": None if poll is None else lag(poll, now=now),
        "usage": usage_of(connection, now=now) if poll is not None else None,
        "clock": "" if poll is None else clock_words(poll.clock_skew),
        "per_hour": connection.requests_per_minute * 60,
        "counts": _counts(connection),
        "bars": bars(runs[::-1]),
        "width": max(len(runs), 1) * BAR_WIDTH,
        "height": HEIGHT,
        "runs": runs[:RUNS_LISTED],
        "unmatched": Identity.objects.filter(connection=connection, address="").count(),
        "unmatched_url": _listed("identity", connection, address__exact=""),
        "stuck": _stuck(connection),
    }


def clock_words(skew: float | None) -> str:
    """Say where a system's clock is, seen from ours; nothing where that is not known."""
    if skew is None:
        return ""
    return f"{'behind' if skew < 0 else 'ahead'} by {abs(skew):.1f} s"


def _counts(connection: Connection) -> list[dict[str, Any]]:
    counts = counts_of([connection])[connection.pk]
    return [
        {"status": status, "count": count, "url": _records(connection, status)}
        for status, count in counts.items()
        if count
    ]


def _records(connection: Connection, status: str) -> str:
    return _listed("record", connection, status__exact=status)


def _listed(model: str, connection: Connection, **filters: str) -> str:
    query = urlencode({"connection__id__exact": str(connection.pk), **filters})
    return f"{reverse(f'admin:mirroring_{model}_changelist')}?{query}"


def _stuck(connection: Connection) -> int:
    held = Push.objects.filter(record__connection=connection, status=Push.Status.NEEDS_HUMAN)
    return held.filter(record__status=Record.Status.NEEDS_HUMAN).count()


def bars(runs: list[Run]) -> list[Bar]:
    """Return a bar for each run, the oldest first, as high as it saw approvals."""
    most = max((run.seen for run in runs), default=0) or 1
    return [_bar(index, run, most) for index, run in enumerate(runs)]


def _bar(index: int, run: Run, most: int) -> Bar:
    height = SMALLEST + round((HEIGHT - SMALLEST) * run.seen / most)
    seconds = (run.ended_at - run.started_at).total_seconds()
    says = f"{run.started_at:%H:%M:%S} {run.job}: {run.seen} seen, {run.changed} changed"
    what = f"{says}, {run.skipped} skipped, {seconds:.1f} s. {run.error}".strip()
    return Bar(index * BAR_WIDTH, HEIGHT - height, height, bool(run.error), what)


def is_polled(connection: Connection) -> bool:
    """Tell whether there is anything to poll."""
    return poll_of(connection) is not None


def is_running(connection: Connection) -> bool:
    """Tell whether a connection is polled right now."""
    poll: Poll | None = poll_of(connection)
    return poll is not None and poll.paused_at is None and connection.enabled
