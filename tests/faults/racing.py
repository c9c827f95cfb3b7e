"""Several threads that start at the same moment, and what they race for."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

from approvals.models import Approver, Ask, Holder, Seat
from tests.factories import AGENT, KEY_ID, config_of
from tracks.clock import database_now
from tracks.models import Track

PATIENCE = 60.0  # seconds; a race that takes longer is a deadlock


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads of their own; return what each returned, or the exception."""
    return _run(calls, prepare=bool)


def at_once_in_database(*calls: Callable[[], Any]) -> list[Any]:
    """The same with a database connection for each, opened before the start."""
    # Looked up by whoever calls it: each thread has a connection of its own.
    return _run(calls, prepare=lambda: connection.ensure_connection())


def _run(calls: Sequence[Callable[[], Any]], *, prepare: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            prepare()
            barrier.wait(PATIENCE)
            results[index] = call()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(index, call), daemon=True)
        for index, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread never came back"
    return results


def count(results: list[Any]) -> dict[str, int]:
    """Count the results by the name of their type."""
    names = [type(result).__name__ for result in results]
    return {name: names.count(name) for name in sorted(set(names))}


def ask_that_ends(track: Track, approver: Approver, *, after: timedelta) -> Ask:
    """Open an ask the short way: what is raced is how it closes."""
    return asks_that_end([track], approver, after=[after])[0]


def asks_that_end(
    tracks: Sequence[Track], approver: Approver, *, after: Sequence[timedelta]
) -> list[Ask]:
    """Open an ask on each track, all at the same moment, each with an end of its own."""
    now = database_now()
    asks = Ask.objects.bulk_create(
        Ask(
            workspace=track.workspace,
            track=track,
            kind="confirm",
            prompt="Go on?",
            config=config_of("confirm"),
            asked_by=AGENT.name,
            asked_by_key=KEY_ID,
            timeout_seconds=1,
            display_digest="sha256:0",
            created_at=now,
            expires_at=now + each,
            ends_at=now + each,
        )
        for track, each in zip(tracks, after, strict=True)
    )
    seats = Seat.objects.bulk_create(Seat(ask=ask, position=0, approver=approver) for ask in asks)
    Holder.objects.bulk_create(
        Holder(ask=seat.ask, seat=seat, approver=approver, at=now) for seat in seats
    )
    return asks
