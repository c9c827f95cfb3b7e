"""What was asked of the database, and how it carries that out."""

from django.db import connection


def is_statement(sql: str) -> bool:
    """Tell whether it asks something of the tables, and is not the frame of a transaction."""
    return sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) and "clock_timestamp" not in sql


def explained(statement: str) -> str:
    """Return how the database would carry a statement out."""
    return _explained("EXPLAIN", statement)


def carried_out(statement: str) -> str:
    """Let the database carry a statement out, and return how it did."""
    return _explained("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)", statement)


def _explained(how: str, statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"{how} {statement}")
        return "\n".join(row[0] for row in cursor.fetchall())
