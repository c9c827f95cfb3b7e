"""What may go wrong in the emulated systems does when it is to, and alike for the same seed."""

from datetime import UTC, datetime, timedelta

from tests.mirroring.emulators.faults import SHORT_PAGE, SLOW, Clock, Faults


def test_what_is_added_strikes_so_many_times_and_is_counted() -> None:
    faults = Faults()
    faults.add(SHORT_PAGE, times=2, rows=3)
    faults.add(SLOW, times=None)
    assert [faults.strike(SHORT_PAGE) for _ in range(3)] == [{"rows": 3}, {"rows": 3}, None]
    assert [faults.strike(SLOW) for _ in range(3)] == [{"seconds": 0.05}] * 3
    assert faults.struck == {SHORT_PAGE: 2, SLOW: 3}
    faults.clear()
    assert faults.strike(SLOW) is None


def test_chance_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults()
        faults.at_random(seed=seed, rates={SLOW: 0.5})
        return [faults.strike(SLOW) is not None for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 10 < sum(drawn(1)) < 40


def test_a_clock_stands_runs_ahead_or_follows_another() -> None:
    clock, noon = Clock(), datetime(2026, 11, 22, 12, tzinfo=UTC)
    clock.set(noon)
    clock.advance(90)
    assert clock.now() == noon + timedelta(seconds=90)
    clock.follow(lambda: noon.replace(microsecond=700_000))
    assert clock.now() == noon
