"""What the mirroring layer tells the home of the admin."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from mirroring.models import PUSH, Connection, Push, Record
from tracks.home.figures import WINDOWS, Count, Counted, Link, Numbers, Oldest, Scope

# A system that is away for a few minutes is nobody's trouble.
STUCK_AFTER = timedelta(minutes=15)
ELSEWHERE = (Record.Status.APPROVED, Record.Status.REJECTED, Record.Status.CANCELLED)


def in_error(connections: QuerySet[Connection], now: datetime) -> QuerySet[Connection]:
    """Keep the connections that are paused, or failed when they were last used."""
    failing = Q(poll__failures__gt=0) | Q(poll__is_healthy=False)
    return connections.filter(failing | Q(poll__paused_at__isnull=False), enabled=True)


def stuck(records: QuerySet[Record], now: datetime) -> QuerySet[Record]:
    """Keep the records whose decision should have been written back by now."""
    late = Q(status__in=(Push.Status.PENDING, Push.Status.SENT), created_at__lte=now - STUCK_AFTER)
    pushes = Push.objects.filter(late | Q(status=Push.Status.NEEDS_HUMAN), record=OuterRef("pk"))
    return records.filter(
        Exists(pushes), status__in=(Record.Status.DECIDING, Record.Status.NEEDS_HUMAN)
    )


def held(records: QuerySet[Record], now: datetime) -> QuerySet[Record]:
    """Keep the records that could not be asked as they are."""
    return records.filter(status=Record.Status.NEEDS_HUMAN).exclude(Exists(_stuck_pushes()))


def _stuck_pushes() -> QuerySet[Push]:
    return Push.objects.filter(status=Push.Status.NEEDS_HUMAN, record=OuterRef("pk"))


def to_follow_up(records: QuerySet[Record], now: datetime) -> QuerySet[Record]:
    """Keep the records of which something was seen that nobody has followed up yet."""
    return records.filter(next_attempt_at__lte=now)


def to_write(pushes: QuerySet[Push], now: datetime) -> QuerySet[Push]:
    """Keep the decisions that a worker should be writing back by now."""
    return pushes.filter(next_attempt_at__lte=now).exclude(status__in=Push.OVER)


def to_write_back(records: QuerySet[Record], now: datetime) -> QuerySet[Record]:
    """Keep the records of these decisions."""
    return records.filter(Exists(to_write(Push.objects.filter(record=OuterRef("pk")), now)))


def conflicts(records: QuerySet[Record], now: datetime) -> QuerySet[Record]:
    """Keep the records of which the system says otherwise than was written there."""
    return records.filter(status=Record.Status.CONFLICT)


def elsewhere(records: QuerySet[Record], now: datetime) -> QuerySet[Record]:
    """Keep the records that their system settled by itself."""
    ours = Push.objects.filter(status=Push.Status.CONFIRMED, record=OuterRef("pk"))
    settled = records.filter(status__in=ELSEWHERE).exclude(connection__kind=PUSH)
    return settled.filter(~Exists(ours))


def tell(scope: Scope) -> Numbers:
    """Tell which connections and write-backs want a look, and what was settled elsewhere."""
    now = scope.now
    connections = scope.limit(Connection.objects.all(), by="workspace")
    records = scope.limit(Record.objects.all(), by="connection__workspace")
    pushes = scope.limit(Push.objects.all(), by="record__connection__workspace")
    return Numbers(
        act_now=[
            Count(
                label="Connections in error",
                rows=in_error(connections, now),
                link=Link("mirroring.connection", {"trouble": "error"}),
                is_alarm=True,
            ),
            Count(
                label="Write-backs stuck",
                rows=stuck(records, now),
                link=Link("mirroring.record", {"trouble": "stuck"}),
                is_alarm=True,
            ),
            Count(
                label="Write-back conflicts",
                rows=conflicts(records, now),
                link=Link("mirroring.record", {"trouble": "conflict"}),
                is_alarm=True,
            ),
            Count(
                label="Records held",
                rows=held(records, now),
                link=Link("mirroring.record", {"trouble": "held"}),
                is_alarm=True,
            ),
        ],
        counted=[
            Counted(
                label="Resolved elsewhere",
                counts=[_settled_elsewhere(records, scope, days) for days in WINDOWS],
            )
        ],
        waiting=[
            Oldest(
                label="Decisions to write back",
                rows=to_write(pushes, now),
                since="next_attempt_at",
                link=Link("mirroring.record", {"trouble": "unwritten"}),
            ),
            Oldest(
                label="Records to follow up",
                rows=to_follow_up(records, now),
                since="next_attempt_at",
                link=Link("mirroring.record", {"trouble": "due"}),
            ),
        ],
    )


def _settled_elsewhere(records: QuerySet[Record], scope: Scope, days: int) -> Count:
    since = scope.since(days)
    link = Link("mirroring.record", {"trouble": "elsewhere", "settled_at__gte": since.isoformat()})
    rows = elsewhere(records.filter(settled_at__gte=since), scope.now)
    return Count(label="Resolved elsewhere", rows=rows, link=link)
