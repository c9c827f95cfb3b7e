"""The one source of time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine
from django.db import connection, transaction

from tests.conftest import Clock
from tracks.clock import database_now, rfc3339, rfc3339_or_none, whole_milliseconds


def test_time_is_utc_in_whole_milliseconds(db: None) -> None:
    now = database_now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.postgresql
def test_time_goes_on_inside_a_transaction(db: None) -> None:
    """CO-05: the start of the transaction must not decide."""
    with transaction.atomic():
        first = database_now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.02)")
        assert database_now() >= first + timedelta(milliseconds=20)


@pytest.mark.postgresql
def test_the_hosts_clock_does_not_matter(db: None) -> None:
    """CO-17, AU-14."""
    before = database_now()
    with time_machine.travel(before - timedelta(hours=2)):
        assert before <= database_now() < before + timedelta(minutes=1)


def test_tests_replace_it_in_one_place(clock: Clock) -> None:
    assert database_now() == datetime(2026, 11, 22, 10, tzinfo=UTC)
    clock.move(milliseconds=1)
    assert rfc3339(database_now()) == "2026-11-22T10:00:00.001Z"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 10, 0, 0, 999_999, tzinfo=UTC), "2026-11-22T10:00:00.999Z"),
        (
            datetime(2026, 11, 22, 10, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2026-11-22T04:30:00.000Z",
        ),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_written_as_rfc_3339(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == rfc3339_or_none(moment) == text


def test_no_time_is_null() -> None:
    assert rfc3339_or_none(None) is None


def test_a_time_is_cut_not_rounded() -> None:
    moment = datetime(2026, 11, 22, 10, 0, 0, 1_999, tzinfo=UTC)
    assert whole_milliseconds(moment).microsecond == 1000
