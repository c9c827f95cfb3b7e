"""When a delivery is tried again (WH-09, WH-11, WH-13)."""

from datetime import UTC, datetime, timedelta

import pytest

from webhooks import retries

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TABLE = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
]


@pytest.mark.parametrize("tries", range(1, 10))
def test_the_table_of_the_specification(tries: int) -> None:
    planned = TABLE[tries - 1]
    assert retries.pause_after(tries, retry_after=None, chance=0) == planned
    assert retries.pause_after(tries, retry_after=None, chance=1) == planned * 1.2


def test_ten_attempts_within_75_hours_and_35_minutes() -> None:
    assert retries.MOST_ATTEMPTS == 10
    assert sum(TABLE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert retries.pause_after(10, retry_after=timedelta(seconds=1), chance=0) is None


@pytest.mark.parametrize(
    ("tries", "asked", "pause"),
    [
        (1, timedelta(seconds=120), timedelta(seconds=120)),
        (1, timedelta(seconds=1), timedelta(seconds=5)),
        (9, timedelta(seconds=120), timedelta(hours=24)),
        (1, timedelta(days=400), timedelta(hours=24)),
    ],
)
def test_a_receiver_may_ask_for_more_time_and_not_for_less(
    tries: int, asked: timedelta, pause: timedelta
) -> None:
    assert retries.pause_after(tries, retry_after=asked, chance=0) == pause


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("99999999", 86_400),
        ("9" * 20, 86_400),
        ("Sun, 22 Nov 2026 10:02:00 GMT", 120),
        ("Sunday, 22-Nov-26 10:02:00 GMT", 120),
        ("Sun Nov 22 10:02:00 2026", 120),
    ],
)
def test_both_forms_of_retry_after(text: str, seconds: int) -> None:
    assert retries.read_retry_after(text, now=NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "1.5", "soon", "1e3", "0x10", "１２", "9" * 21, "\x00", "Sun, 99 Nov 2026"),
        *(
            "Sun, 22 Nov 2026 09:00:00 GMT",
            "Sun, 22 Nov 99999 10:00:00 GMT",
            "2026-11-22T10:02:00Z",
        ),
    ],
)
def test_nonsense_and_the_past_are_ignored(text: str) -> None:
    assert retries.read_retry_after(text, now=NOW) is None


@pytest.mark.parametrize(
    ("hours", "failures", "given_up"),
    [(120, 10, True), (119.99, 1000, False), (1000, 9, False), (120, 9, False)],
)
def test_an_endpoint_is_given_up_after_five_days_and_ten_failures(
    hours: float, failures: int, given_up: bool
) -> None:
    failing_for = timedelta(hours=hours)
    assert retries.has_given_up(failing_for=failing_for, failures=failures) is given_up
