"""What a first load and a poll with nothing new ask of the database.

The clock stands still here; on PostgreSQL each look at it is one statement more.
"""

import re
from collections import Counter

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from mirroring.models import Connection, Record
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import keep_expired, poll
from tests.statements import carried_out, is_statement

TOGETHER = 25


def statements(queries: CaptureQueriesContext) -> list[str]:
    """Return what was asked of the tables, without the frames of transactions."""
    return [query["sql"] for query in queries if is_statement(query["sql"])]


def in_brief(sql: str) -> str:
    """Return what a statement does to which table first."""
    table = re.search(r'(?:FROM|INTO|UPDATE) "(\w+)"', sql)
    assert table is not None, sql
    return f"{sql.split()[0]} {table[1]}"


@pytest.mark.django_db(transaction=True)
def test_a_record_of_a_first_load_costs_eight_statements_of_its_own(
    connection: Connection, snow: ServiceNow
) -> None:
    """Connection, locks, events and what consumers look up are asked for once for many."""
    for number in range(TOGETHER):
        snow.open(f"Request {number}")
    with CaptureQueriesContext(database) as queries:
        poll(connection)
    counted = Counter(map(in_brief, statements(queries)))
    of_each = {each: count for each, count in counted.items() if count >= TOGETHER}
    assert Record.objects.filter(status="pending").count() == TOGETHER
    assert of_each == {
        "INSERT tracks_track": TOGETHER,
        "INSERT tracks_step": TOGETHER,
        "SELECT approvals_approver": TOGETHER + 1,  # who gets the digest
        "INSERT approvals_ask": TOGETHER,
        "INSERT approvals_seat": TOGETHER,
        "INSERT approvals_holder": TOGETHER,
        "SELECT approvals_absence": TOGETHER,
        "UPDATE mirroring_record": TOGETHER,
    }


@pytest.mark.django_db
def test_a_poll_with_nothing_new_asks_the_same_however_much_is_mirrored(
    connection: Connection, snow: ServiceNow
) -> None:
    snow.open("12 laptops")
    poll(connection)
    among_few = statements_of_a_poll(connection)
    mirror(connection, 10_000)
    among_many = statements_of_a_poll(connection)
    assert list(map(in_brief, among_many)) == list(map(in_brief, among_few))
    assert Counter(map(in_brief, among_many)) == {
        "SELECT mirroring_connection": 1,
        "SELECT mirroring_poll": 2,  # one by the test, as below
        "UPDATE mirroring_poll": 6,
        "SELECT mirroring_record": 2,
        "UPDATE mirroring_record": 1,
        "INSERT mirroring_run": 1,
        "INSERT mirroring_requestcount": 1,
        "UPDATE mirroring_requestcount": 1,
    }


@pytest.mark.django_db
@pytest.mark.postgresql
def test_a_poll_with_nothing_new_finds_what_it_reads_by_its_key(
    connection: Connection, snow: ServiceNow
) -> None:
    for number in range(3):
        snow.open(f"Request {number}")
    poll(connection)
    mirror(connection, 10_000)
    of_records = [sql for sql in statements_of_a_poll(connection) if '"mirroring_record"' in sql]
    plans = [carried_out(sql) for sql in of_records]
    by_name, by_key = "record_external_id_unique", "mirroring_record_pkey"
    assert [index_of(plan) for plan in plans] == [by_name, by_name, by_key]
    assert [records_read(plan) for plan in plans] == [3, 3, 3]


def index_of(plan: str) -> str:
    """Return the one index that is read, whether row by row or into a bitmap first."""
    (index,) = re.findall(r"Index (?:Only )?Scan (?:using|on) (\w+)", plan)
    return str(index)


def records_read(plan: str) -> int:
    """Return how many records the database touched; none may have been passed over."""
    (rows,) = set(re.findall(r"Scan.* rows=(\d+) loops=1", plan))
    assert "Rows Removed" not in plan
    return int(rows)


def statements_of_a_poll(connection: Connection) -> list[str]:
    with CaptureQueriesContext(database) as queries:
        poll(connection)
    return statements(queries)


def mirror(connection: Connection, many: int) -> None:
    """Let so many others have been mirrored long ago."""
    keep_expired(connection.pk, map(str, range(many)))
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("ANALYZE mirroring_record")
