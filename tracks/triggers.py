"""Database triggers that guard what no program may change, on both databases.

Installed after every migration (SQLite's table rebuilds drop them), so each statement can be
repeated. A system check and a test prove that they exist.
"""

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class Trigger:
    """Refuse an operation on a table; `when` limits it to some rows, in SQL both databases read."""

    name: str
    table: str
    operation: str  # UPDATE, DELETE or TRUNCATE
    message: str
    when: str = ""
    vendors: tuple[str, ...] = ("postgresql", "sqlite")

    def statements(self, vendor: str) -> list[str]:
        """Return the SQL that installs the trigger."""
        return self._postgresql() if vendor == "postgresql" else self._sqlite()

    def _postgresql(self) -> list[str]:
        each = "STATEMENT" if self.operation == "TRUNCATE" else "ROW"
        when = f"WHEN ({self.when})" if self.when else ""
        return [
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{self.message}' "
            "USING ERRCODE = 'integrity_constraint_violation'; END $$",
            f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}",
            f"CREATE TRIGGER {self.name} BEFORE {self.operation} ON {self.table} "
            f"FOR EACH {each} {when} EXECUTE FUNCTION {self.name}()",
        ]

    def _sqlite(self) -> list[str]:
        when = f"WHEN {self.when}" if self.when else ""
        return [
            f"DROP TRIGGER IF EXISTS {self.name}",
            f"CREATE TRIGGER {self.name} BEFORE {self.operation} ON {self.table} {when} "
            f"BEGIN SELECT RAISE(ABORT, '{self.message}'); END",
        ]


def install(triggers: list[Trigger]) -> None:
    """Create the triggers of this database, or create them anew."""
    with connection.cursor() as cursor:
        for trigger in triggers:
            if connection.vendor in trigger.vendors:
                for statement in trigger.statements(connection.vendor):
                    cursor.execute(statement)


def missing(triggers: list[Trigger]) -> list[str]:
    """Return the names of triggers that this database should have and has not."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {row[0] for row in cursor.fetchall()}
    expected = [each.name for each in triggers if connection.vendor in each.vendors]
    return [name for name in expected if name not in present]
