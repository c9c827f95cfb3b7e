"""From rows to items: one that cannot be read, or kept, harms no other."""

from collections.abc import Callable, Sequence
from typing import Any

from mirroring import strict_json
from mirroring.connectors.base import ConnectorError, Item, Kind, Skipped
from mirroring.connectors.http import Answer

# What taking a row apart may fail with, whatever a system has put there.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
LONGEST_ID, LONGEST_REVISION, LONGEST_URL = 255, 128, 2048


def read_each(
    rows: Sequence[Any], read: Callable[[Any], Item], *, id_name: str
) -> tuple[list[Item], tuple[Skipped, ...]]:
    """Return the items of rows, and those that cannot be read by their ids, else their places."""
    items, skipped = [], []
    for index, row in enumerate(rows):
        try:
            strict_json.check(row)
            items.append(fitting(read(row)))
        except UNREADABLE as error:
            found = row.get(id_name) if isinstance(row, dict) else None
            found = found.get("value") if isinstance(found, dict) else found
            skipped.append(Skipped(which=str(found or f"#{index}")[:255], why=str(error)))
    return items, tuple(skipped)


def read_one(row: Any, read: Callable[[Any], Item], *, ref: str) -> Item:
    """Return the item of a row; raise ConnectorError if it cannot be read."""
    try:
        strict_json.check(row)
        return fitting(read(row))
    except UNREADABLE as error:
        message = f"{ref[:40]} cannot be read: {error}"
        raise ConnectorError(message, kind=Kind.BAD_ANSWER) from None


def fitting(item: Item) -> Item:
    """Return an item that can be kept as it is; raise ValueError for one that is too long."""
    lengths = {
        "id": (item.external_id, LONGEST_ID),
        "revision": (item.revision, LONGEST_REVISION),
        "URL": (item.url or "", LONGEST_URL),
    }
    for name, (text, longest) in lengths.items():
        if len(text) > longest:
            raise ValueError(f"its {name} is longer than {longest} characters")
    if not item.external_id:
        raise ValueError("it has no id")
    return item


def content_of(answer: Answer, kind: type, *, inside: str = "") -> Any:
    """Return what an answer says, a list or an object; raise ConnectorError for anything else."""
    found = answer.json
    if inside:
        found = found.get(inside) if isinstance(found, dict) else None
    if not isinstance(found, kind):
        message = f"{answer.request} was answered with something else than was asked for."
        raise ConnectorError(message, kind=Kind.BAD_ANSWER, status=answer.status)
    return found
