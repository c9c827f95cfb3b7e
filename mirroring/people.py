"""Who the people of a system are: by the address it gives, else by the one that staff gave."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from mirroring.connectors.base import Item, Person
from mirroring.models import Connection, Identity
from tracks.addresses import NotAnAddress, canonical_address


def with_addresses(connection: Connection, items: Sequence[Item], *, now: datetime) -> list[Item]:
    """Return items whose people have addresses as far as anybody knows them.

    Two queries for a whole page of items, and none where the system gives every address. Who is not
    known is put on the list that staff fill in.
    """
    strangers = _strangers(items)
    known = _known(connection, strangers)
    unknown = [person for id, person in strangers.items() if id not in known]
    rows = [_identity(connection, person, now) for person in unknown]
    Identity.objects.bulk_create(rows, ignore_conflicts=True)
    return [_resolved(item, known) for item in items]


def with_known_addresses(connection: Connection, items: Sequence[Item]) -> list[Item]:
    """Do the same and write nothing: whoever is not known stays so."""
    known = _known(connection, _strangers(items))
    return [_resolved(item, known) for item in items]


def _strangers(items: Sequence[Item]) -> dict[str, Person]:
    return {
        person.id: person
        for item in items
        for person in (*item.approvers, *_some(item.requester))
        if not is_address(person.email) and 0 < len(person.id) <= 255
    }


def _some(person: Person | None) -> Iterable[Person]:
    return () if person is None else (person,)


def _known(connection: Connection, strangers: Collection[str]) -> dict[str, str]:
    if not strangers:
        return {}
    rows = Identity.objects.filter(connection=connection, external_id__in=list(strangers))
    return dict(rows.values_list("external_id", "address"))


def _identity(connection: Connection, person: Person, now: datetime) -> Identity:
    return Identity(
        connection=connection,
        external_id=person.id,
        name=(person.name or "")[:255],
        first_seen_at=now,
    )


def _resolved(item: Item, known: dict[str, str]) -> Item:
    return replace(
        item,
        approvers=tuple(_with_address(person, known) for person in item.approvers),
        requester=_with_address(item.requester, known) if item.requester else None,
    )


def _with_address(person: Person, known: dict[str, str]) -> Person:
    if is_address(person.email):
        return person
    return replace(person, email=known.get(person.id) or None)


def is_address(text: str | None) -> bool:
    """Tell whether a system's text is an e-mail address that can be written to."""
    try:
        return bool(text) and bool(canonical_address(text or ""))
    except NotAnAddress:
        return False
