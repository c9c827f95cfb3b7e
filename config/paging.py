"""Pages of a list by keyset: nothing is skipped or doubled while rows are added."""

from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from django.core import signing
from django.db.models import Model, QuerySet

from config.errors import Invalid
from config.params import whole_param

M = TypeVar("M", bound=Model)

DEFAULT_LIMIT, LARGEST_LIMIT = 25, 100
_SALT = "sayso.cursor"


def page_of(rows: QuerySet[M], params: Mapping[str, str]) -> tuple[list[M], str | None]:
    """Return one page of rows, newest first by primary key, and the cursor of the next page."""
    limit = whole_param(params, "limit", lowest=1, highest=LARGEST_LIMIT, default=DEFAULT_LIMIT)
    if "cursor" in params:
        rows = rows.filter(pk__lt=_read_cursor(params["cursor"]))
    page = list(rows.order_by("-pk")[: limit + 1])
    if len(page) <= limit:
        return page, None
    return page[:limit], signing.dumps(page[limit - 1].pk.hex, salt=_SALT)


def _read_cursor(text: str) -> UUID:
    try:
        return UUID(signing.loads(text, salt=_SALT))
    except (signing.BadSignature, ValueError):
        raise Invalid.field("cursor", "This is not a cursor from an earlier page.") from None
