"""The one source of time. Everything that compares, sweeps or leases asks here."""

from datetime import UTC, datetime

from django.db import connection


def database_now() -> datetime:
    """Return the database's time in UTC, in whole milliseconds.

    A statement of its own, so that a caller who holds a lock reads the time after it got the
    lock. PostgreSQL answers with its clock; SQLite has none but the host's.
    """
    return whole_milliseconds(_read_clock())


def _read_clock() -> datetime:
    # Tests replace this function. It is looked up here at each call, so one place is enough.
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def whole_milliseconds(moment: datetime) -> datetime:
    """Cut a time to the precision that the API shows and the hash chain covers."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def rfc3339(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc3339_or_none(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339, or None where there is none."""
    return None if moment is None else rfc3339(moment)
