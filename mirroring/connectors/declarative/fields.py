"""The field map: reading it out of a definition, and reading an item with it."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from mirroring.connectors.base import ConnectorError, Item, Kind, Option, Person, State
from mirroring.connectors.declarative.expressions import Expression, Unfit
from mirroring.connectors.declarative.reader import Reader
from mirroring.connectors.declarative.requests import EVERYTHING
from mirroring.connectors.declarative.spec import Fields, People
from mirroring.connectors.values import digest_of, read_amount, read_time, redacted

PLAIN = (
    "title",
    "state",
    "revision",
    "description",
    "details",
    "amount",
    "currency",
    "due",
    "created",
    "updated",
)
NEEDED = ("title", "state")
TIMES = ("due", "created", "updated")
PEOPLE = ("approvers", "requester", "decided_by")
MATERIAL = ("title", "amount", "currency", "approvers", "requester", "due", "summary")
IDS = ("id", "id.*")


def names_of(fields: Fields) -> tuple[str, ...]:
    """Return the placeholders that the values of an item can be used by."""
    return tuple(f"item.{name}" for name in fields.values)


def read_fields(reader: Reader | None) -> Fields:
    """Return the field map of a definition."""
    if reader is None:
        return Fields({"": EVERYTHING}, {}, None, None, None, (), None, {}, "", MATERIAL)
    plain = {name: reader.expression(name, required=name in NEEDED) for name in PLAIN}
    people = {name: _people(reader.child(name, required=name == "approvers")) for name in PEOPLE}
    values = _named(reader.child("values"))
    fields = Fields(
        ids=_ids(reader),
        plain={name: found for name, found in plain.items() if found},
        **people,
        summary=tuple(_named(reader.child("summary")).items()),
        url=reader.template("url", {*IDS, *(f"item.{name}" for name in values)}),
        values=values,
        time_pattern=reader.text("time_format"),
        amount_decimals=reader.number("amount_decimals", 0, most=6),
        material=_material(reader, {*plain, *PEOPLE, "summary", *values}),
    )
    reader.finish()
    return fields


def _named(reader: Reader | None) -> dict[str, Expression]:
    found = {name: reader.expression(name) for name in reader} if reader else {}
    return {name: expression for name, expression in found.items() if expression}


def _ids(reader: Reader) -> dict[str, Expression]:
    node = reader.node("id", required=True)
    if node is not None and isinstance(node.value, Mapping):
        return _named(reader.child("id"))
    return {"": reader.expression("id") or EVERYTHING}


def _people(reader: Reader | None) -> People | None:
    if reader is None:
        return None
    people = People(
        where=reader.expression("from"),
        id=reader.expression("id", required=True) or EVERYTHING,
        email=reader.expression("email"),
        name=reader.expression("name"),
        manager=reader.expression("manager"),
    )
    reader.finish()
    return people


def _material(reader: Reader, known: set[str]) -> tuple[str, ...]:
    material = reader.texts("material") or MATERIAL
    for name in material:
        if name not in known:
            reader.wrong(f"There is no field {name!r}.", "material")
    return material


# -- reading an item -------------------------------------------------------------------------------


def reference(fields: Fields, record: Any) -> str:
    """Return the external id of a record; raise ValueError if it has none."""
    parts = [word(expression.find(record)) for expression in fields.ids.values()]
    if not all(parts):
        raise ValueError("it has no id")
    external_id = parts[0] if "" in fields.ids else "/".join(quote(each, safe="") for each in parts)
    if len(external_id) > 255:
        raise ValueError("its id is longer than 255 characters")
    return external_id


def reference_values(fields: Fields, ref: str) -> dict[str, str]:
    """Return the placeholders that an external id fills; raise Unfit if it is not one."""
    if not ref:
        raise Unfit("There is no approval without an id.")
    if "" in fields.ids:
        return {"id": ref}
    parts = [unquote(each) for each in ref.split("/")]
    if len(parts) != len(fields.ids):
        raise Unfit(f"{ref[:40]!r} is not an id of this system")
    named = {f"id.{name}": part for name, part in zip(fields.ids, parts, strict=True)}
    return {"id": ref, **named}


def item_values(fields: Fields, record: Any) -> dict[str, Any]:
    """Return the placeholders that a record fills."""
    return {f"item.{name}": found.find(record) for name, found in fields.values.items()}


def word(value: Any) -> str:
    """Return a plain value as a text; nothing for what is none."""
    if value is None or isinstance(value, dict | list):
        return ""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def state_word(fields: Fields, record: Any) -> str:
    """Return the system's own word for how an approval stands."""
    return word(fields.plain["state"].find(record))


