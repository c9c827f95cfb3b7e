"""Reading one row."""

from typing import TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def one_or_none(rows: QuerySet[M]) -> M | None:
    """Return the only row of a queryset that can have but one.

    `first()` would sort it, which costs Django as much time as the rest of the query.
    """
    return next(iter(rows.order_by()[:1]), None)
