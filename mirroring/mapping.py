"""Reading what is posted by a mapping: the sections `item` and `states` of a definition.

The same words and expressions as those of the declarative connector (docs/connectors.md), for a
system that posts its approvals and is not asked for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from config.errors import Invalid
from mirroring.connectors.base import (
    APPROVE,
    DENY,
    BadConfig,
    ConfigField,
    Item,
    Option,
    Problem,
    State,
)
from mirroring.connectors.declarative import fields as field_map
from mirroring.connectors.declarative import nodes
from mirroring.connectors.declarative.definition import read_states
from mirroring.connectors.declarative.expressions import Expression
from mirroring.connectors.declarative.reader import Reader
from mirroring.connectors.declarative.spec import Fields
from mirroring.connectors.rows import UNREADABLE, fitting
from tracks.addresses import NotAnAddress, same_address
from tracks.transitions import SelfApproval

MAPPING = ConfigField(
    name="mapping",
    label="Mapping",
    help="YAML or JSON that says where things are in what is posted (docs/webhooks.md). "
    "Empty: expense reports.",
    kind="long_text",
    required=False,
)


@dataclass(frozen=True, slots=True)
class PostedAs:
    """How a connection reads what is posted to it."""

    fields: Fields
    states: Mapping[str, State]
    options: tuple[Option, ...] = (APPROVE, DENY)


def read_mapping(text: str) -> PostedAs:
    """Return what a mapping says; raise BadConfig with all that is wrong with it."""
    problems: list[Problem] = []
    root = Reader(nodes.read(text, field=MAPPING.name), "", problems)
    posted = PostedAs(
        fields=field_map.read_fields(root.child("item", required=True)),
        states=read_states(root.child("states", required=True)),
    )
    root.finish()
    if problems:
        named = [replace(each, field=MAPPING.name) for each in problems]
        raise BadConfig(sorted(named, key=lambda each: each.line or 0))
    return posted


def problems_with_mapping(text: str) -> tuple[Problem, ...]:
    """Return everything that is wrong with a mapping; an empty one is none."""
    try:
        if text.strip():
            read_mapping(text)
    except BadConfig as error:
        return error.problems
    return ()


def read_posted(posted: PostedAs, payload: Any) -> Item:
    """Return the approval that a payload tells of; raise Invalid with the path of what is wrong."""
    errors = [_error(*wrong) for wrong in _missing(posted.fields, payload)]
    if errors:
        raise Invalid(errors[0]["detail"], errors=errors)
    fields = posted.fields
    try:
        read = field_map.read_item(fields, payload, states=posted.states, options=posted.options)
        item = fitting(read)
    except UNREADABLE as error:
        raise Invalid.field("", f"This cannot be read: {error}.") from None
    if item.state == State.PENDING:
        _refuse_nobody(fields, item)
    return item


def _missing(fields: Fields, payload: Any) -> list[tuple[str, str]]:
    """Return what a payload lacks or has in the wrong shape, by where it was looked for."""
    if not isinstance(payload, dict):
        return [("", "The body must be a JSON object.")]
    wrong = [(each.source, "id", each) for each in fields.ids.values()]
    wrong += [(fields.plain[name].source, name, fields.plain[name]) for name in field_map.NEEDED]
    return [
        (path, f"There is no {name} here.")
        for path, name, expression in wrong
        if not _has_text(expression, payload)
    ]


def _has_text(expression: Expression, payload: Any) -> bool:
    try:
        found = expression.find(payload)
    except UNREADABLE:
        return False
    return isinstance(found, str | int | Decimal) and str(found) != ""


def _refuse_nobody(fields: Fields, item: Item) -> None:
    """Refuse an approval that nobody may decide, as long as its sender can still be told."""
    where = _source(fields)
    if not item.approvers:
        raise Invalid.field(where, "There is nobody here who may decide.", code="required")
    requester = item.requester and item.requester.email
    if requester and any(is_same(requester, each.email) for each in item.approvers):
        raise SelfApproval(where)


def _source(fields: Fields) -> str:
    people = fields.approvers
    return (people.where or people.id).source if people else ""


def is_same(address: str, other: str | None) -> bool:
    """Tell whether two texts are one address; what is none is nobody's."""
    try:
        return bool(other) and same_address(address, other or "")
    except NotAnAddress:
        return False


def _error(path: str, detail: str) -> dict[str, str]:
    return {"field": path, "code": "required", "detail": detail}
