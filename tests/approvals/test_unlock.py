"""Opening a protected track (security.md 2.6)."""

from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from pytest_django import Settings

from approvals import unlock as unlocking
from approvals.grants import Client
from approvals.models import Grant
from approvals.unlock import WrongPassword
from config.errors import RateLimited
from tests.approvals.proving import Browser
from tests.conftest import Clock
from tests.factories import AGENT, TrackFactory
from tracks.models import Track
from tracks.transitions import update_track

PASSWORD = "Größe 你好 😀"


@pytest.fixture
def track(workspace: Any, clock: Clock) -> Track:
    return TrackFactory(workspace=workspace, password=PASSWORD)


@pytest.fixture(autouse=True)
def _cache_of_this_process(settings: Settings) -> None:
    """Tries are counted where time can be travelled, also where Redis counts them otherwise."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compare passwords without the work of hashing; returns what was compared."""
    compared: list[str] = []

    def compare(typed: str, stored: str) -> bool:
        compared.append(typed)
        return typed == PASSWORD

    monkeypatch.setattr(unlocking, "check_password", compare)
    return compared


def at(number: int) -> Browser:
    """Return a browser from an address on the net of its own."""
    return Browser(f"{number}", client=Client(ip=f"198.51.100.{number}", user_agent="x"))


def fail(browser: Browser, track: Track, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            browser.unlock(track, "wrong")


@pytest.mark.parametrize("typed", [PASSWORD, "Gro\u0308\u00dfe 你好 😀"])
def test_the_password_opens_the_track_in_whatever_way_its_accents_are_typed(
    track: Track, typed: str
) -> None:
    """PG-05: NFC only."""
    browser = Browser()
    browser.unlock(track, typed)
    (grant,) = Grant.objects.all()
    assert (grant.kind, grant.method, grant.approver) == ("unlock", "password", None)
    assert browser.sees(track).is_unlocked


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "größe 你好 😀",
        PASSWORD + " ",
        " " + PASSWORD,
        PASSWORD[:-1],
        PASSWORD.upper(),
        "Größe\u00a0你好 😀",
        "Grösse 你好 😀",
        "Ｇröße 你好 😀",
    ],
)
def test_passwords_compare_exactly(track: Track, typed: str) -> None:
    """PG-05."""
    with pytest.raises(WrongPassword):
        Browser().unlock(track, typed)
    assert not Grant.objects.exists()


def test_what_is_too_long_is_refused_before_it_is_hashed(track: Track, quick: list[str]) -> None:
    """PG-01."""
    for typed in ("x" * 129, "x" * 1000, "\u0301" * 500_000):
        with pytest.raises(WrongPassword):
            Browser().unlock(track, typed)
    assert quick == []
    fail(Browser(), track)
    assert quick == ["wrong"]


def test_the_longest_password_opens_also_when_it_is_typed_decomposed(
    track: Track, quick: list[str]
) -> None:
    with pytest.raises(WrongPassword):
        Browser().unlock(track, "u\u0308\u0304" * 128)
    assert quick == ["\u01d6" * 128]


def test_a_track_without_a_password_has_nothing_to_open(workspace: Any) -> None:
    with pytest.raises(WrongPassword):
        Browser().unlock(TrackFactory(workspace=workspace), "")


def test_a_password_that_changed_while_it_was_compared_opens_nothing(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(typed: str, stored: str) -> bool:
        update_track(
            track_id=track.pk,
            workspace_id=track.workspace_id,
            changes={"password": None},
            actor=AGENT,
        )
        return True

    monkeypatch.setattr(unlocking, "check_password", compare)
    with pytest.raises(WrongPassword):
        Browser().unlock(track, PASSWORD)
    assert not Grant.objects.exists()


# -- guessing --------------------------------------------------------------------------------------


def pause_of(track: Track, browser: Browser) -> int:
    with pytest.raises(RateLimited) as refusal:
        browser.unlock(track, PASSWORD)
    return int(refusal.value.headers["Retry-After"])


def test_nine_wrong_ones_cost_nothing(track: Track, quick: list[str]) -> None:
    """PG-02."""
    fail(at(1), track, 9)
    at(1).unlock(track, PASSWORD)


def test_after_ten_everybody_waits_twice_as_long_each_time_but_never_more_than_five_minutes(
    track: Track, quick: list[str]
) -> None:
    """PG-02: exponential delay, never a lock."""
    with time_machine.travel(0, tick=False) as now:
        fail(at(0), track, 9)
        pauses = []
        for number in range(1, 12):
            fail(at(number), track)
            pause = pause_of(track, at(99))
            pauses.append(pause)
            now.shift(pause - 1)
            assert pause_of(track, at(99)) == pause
            now.shift(1.001)
            cache.touch(f"unlock-tries:{track.pk}", 900)
        assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
        at(99).unlock(track, PASSWORD)


def test_a_refused_try_compares_nothing_and_counts_for_nothing(
    track: Track, quick: list[str]
) -> None:
    fail(at(1), track, 10)
    quick.clear()
    for _ in range(5):
        assert pause_of(track, at(2)) == 1
    assert quick == []


def test_a_quarter_of_an_hour_after_the_first_the_count_begins_anew(
    track: Track, quick: list[str]
) -> None:
    with time_machine.travel(0, tick=False) as now:
        fail(at(1), track, 9)
        now.shift(15 * 60 + 1)
        fail(at(1), track, 9)
        at(1).unlock(track, PASSWORD)


def test_tracks_do_not_share_their_pauses(track: Track, quick: list[str], workspace: Any) -> None:
    other = TrackFactory(workspace=workspace, password=PASSWORD)
    fail(at(1), track, 10)
    at(1).unlock(other, PASSWORD)


def test_thirty_wrong_ones_from_one_address_on_the_net_pause_it_everywhere(
    quick: list[str], workspace: Any, clock: Clock
) -> None:
    """PG-02: per address separately."""
    tracks = [TrackFactory(workspace=workspace) for _ in range(4)]
    Track.objects.update(password_hash="x")
    for track in tracks[:3]:
        for _ in range(10):
            cache.delete(f"unlock-pause:{track.pk}")
            fail(at(1), track)
    assert pause_of(tracks[3], at(1)) == 900
    at(2).unlock(tracks[3], PASSWORD)
