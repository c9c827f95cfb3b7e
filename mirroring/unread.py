"""What a connection could not read of its system: its last run that left something out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Subquery

from mirroring.models import Connection, Run
from mirroring.standing import poll_of

# A list of what has changed shows a bad approval once; it is told for so long.
TOLD_FOR = timedelta(days=1)


def unread_of(connections: Sequence[Connection], *, now: datetime) -> Mapping[UUID, Run]:
    """Return the last run that could not read something, by connection; one query for all.

    Where each pass shows all that waits, what the last one could read is mended.
    """
    by_pk = {each.pk: each for each in connections}
    found = Run.objects.filter(pk__in=_last_ones(list(by_pk), since=now - TOLD_FOR))
    return {
        run.connection_id: run for run in found if not _is_mended(by_pk[run.connection_id], run)
    }


def _last_ones(connections: Sequence[UUID], *, since: datetime) -> Subquery:
    """Return the keys of the last run of each connection that left something out."""
    runs = Run.objects.filter(connection=OuterRef("pk"), skipped__gt=0, started_at__gt=since)
    last = Subquery(runs.order_by("-started_at").values("pk")[:1])
    return Subquery(Connection.objects.filter(pk__in=connections).order_by().values(last=last))


def _is_mended(connection: Connection, run: Run) -> bool:
    poll = poll_of(connection)
    if poll is None or not poll.is_snapshot or poll.passed_at is None:
        return False
    return run.started_at < poll.passed_at
