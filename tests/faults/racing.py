"""Several threads that start at the same moment."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

PATIENCE = 60.0  # seconds; a race that takes longer is a deadlock


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads of their own; return what each returned, or the exception."""
    return _run(calls, prepare=bool)


def at_once_in_database(*calls: Callable[[], Any]) -> list[Any]:
    """The same with a database connection for each, opened before the start."""
    return _run(calls, prepare=connection.ensure_connection)


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
