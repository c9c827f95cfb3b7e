"""What `bench.mirroring` does inside an installation."""

import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection as database

from mirroring import connecting, polling, transitions
from mirroring.models import Connection, Poll, Record
from tests.mirroring.emulators.servicenow import ACCOUNTS
from tests.mirroring.mirror import keep_expired
from tracks.clock import database_now
from tracks.models import Workspace

RUNS = 20
LATER = timedelta(days=1)
INSERT = "INSERT INTO bench_row (id, title, seen) VALUES (%s, %s, %s)"


def connect(url: str) -> str:
    """Connect a workspace to a system; return the key of the connection."""
    ((username, password),) = ACCOUNTS.items()
    connection, _ = transitions.create_connection(
        workspace_id=Workspace.objects.create(name="Bench").pk,
        name="ServiceNow",
        kind="servicenow",
        config={"base_url": url, "username": username},
        secrets={"password": password},
        requests_per_minute=1_000_000,
    )
    return str(connection.pk)


def load(pk: str, count: str) -> dict[str, float]:
    """Go over so many approvals of a first load; return what that took."""
    with _counting() as counted, _timing() as timed:
        while Record.objects.count() < int(count):
            _run(pk)
    records = Record.objects.exclude(ask=None).count()
    return {
        "records": records,
        **timed,
        "queries_a_page": 100 * counted["statements"] / records,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def bare(pk: str, count: str) -> dict[str, float]:
    """Read the same pages, and insert a row for each approval: a page is one transaction."""
    connector = connecting.connector_for(Connection.objects.get(pk=pk))
    cursor, read, started = None, 0, time.perf_counter()
    with database.cursor() as sql:
        sql.execute("CREATE TABLE bench_row (id text PRIMARY KEY, title text, seen jsonb)")
        while read < int(count):
            page = connector.list(cursor, polling.PAGE)
            sql.execute("BEGIN")
            for item in page.items:
                sql.execute(INSERT, [f"{read} {item.external_id}", item.title, json.dumps({})])
                read += 1
            sql.execute("COMMIT")
            cursor = page.cursor
    return {"rate": read / (time.perf_counter() - started)}


def skip_to_the_end(pk: str) -> int:
    """Let what was not read be as read: the next pass begins at the end, as after a first load."""
    connector = connecting.connector_for(Connection.objects.get(pk=pk))
    now = database_now()
    since = (now - timedelta(hours=1, minutes=5)).isoformat()
    moved: int = Poll.objects.filter(pk=pk).update(
        cursor=json.dumps({"since": since}), loaded_at=now, pass_started_at=None
    )
    while not (page := connector.list(_cursor(pk), polling.PAGE)).complete:
        Poll.objects.filter(pk=pk).update(cursor=page.cursor)
    return moved


def _cursor(pk: str) -> str | None:
    return Poll.objects.values_list("cursor", flat=True).get(pk=pk)


def fill(pk: str, total: str) -> int:
    """Let so many be mirrored in all, most of them long ago."""
    missing = int(total) - Record.objects.count()
    keep_expired(pk, (f"{total}-{number}" for number in range(missing)))
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE mirroring_record")
    return missing


def poll(pk: str) -> dict[str, float]:
    """Return the least that several polls took that found nothing new."""
    _run(pk)  # what the last five minutes hold is stored by now
    runs = []
    for _ in range(RUNS):
        with _counting() as counted, _timing() as timed:
            _run(pk)
        runs.append({**timed, "queries": counted["statements"], "reading": _reading(pk)})
    return {name: min(each[name] for each in runs) for name in runs[0]}


def _reading(pk: str) -> float:
    """Return how long the pages of a poll take that are read and left alone."""
    connector = connecting.connector_for(Connection.objects.get(pk=pk))
    cursor, is_last = _cursor(pk), False
    with _timing() as timed:
        while not is_last:
            page = connector.list(cursor, polling.PAGE)
            cursor, is_last = page.cursor, page.complete
    return timed["seconds"]


def _run(pk: str) -> None:
    now = database_now()
    due = {"delta_at": now, "next_attempt_at": now, "check_at": now + LATER}
    Poll.objects.filter(pk=pk).update(sweep_at=now + LATER, **due)
    polling.run(Poll.objects.get(pk=pk).pk)
    assert not Poll.objects.get(pk=pk).failures, Poll.objects.get(pk=pk).last_error


@contextmanager
def _timing() -> Iterator[dict[str, float]]:
    timed: dict[str, float] = {}
    wall, processor = time.perf_counter(), time.process_time()
    yield timed
    timed["seconds"] = time.perf_counter() - wall
    timed["cpu_seconds"] = time.process_time() - processor


@contextmanager
def _counting() -> Iterator[dict[str, int]]:
    counted = {"statements": 0}

    def count(execute: Callable[..., Any], *said: Any) -> Any:
        counted["statements"] += 1
        return execute(*said)

    with database.execute_wrapper(count):
        yield counted
