"""What is done about records and runs once they are old."""

from datetime import timedelta

from mirroring import telling
from mirroring.models import Push, Record, RequestCount, Run
from tracks.clock import database_now
from tracks.models import Track
from tracks.transitions import TrackClosed, complete_track

# A system may open again what it has settled; after so long its track is closed for good.
SETTLED_FOR = timedelta(days=7)
RUNS_KEPT = timedelta(days=7)
COUNTS_KEPT = timedelta(hours=2)
BATCH = 200


def close_settled() -> int:
    """Close the tracks of records that were settled a week ago; return how many."""
    old = Record.objects.filter(
        settled_at__lt=database_now() - SETTLED_FOR, track__status=Track.Status.ACTIVE
    )
    records = list(old.select_related("connection", "track").order_by("settled_at")[:BATCH])
    for record in records:
        _close(record)
    return len(records)


def _close(record: Record) -> None:
    assert record.track is not None
    pushed = Push.objects.filter(record=record, status=Push.Status.CONFIRMED).exists()
    word = Record.Status(record.status).label
    where = f" in {record.connection.name}" if pushed else ""
    try:
        complete_track(track_id=record.track.pk, summary=f"{word}{where}.", **telling.by(record))
    except TrackClosed:
        return


def purge_runs() -> int:
    """Forget what runs did a week ago; return how many were forgotten."""
    return Run.objects.filter(started_at__lt=database_now() - RUNS_KEPT).delete()[0]


def purge_counts() -> int:
    """Forget what was sent so long ago that no page shows it; return how many were forgotten."""
    return RequestCount.objects.filter(at__lt=database_now() - COUNTS_KEPT).delete()[0]
