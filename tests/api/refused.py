"""What a refusal must look like, and that it left no trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection

UNSAFE = "\u202e"
OURS = ("tracks", "approvals", "mirroring", "webhooks")
# What was sent to a system counts, whatever it was sent for.
STATISTICS = ("mirroring_requestcount",)


def code_of(response: Any) -> tuple[int, str]:
    """Return the status and the code of a problem document that is well formed."""
    body = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:sayso:problem:{body['code']}"
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert ("errors" in body) is (response.status_code == 422)
    return response.status_code, body["code"]


def error_of(response: Any) -> tuple[str, str]:
    """Return the field and the code of the one thing that is wrong with a request."""
    assert response.status_code == 422, response.content
    (error,) = response.json()["errors"]
    assert error["detail"]
    return error["field"], error["code"]


@contextmanager
def nothing_written() -> Iterator[None]:
    """Fail if any row of our apps was added, changed or removed."""
    before = _rows()
    yield
    after = _rows()
    assert {table: rows for table, rows in after.items() if rows != before[table]} == {}


def _rows() -> dict[str, list[str]]:
    ours = [config for config in apps.get_app_configs() if config.name in OURS]
    tables = {model._meta.db_table for config in ours for model in config.get_models()}
    with connection.cursor() as cursor:
        return {table: _rows_of(cursor, table) for table in tables.difference(STATISTICS)}


def _rows_of(cursor: Any, table: str) -> list[str]:
    cursor.execute(f"SELECT * FROM {table}")
    return sorted(map(repr, cursor.fetchall()))
