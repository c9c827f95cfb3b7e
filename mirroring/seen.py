"""What a record keeps of an item: everything that is shown, compared or decided by. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from mirroring.connectors.base import Item, Option, Person, State

_LEFT_OUT = ("external_id", "revision", "state", "material_digest", "raw")


def to_json(item: Item) -> dict[str, Any]:
    """Return an item as JSON, without what the record has columns for and without empty fields."""
    names = [each.name for each in fields(item) if each.name not in _LEFT_OUT]
    said = {name: getattr(item, name) for name in names}
    return {name: _plain(value) for name, value in said.items() if value not in (None, (), "")}


def _plain(value: Any) -> Any:
    if isinstance(value, Person | Option):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value


def from_json(
    said: Mapping[str, Any], *, external_id: str, revision: str, state: str, material_digest: str
) -> Item:
    """Return the item that was kept."""
    amount, requester, decided_by = (
        said.get(name) for name in ("amount", "requester", "decided_by")
    )
    return Item(
        external_id=external_id,
        revision=revision,
        state=State(state),
        material_digest=material_digest,
        title=said["title"],
        approvers=tuple(Person(**each) for each in said.get("approvers", [])),
        requester=Person(**requester) if requester else None,
        summary=tuple((key, value) for key, value in said.get("summary", [])),
        description=said.get("description"),
        details=said.get("details"),
        amount=Decimal(amount) if amount else None,
        currency=said.get("currency"),
        due=_time(said, "due"),
        url=said.get("url"),
        created=_time(said, "created"),
        updated=_time(said, "updated"),
        decided_by=Person(**decided_by) if decided_by else None,
        is_contested=bool(said.get("is_contested")),
        options=tuple(
            Option(**{**each, "state": State(each["state"])}) for each in said["options"]
        ),
    )


def _time(said: Mapping[str, Any], name: str) -> datetime | None:
    found = said.get(name)
    return datetime.fromisoformat(found) if found else None


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what an approver would want to know of the difference, a line each."""
    old, new = _facts(before), _facts(after)
    names = [*old, *(name for name in new if name not in old)]
    return [
        f"{name}: {old.get(name, 'nothing')} → {new.get(name, 'nothing')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _facts(said: Mapping[str, Any]) -> dict[str, str]:
    """Return what is shown of an item, by name; a long text by its name alone."""
    facts = {"Title": said.get("title"), "Amount": amount_of(said), "Wanted by": said.get("due")}
    facts |= dict(said.get("summary", []))
    for name in ("approvers", "requester"):
        people = said.get(name) or []
        people = people if isinstance(people, list) else [people]
        facts[name.capitalize()] = ", ".join(
            sorted(who.get("email") or who["id"] for who in people)
        )
    return {name: str(value) for name, value in facts.items() if value}


def amount_of(said: Mapping[str, Any]) -> str:
    """Return the amount as it is shown, or nothing."""
    return " ".join(part for part in (said.get("amount"), said.get("currency")) if part)
