"""Looking one by one at what may have changed without a trace, the longest unseen first."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from mirroring import connecting, sync
from mirroring.claimed import Claimed, Count, jittered
from mirroring.connectors.base import ConnectorError, Gone
from mirroring.models import Record, Run
from mirroring.singly import Singly
from tracks.clock import database_now

SWEEP_EVERY = timedelta(minutes=12)
SWEEP_MOST = 200  # records looked at in a run
# From so many on, and if it is more than half of what was looked at, what is gone is held.
HOLD_FROM = 5
HELD = (
    "{gone} of {seen} approvals that wait here are gone from the system, all at once. Nothing was "
    "closed: the account may have lost the right to see them. If they are really gone, say so."
)


def sweep(held: Claimed) -> None:
    """Look one by one at what may have ended without a trace, the longest unseen first."""
    started, count = database_now(), Count()
    gone: list[Record] = []
    unseen, singly = _unseen(held, started), Singly(held, count)
    try:
        for record in unseen:
            count.seen += 1
            count.changed += _sweep_one(held, record, singly, gone)
            if held.is_time_over:
                break
        is_over = count.seen == len(unseen) < SWEEP_MOST
        held.renew(sweep_at=started + _until_next_sweep(held, count, is_over=is_over))
        _close(held, gone, count, read_at=started)
        if is_over:
            held.renew(accepts_missing=False)
    finally:
        if count.seen:
            held.keep_run(Run.Job.SWEEP, started, count)


def _until_next_sweep(held: Claimed, count: Count, *, is_over: bool) -> timedelta:
    """Return how long a sweep rests, or how long it leaves half of the budget to others.

    Where staff wait for what is gone to be closed it leaves none.
    """
    if is_over:
        return jittered(SWEEP_EVERY)
    if held.poll.accepts_missing:
        return timedelta(0)
    return timedelta(minutes=2 * count.seen / held.connection.requests_per_minute)


def _unseen(held: Claimed, now: datetime) -> list[Record]:
    before = _seen_before(held, now)
    rows = _waiting(held).filter(last_seen_at__lt=before).exclude(looked_at__gte=before)
    return list(rows.order_by("last_seen_at")[:SWEEP_MOST])


def _seen_before(held: Claimed, now: datetime) -> datetime:
    before = now - SWEEP_EVERY
    if held.poll.is_snapshot and held.poll.passed_at is not None:
        return max(before, held.poll.passed_at)  # a snapshot would have shown them
    return before


def _waiting(held: Claimed) -> QuerySet[Record]:
    return Record.objects.filter(connection=held.connection, status__in=Record.UNSETTLED)


def _sweep_one(held: Claimed, record: Record, singly: Singly, gone: list[Record]) -> int:
    """Look at one; return how many have changed."""
    read_at = database_now()
    try:
        item = held.connector.get(record.external_id)
    except Gone:
        gone.append(record)
        return 0
    except ConnectorError as error:
        singly.leave_out(record.external_id, error)
        _was_looked_at([record])
        return 0
    return len(held.store([item], read_at=read_at, is_look=True))


def _close(held: Claimed, gone: Sequence[Record], count: Count, *, read_at: datetime) -> None:
    """Close what is gone, unless so much is that the account may have gone blind."""
    if not gone:
        return
    lost, among = _lost(held, gone, count, now=read_at)
    if not held.poll.accepts_missing and _may_be_blind(held, lost, among):
        held.check()
        held.renew(warning=HELD.format(gone=lost, seen=among))
        _was_looked_at(gone)
        return
    items = [connecting.gone(sync.item_of(record)) for record in gone]
    count.changed += len(held.store(items, read_at=read_at, is_look=True))
    held.renew(warning="")


def _lost(held: Claimed, gone: Sequence[Record], count: Count, *, now: datetime) -> tuple[int, int]:
    """Return how many are gone, and among how many.

    After a snapshot only what was missing from it is looked at, so all that waits counts; and what
    was held a moment ago is still missing.
    """
    if not held.poll.is_snapshot:
        return len(gone), count.seen
    waiting = _waiting(held)
    missing = waiting.filter(last_seen_at__lt=_seen_before(held, now))
    return missing.count(), waiting.count()


def _may_be_blind(held: Claimed, lost: int, among: int) -> bool:
    if not held.connector.capabilities().proves_account and lost == among:
        return True  # nothing tells this from an account that sees nothing any more
    return lost >= HOLD_FROM and 2 * lost > among


def _was_looked_at(records: Sequence[Record]) -> None:
    pks = [record.pk for record in records]
    Record.objects.filter(pk__in=pks).update(looked_at=database_now())
