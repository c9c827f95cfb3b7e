"""Pages of lists whose rows nobody can wait to have counted."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.functional import cached_property

MOST = 10_000  # rows that are counted one by one, and that can be paged through


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # no generic at run time
    """Counts up to MOST rows, and takes the database's estimate for a whole table.

    Whoever looks for a row beyond the last page filters: an OFFSET reads all that it skips.
    """

    template_name = "admin/pagination_capped.html"

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, at most MOST; of a whole table about how many."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        counted = rows.order_by()[:MOST].count()
        return max(counted, _estimate(rows)) if counted == MOST else counted

    @property
    def in_words(self) -> str:
        """Say how many rows there are, as far as they were counted."""
        if self.count < MOST:
            return str(self.count)
        return f"about {self.count:,}" if self.count > MOST else f"{MOST:,} or more"

    @cached_property
    def num_pages(self) -> int:
        """Return how many pages can be turned to."""
        return max(1, -(-min(self.count, MOST) // self.per_page))


# Newest first, in a way that no index has: the database finds the rows and then sorts them. For an
# order that an index has it may read all there are from their end, until it meets enough of these.
SORTED = Coalesce("pk", "pk").desc()


class WorkspacePaginator(CappedPaginator):
    """Pages of rows that an index has by workspace and key, newest first, for a big table.

    No index has the rows of several workspaces in one order, and a database that guesses may read
    the table from its end until it meets enough of them. So each workspace is read from its own
    end, and rows of which there are few are sorted. `workspaces`: those of the reader; None: all,
    or too many for this.
    """

    workspaces: Sequence[UUID] | None = None

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, at most MOST; of a whole table about how many."""
        rows: Any = self.object_list
        if not self._by_workspace:
            return super().count
        counted: int = self._of_each(rows.order_by(), MOST).count()
        return min(MOST, counted)

    def page(self, number: int | str) -> "Page[Any]":
        """Return a page: its keys first, then their rows."""
        number = self.validate_number(number)
        end = number * self.per_page
        keys = self._newest(end)
        if keys is None:
            return super().page(number)
        found = list(keys[end - self.per_page : end])
        rows: Any = self.object_list
        return Page(rows.filter(pk__in=found), number, self)

    def _newest(self, most: int) -> Any:
        """Return the keys of the newest rows, or None where the database finds them as well."""
        rows: Any = self.object_list
        if self.count < MOST:
            return rows.order_by(SORTED).values_list("pk", flat=True)
        if not self._by_workspace:
            return None
        keys = self._of_each(rows.order_by("-pk"), most)
        return keys.order_by("-pk") if keys.query.combinator else keys

    @property
    def _by_workspace(self) -> bool:
        can_slice = connection.features.supports_slicing_ordering_in_compound
        return bool(self.workspaces) and can_slice

    def _of_each(self, rows: Any, most: int) -> Any:
        """Return the keys of the first rows of each workspace."""
        keys = rows.values_list("pk", flat=True)
        first, *others = (keys.filter(workspace=each)[:most] for each in self.workspaces or ())
        return first.union(*others, all=True) if others else first


def _estimate(rows: QuerySet) -> int:  # type: ignore[type-arg]
    if connection.vendor != "postgresql" or rows.query.where:
        return 0
    with connection.cursor() as cursor:
        table = rows.model._meta.db_table
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
        return int(cursor.fetchone()[0])
