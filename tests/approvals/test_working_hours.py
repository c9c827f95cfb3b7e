"""When people are at work, and when they are reminded: a table, no database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from approvals.working_hours import (
    is_daytime,
    is_digest_time,
    leaves_enough,
    next_daytime,
    reminder_times,
)

BERLIN = ZoneInfo("Europe/Berlin")
KATHMANDU = ZoneInfo("Asia/Kathmandu")  # UTC+05:45


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-11-23T08:00", UTC, "2026-11-23T08:00"),  # a Monday
        ("2026-11-23T17:59:59.999", UTC, "2026-11-23T17:59:59.999"),
        ("2026-11-23T18:00", UTC, "2026-11-24T08:00"),
        ("2026-11-23T07:59:59.999", UTC, "2026-11-23T08:00"),
        ("2026-11-27T18:00", UTC, "2026-11-30T08:00"),  # Friday evening
        ("2026-11-28T07:00", UTC, "2026-11-30T08:00"),  # Saturday
        ("2026-11-28T12:00", UTC, "2026-11-30T08:00"),
        ("2026-11-29T23:59", UTC, "2026-11-30T08:00"),  # Sunday
        ("2026-11-23T06:59", BERLIN, "2026-11-23T07:00"),
        ("2026-11-23T16:59", BERLIN, "2026-11-23T16:59"),
        ("2026-11-23T17:00", BERLIN, "2026-11-24T07:00"),
        ("2026-11-29T23:30", BERLIN, "2026-11-30T07:00"),  # already Monday there
        ("2026-11-27T12:15", KATHMANDU, "2026-11-30T02:15"),  # Friday, 18:00 there
        ("2026-03-27T17:00", BERLIN, "2026-03-30T06:00"),  # summer time begins in between
        ("2026-10-23T16:00", BERLIN, "2026-10-26T07:00"),  # and ends
    ],
)
def test_the_next_moment_at_work(moment: str, zone: Any, expected: str) -> None:
    found = next_daytime(utc(moment), zone)
    assert found == utc(expected)
    assert is_daytime(found, zone)
    assert is_daytime(utc(moment), zone) is (moment == expected)


@pytest.mark.parametrize(
    ("asked", "window", "expected"),
    [
        # Monday 10:00; 30 days: a day, three days, and four fifths of it
        (
            "2026-11-23T10:00",
            timedelta(days=30),
            ["2026-11-24T10:00", "2026-11-26T10:00", "2026-12-17T10:00"],
        ),
        # the default of half an hour: once, six minutes before the end
        ("2026-11-23T10:00", timedelta(minutes=30), ["2026-11-23T10:24"]),
        ("2026-11-23T10:00", timedelta(minutes=25), ["2026-11-23T10:20"]),
        ("2026-11-23T10:00", timedelta(minutes=25, seconds=-5), []),  # 4 min 59 s would be left
        ("2026-11-23T10:00", timedelta(days=1), ["2026-11-24T08:00"]),  # 05:12 is too early
        # Friday 15:00 for three days and two hours: a day and four fifths both fall on Monday
        ("2026-11-27T15:00", timedelta(days=3, hours=2), ["2026-11-30T08:00", "2026-11-30T15:00"]),
        # Saturday 12:00: what would come on Sunday comes on Monday, as the rest says it later
        (
            "2026-11-28T12:00",
            timedelta(days=4),
            ["2026-11-30T08:00", "2026-12-01T16:48", "2026-12-01T12:00"],
        ),
        # Friday 17:50 for an hour: 18:38 is too late, and Monday is behind the end
        ("2026-11-27T17:50", timedelta(hours=1), []),
        # four fifths come before the first day is over
        ("2026-11-23T08:00", timedelta(hours=26), ["2026-11-24T08:00"]),
        ("2026-11-23T12:00", timedelta(hours=25), ["2026-11-24T08:00", "2026-11-24T12:00"]),
    ],
)
def test_when_somebody_is_reminded(asked: str, window: timedelta, expected: list[str]) -> None:
    times = reminder_times(asked_at=utc(asked), ends_at=utc(asked) + window, zone=UTC)
    assert times == sorted(map(utc, expected))


def test_the_hours_are_those_of_the_workspace() -> None:
    asked = berlin("2026-11-23T16:00")
    times = reminder_times(asked_at=asked, ends_at=asked + timedelta(hours=20), zone=BERLIN)
    assert times == [berlin("2026-11-24T08:00")]
    times = reminder_times(asked_at=asked, ends_at=asked + timedelta(hours=20), zone=KATHMANDU)
    assert times == [utc("2026-11-24T07:00")]  # 12:45 there


@pytest.mark.parametrize("days", range(31))
def test_never_more_than_three_and_all_of_them_in_time(days: int) -> None:
    asked = utc("2026-11-20T03:17")
    for minutes in range(days * 1440 + 1, days * 1440 + 1440, 37):
        ends_at = asked + timedelta(minutes=minutes)
        times = reminder_times(asked_at=asked, ends_at=ends_at, zone=BERLIN)
        assert len(times) <= 3
        assert len(set(times)) == len(times)
        assert all(is_daytime(each, BERLIN) and leaves_enough(each, ends_at) for each in times)


@pytest.mark.parametrize(
    ("moment", "is_time"),
    [
        ("2026-11-23T07:59:59", False),
        ("2026-11-23T08:00", True),
        ("2026-11-23T11:59:59", True),
        ("2026-11-23T12:00", False),
        ("2026-11-28T09:00", False),
        ("2026-11-29T09:00", False),
    ],
)
def test_digests_come_in_the_morning_of_a_working_day(moment: str, is_time: bool) -> None:
    assert is_digest_time(berlin(moment), BERLIN) is is_time
