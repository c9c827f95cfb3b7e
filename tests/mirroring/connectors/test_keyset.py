"""A pass loses nothing, whatever moves while it is under way (PO-01)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from mirroring.connectors.keyset import OVERLAP, Position

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
PAGE = 3


@dataclass
class Log:
    """A system that lists by the time of the last change, in pages, with `>=`."""

    times: dict[int, datetime] = field(default_factory=dict)

    def page(self, at: Position) -> tuple[list[int], bool]:
        rows = sorted(
            (time, key) for key, time in self.times.items() if at.since is None or time >= at.since
        )
        begin = (at.page - 1) * PAGE
        return [key for _, key in rows[begin : begin + PAGE]], len(rows) > begin + PAGE


def walk(log: Log, at: Position, disturb: Callable[[int], None]) -> tuple[set[int], Position]:
    """Do one pass; something happens in the system after every page."""
    seen: set[int] = set()
    at = replace(at, started=START + timedelta(minutes=1))
    for turn in range(500):
        keys, more = log.page(at)
        seen |= set(keys)
        times = [log.times[key] for key in keys]
        if not more:
            following = at.finish(times, now=START + timedelta(days=1))
            return seen, following or Position()
        at = at.follow(times)
        disturb(turn)
    raise AssertionError("the pass has no end")


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=25),
    st.lists(st.integers(0, 24), max_size=12),
    st.sampled_from([Position(), Position(since=START, is_first=False)]),
)
@example([0, 0, 0, 0, 1], [0, 1], Position())
@example([0, 0, 0, 0, 1], [0, 1], Position(since=START, is_first=False))
def test_what_moves_to_the_end_hides_nothing(
    ages: list[int], moved: list[int], first: Position
) -> None:
    """Every item is seen, those with equal times too, while others are changed."""
    log = Log({key: START + timedelta(seconds=age) for key, age in enumerate(ages)})
    waiting = [key for key in moved if key in log.times]

    def disturb(turn: int) -> None:
        if turn < len(waiting):
            log.times[waiting[turn]] = START + timedelta(minutes=10 + turn)

    # Within one time the pages are numbered, so there a change can hide a neighbour: for a poll.
    seen, at = walk(log, first, disturb)
    again, _ = walk(log, at, lambda turn: None)
    assert set(log.times) == seen | again


def test_a_quiet_system_is_read_in_full_in_one_pass() -> None:
    log = Log(dict.fromkeys(range(10), START) | {10: START + timedelta(seconds=1)})
    seen, _ = walk(log, Position(), lambda turn: None)
    assert seen == set(range(11))


def test_each_pass_begins_before_the_end_of_the_last() -> None:
    first = Position(started=START).finish([START - timedelta(days=400)], now=START)
    assert first == Position(since=START - timedelta(seconds=5) - OVERLAP, is_first=False)
    assert first is not None
    late = first.finish([START + timedelta(hours=1)], now=START + timedelta(hours=1))
    assert late is not None
    assert late.since == START + timedelta(hours=1) - timedelta(seconds=5) - OVERLAP


def test_a_pass_of_hours_is_followed_by_one_from_before_its_start() -> None:
    at = Position(since=START - timedelta(hours=1), is_first=False, started=START)
    at = at.follow([START])  # what is committed late may now get a time that is passed already
    after = at.finish([START + timedelta(hours=3)], now=START + timedelta(hours=3))
    assert after == Position(since=START - timedelta(seconds=5) - OVERLAP, is_first=False)


def test_numbered_pages_are_read_again_only_when_something_moved() -> None:
    crowd = [START] * PAGE
    begun = Position(since=START, is_first=False, started=START + timedelta(minutes=30))
    numbered = begun.follow(crowd)
    assert numbered.low == START
    quiet = numbered.finish([START + timedelta(minutes=9)], now=START + timedelta(hours=1))
    moved = numbered.finish([START + timedelta(minutes=31)], now=START + timedelta(hours=1))
    assert quiet == Position(since=START + timedelta(minutes=4), is_first=False)
    assert moved == Position(since=START, is_first=False)


def test_a_time_that_is_ignored_is_asked_for_once_more() -> None:
    at = Position(since=START, is_first=False, started=START + timedelta(minutes=30))
    early = [START - timedelta(minutes=1), START]
    doubted = at.follow_doubting(early)
    assert doubted == replace(at, is_doubted=True)
    later = START + timedelta(minutes=1)
    assert doubted.follow_doubting([START, later]) == replace(at, since=later, high=later)


def test_a_time_that_is_ignored_twice_makes_the_next_pass_begin_where_this_one_did() -> None:
    at = Position(since=START, is_first=False, started=START + timedelta(minutes=30))
    early, later = [START - timedelta(minutes=1), START], START + timedelta(minutes=1)
    numbered = at.follow_doubting(early).follow_doubting(early, token="2")
    assert (numbered.since, numbered.page, numbered.token) == (START, 2, "2")
    numbered = numbered.follow_doubting([START, later], token="4")
    assert (numbered.since, numbered.page, numbered.token) == (START, 3, "4")
    after = numbered.finish([later], now=START + timedelta(hours=1))
    assert after == Position(since=START - timedelta(minutes=4), is_first=False)
    long_after = numbered.finish([START + timedelta(minutes=29)], now=START + timedelta(hours=1))
    assert long_after == Position(since=START, is_first=False)


def test_a_quiet_poll_stays_where_it_is() -> None:
    at = Position(since=START, is_first=False)
    assert at.finish([], now=START + timedelta(days=3)) == at
    assert Position().finish([], now=START) is None


def test_an_item_from_the_future_takes_the_cursor_nowhere() -> None:
    at = Position(since=START, is_first=False)
    after = at.finish([START + timedelta(days=365)], now=START)
    assert after is not None
    assert after.since == START - timedelta(seconds=5) - OVERLAP


def test_what_is_not_in_order_is_read_page_by_page() -> None:
    at = Position(since=START, is_first=False)
    unsorted = [START + timedelta(seconds=9), START + timedelta(seconds=1), None]
    after = at.follow(unsorted)
    assert (after.since, after.page, after.offset) == (START, 2, 3)
    assert after.high == START + timedelta(seconds=9)


def test_a_position_survives_being_written_down() -> None:
    full = Position(
        since=START,
        number=7,
        page=2,
        offset=9,
        high=START,
        low=START,
        is_first=True,
        started=START,
        token="next",
        is_doubted=True,
    )
    for at in (Position(), full, Position(since=START, number=0, is_first=False)):
        assert Position.read(at.write()) == at
