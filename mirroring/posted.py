"""What a payload that was posted to a connection says: an approval, or where to look for one."""

from dataclasses import dataclass
from typing import Any

from config.errors import Invalid
from mirroring import connecting, expenses
from mirroring.connectors.base import BadConfig, Item
from mirroring.connectors.rest import Rest
from mirroring.mapping import MAPPING, PostedAs, read_mapping, read_posted
from mirroring.models import Connection

LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened to an approval: look at it soon."""

    external_id: str


def read(connection: Connection, payload: Any) -> Item | Hint:
    """Return what a payload says; raise Invalid with the paths of what is wrong with it.

    A system that only posts is read by its connection's mapping, or as an expense report. One that
    is polled, too, may say what has changed, and one that was declared may say it in the words of
    its definition: that is looked at all the same. A row of a list may not tell all, and one that
    was posted before may come later.
    """
    if connection.is_polled:
        return _of_a_polled(connection, payload)
    mapping = connection.config.get(MAPPING.name)
    if not mapping:
        return expenses.read_item(payload)
    try:
        return read_posted(read_mapping(mapping), payload)
    except BadConfig as error:
        raise Invalid(f"The mapping of this connection is not right: {error}") from None


def _of_a_polled(connection: Connection, payload: Any) -> Hint:
    hint = payload.get("external_id") if isinstance(payload, dict) else None
    if isinstance(hint, str) and 0 < len(hint) <= LONGEST_ID:
        return Hint(hint)
    posted = _declared(connection)
    if posted is None:
        said = f"This must name the approval to look at, in 1 to {LONGEST_ID} characters."
        raise Invalid.field("external_id", said, code="required")
    return Hint(read_posted(posted, payload).external_id)


def _declared(connection: Connection) -> PostedAs | None:
    """Return how a declared system tells of an approval; None for systems that were not."""
    try:
        connector = connecting.connector_for(connection)
    except BadConfig:
        return None
    if not isinstance(connector, Rest):
        return None
    definition = connector.definition
    return PostedAs(definition.fields, definition.states, connector.options)
