"""The parts of waiting by themselves, on an event loop without a server or a database."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tracks import watcher as watching
from tracks.waiting import Reading, Together, read_until_news
from tracks.wakeups import Hub, hub
from tracks.watcher import Change, Watcher

OLD, NEW = Reading(b"old", is_news=False), Reading(b"new", is_news=True)
KEY = uuid4()


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Play a scene on an event loop of its own, which the hub serves."""

    async def play() -> None:
        hub.attach(asyncio.get_running_loop())
        await asyncio.wait_for(scene(), 5)
        assert not hub.has_waiters

    asyncio.run(play())


def reads(*readings: Reading) -> Callable[[], Coroutine[Any, Any, Reading]]:
    """Return a reader that finds one reading after another."""
    left = iter(readings)

    async def read() -> Reading:
        return next(left)

    return read


def test_news_is_returned_at_once() -> None:
    async def scene() -> None:
        assert await read_until_news(KEY, read=reads(NEW), seconds=20) == b"new"

    run(scene)


def test_a_change_during_the_read_is_not_missed() -> None:
    """What was read is older than the change, and the change came before the wait."""
    found = iter([OLD, NEW])

    async def read() -> Reading:
        reading = next(found)
        hub.wake([KEY])
        return reading

    async def scene() -> None:
        assert await read_until_news(KEY, read=read, seconds=20) == b"new"

    run(scene)


def test_after_the_seconds_it_is_read_once_more() -> None:
    async def scene() -> None:
        later = Reading(b"later", is_news=False)
        assert await read_until_news(KEY, read=reads(OLD, later), seconds=0.01) == b"later"

    run(scene)


def test_a_deadline_within_the_wait_is_a_reason_to_read() -> None:
    async def scene() -> None:
        soon = Reading(b"old", is_news=False, changes_in=0.01)
        assert await read_until_news(KEY, read=reads(soon, NEW), seconds=20) == b"new"

    run(scene)


def test_a_wake_up_without_news_goes_on_waiting() -> None:
    async def scene() -> None:
        waiting = asyncio.create_task(read_until_news(KEY, read=reads(OLD, OLD, NEW), seconds=20))
        for _ in range(2):
            await asyncio.sleep(0.01)
            assert not waiting.done()
            hub.wake([KEY])
        assert await waiting == b"new"

    run(scene)


def test_closing_returns_what_was_read_last_without_reading_again() -> None:
    async def scene() -> None:
        waiting = asyncio.create_task(read_until_news(KEY, read=reads(OLD), seconds=20))
        await asyncio.sleep(0.01)
        hub.close()
        assert await waiting == b"old"
        assert await read_until_news(KEY, read=reads(OLD), seconds=20) == b"old"

    run(scene)


def test_a_waiter_that_is_cancelled_leaves_nothing_behind() -> None:
    async def scene() -> None:
        waiting = asyncio.create_task(read_until_news(KEY, read=reads(OLD), seconds=20))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(scene)


class Table:
    """Rows that are read together; remembers which were asked for at once."""

    def __init__(self) -> None:
        self.batches: list[set[UUID]] = []
        self.error: Exception | None = None

    def __call__(self, keys: Collection[UUID]) -> dict[UUID, str]:
        self.batches.append(set(keys))
        if self.error is not None:
            raise self.error
        return {key: key.hex for key in keys}