def people_in(where: People | None, record: Any) -> tuple[Person, ...]:
    """Return the people that a record names."""
    if where is None:
        return ()
    found = where.where.find(record) if where.where else record
    listed = found if isinstance(found, list) else [found]
    people = [_person(where, each) for each in listed if each is not None]
    return tuple(person for person in people if person)


def _person(where: People, found: Any) -> Person | None:
    identity = word(where.id.find(found))
    parts = {"email": where.email, "name": where.name, "manager": where.manager}
    told = {
        name: word(expression.find(found)) or None
        for name, expression in parts.items()
        if expression
    }
    return Person(id=identity, **told) if identity else None


def read_item(
    fields: Fields,
    record: Any,
    *,
    states: Mapping[str, State],
    options: tuple[Option, ...],
    ref: str = "",
) -> Item:
    """Return the item that a record describes; raise ValueError if it cannot be one."""
    plain = {name: found.find(record) for name, found in fields.plain.items()}
    times: dict[str, Any] = {
        name: read_time(plain.get(name), fields.time_pattern or None) for name in TIMES
    }
    amount, currency = read_amount(plain.get("amount"))
    if amount is not None:
        amount = amount.scaleb(-fields.amount_decimals)
    state, title = word(plain["state"]), word(plain["title"])
    if not title:
        raise ValueError("it has no title")
    requester = next(iter(people_in(fields.requester, record)), None)
    approvers = people_in(fields.approvers, record)
    summary = tuple(_summary(fields, record))
    known: dict[str, Any] = {
        **plain,
        **times,
        "amount": amount if amount is not None else plain.get("amount"),
        "currency": word(plain.get("currency")) or currency,
        "approvers": sorted(person.id for person in approvers),
        "requester": requester and requester.id,
        "summary": summary,
        **{name: found.find(record) for name, found in fields.values.items()},
    }
    digest = digest_of({name: known.get(name) for name in fields.material})
    external_id = ref or reference(fields, record)
    told = word(plain.get("revision"))
    return Item(
        external_id=external_id,
        revision=told[:128] or f"{word(plain.get('updated'))[:60]} {state[:40]} {digest[:16]}",
        state=states.get(state, State.UNKNOWN),
        title=title,
        approvers=approvers,
        requester=requester,
        decided_by=next(iter(people_in(fields.decided_by, record)), None),
        summary=summary,
        description=word(plain.get("description")) or None,
        details=word(plain.get("details")) or None,
        amount=amount,
        currency=known["currency"],
        url=_url(fields, external_id, record),
        **times,
        options=options,
        material_digest=digest,
        raw=redacted(record if isinstance(record, dict) else {"record": record}),
    )


def _summary(fields: Fields, record: Any) -> list[tuple[str, str]]:
    rows = [(label, found.find(record)) for label, found in fields.summary]
    texts = [
        (label, ", ".join(map(word, value)) if isinstance(value, list) else word(value))
        for label, value in rows
    ]
    return [(label, text) for label, text in texts if text]


def _url(fields: Fields, ref: str, record: Any) -> str | None:
    if fields.url is None:
        return None
    values = {**reference_values(fields, ref), **item_values(fields, record)}
    if not fields.url.is_complete(values):
        return None
    return fields.url.path(values)


def unreadable(ref: str, error: Exception) -> ConnectorError:
    """Return what to raise for one approval that cannot be read."""
    return ConnectorError(f"{ref[:40]} cannot be read: {error}", kind=Kind.BAD_ANSWER)