def test_one_reader_is_served_at_once_and_those_behind_it_together() -> None:
    table, keys = Table(), [uuid4() for _ in range(10)]
    rows: Together[str] = Together(table)

    async def scene() -> None:
        first = asyncio.create_task(rows.read(keys[0]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [rows.read(key) for key in keys]
        assert await first == keys[0].hex
        assert await asyncio.gather(*others) == [key.hex for key in keys]

    run(scene)
    # The first key was read again: a read that had begun before is too old for who came later.
    assert table.batches == [{keys[0]}, set(keys)]


def test_no_more_than_so_many_are_read_together() -> None:
    table = Table()
    rows: Together[str] = Together(table)

    async def scene() -> None:
        await asyncio.gather(*(rows.read(uuid4()) for _ in range(Together.LARGEST + 1)))

    run(scene)
    assert [len(batch) for batch in table.batches] == [Together.LARGEST, 1]


def test_what_is_not_there_is_none() -> None:
    rows: Together[str] = Together(lambda keys: {})

    async def scene() -> None:
        assert await rows.read(KEY) is None

    run(scene)


def test_a_read_that_fails_fails_for_all_and_the_next_succeeds() -> None:
    table = Table()
    rows: Together[str] = Together(table)

    async def scene() -> None:
        table.error = RuntimeError("the database is away")
        failed = await asyncio.gather(rows.read(KEY), rows.read(KEY), return_exceptions=True)
        assert failed == [table.error] * 2
        table.error = None
        assert await rows.read(KEY) == KEY.hex

    run(scene)


def test_a_reader_that_is_cancelled_does_not_take_the_read_from_the_others() -> None:
    rows: Together[str] = Together(Table())

    async def scene() -> None:
        one, other = (asyncio.create_task(rows.read(KEY)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        assert await other == KEY.hex

    run(scene)


class Source:
    """What a look at the database finds; may fail."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.error: Exception | None = None
        self.looks = 0

    def __call__(self, since: datetime) -> list[Change]:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.changes


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source for a watcher that looks all the time, whatever the database is."""
    monkeypatch.setattr(watching, "SQLITE_INTERVAL", 0.001)
    monkeypatch.setattr(watching, "POSTGRESQL_INTERVAL", 0.001)
    monkeypatch.setattr(watching, "_sqlite_has_news", lambda: lambda: True)
    monkeypatch.setattr(watching, "database_now", lambda: datetime.fromisoformat("2026-11-22"))
    return Source()


SOON = 2.0  # seconds; a loaded machine may take some of them


async def woken(waiters: Hub, key: UUID, within: float = 0.1) -> bool:
    """Tell whether somebody who waits for a key is woken."""
    with waiters.subscribed(key) as future:
        done, _ = await asyncio.wait({future}, timeout=within)
    return bool(done)


async def watched(source: Source, scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    watching_task = asyncio.create_task(Watcher(hub, [source]).run())
    try:
        await scene()
    finally:
        watching_task.cancel()


def test_the_watcher_wakes_for_each_change_once(source: Source) -> None:
    async def scene() -> None:
        source.changes = [(KEY, "1")]
        assert await woken(hub, KEY, SOON)
        assert not await woken(hub, KEY)
        source.changes = [(KEY, "2")]
        assert await woken(hub, KEY, SOON)

    run(lambda: watched(source, scene))


def test_the_watcher_does_not_look_while_nobody_waits(source: Source) -> None:
    run(lambda: watched(source, lambda: asyncio.sleep(0.05)))
    assert source.looks == 0


def test_the_watcher_goes_on_after_a_failure_and_complains_once(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[str] = []
    monkeypatch.setattr(watching.log, "exception", complaints.append)

    async def scene() -> None:
        source.error = RuntimeError("the database is away")
        assert not await woken(hub, KEY)
        source.error, source.changes = None, [(KEY, "1")]
        assert await woken(hub, KEY, SOON)

    run(lambda: watched(source, scene))
    assert source.looks > 2
    assert complaints == ["watcher.failed"]


def test_the_watcher_looks_again_after_a_failure_although_nothing_new_is_told(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite tells of a commit once; a look that failed must not have used that up."""
    told = iter([True])
    monkeypatch.setattr(watching, "_sqlite_has_news", lambda: lambda: next(told, False))

    async def scene() -> None:
        source.error = RuntimeError("the database is away")
        assert not await woken(hub, KEY)
        source.error, source.changes = None, [(KEY, "1")]
        assert await woken(hub, KEY, SOON)

    run(lambda: watched(source, scene))
