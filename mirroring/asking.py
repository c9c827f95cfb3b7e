"""From what a system says of an approval to a question, held to what an agent's is held to.

Nothing is shortened or cleaned: what cannot be shown as it is goes to a person (PO-07).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from approvals.bodies import SUMMARY_ENTRIES, AskBody
from approvals.models import Ask
from approvals.opening import NewAsk
from mirroring.connectors.base import Item, Option, State
from mirroring.models import Connection
from mirroring.people import is_address
from tracks.addresses import canonical_address
from tracks.api import TrackBody
from tracks.sources import Source, is_web_address
from tracks.transitions import NewTrack

STEPS = ("Received", "Decision", "Written back")
RECEIVED, DECISION, WRITTEN_BACK = range(3)
LONGEST_DESCRIPTION, LONGEST_ROW = 500, 200
CHANGED = "Changed"

Row = tuple[str, str]


class NeedsHuman(Exception):
    """What the system says cannot be put before an approver as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A track and an ask, as they would be opened."""

    track: NewTrack
    ask: NewAsk

    @property
    def approvers(self) -> list[str]:
        return self.ask.approvers or []


def question(connection: Connection, item: Item, *, changed: Sequence[str] = ()) -> Question:
    """Return the question about an approval; raise NeedsHuman when it cannot be shown.

    `changed`: what is different from the question before, if there was one.
    """
    approvers = approvers_of(connection, item)
    track = {
        "title": item.title,
        "steps": list(STEPS),
        "customer_email": approvers[0],
        "requester": requester_of(item),
        "metadata": {"connection": connection.public_id, "external_id": item.external_id},
    }
    ask = {
        **_kind(item),
        "prompt": item.title,
        "timeout_seconds": connection.timeout_seconds,
        "approvers": approvers,
        "due_at": item.due and item.due.isoformat(),
        "escalate_to": _next(connection, item, approvers),
    }
    ask["config"] |= _shown(item, changed)
    url = item.url if item.url and is_web_address(item.url) else None
    source = Source(name=connection.name, url=url)
    valid = NewTrack(**_valid(TrackBody(data=track)), source=source, steps_done=1)
    wanted_for = [_sent(ask["kind"], each) for each in item.options if each.comment_required]
    new = NewAsk(**_valid(AskBody(data=ask)), comment_wanted_for=wanted_for)
    return Question(track=valid, ask=new)


def approvers_of(connection: Connection, item: Item) -> list[str]:
    """Return the addresses of whoever may decide, each once; raise NeedsHuman if that is nobody."""
    if not item.approvers:
        raise NeedsHuman("The system names nobody who may decide.")
    known = [person.email for person in item.approvers if person.email and is_address(person.email)]
    if not known:
        names = ", ".join(str(person) for person in item.approvers)
        raise NeedsHuman(f"No e-mail address is known of {names}.")
    allowed = [each for each in known if _is_allowed(connection, each)]
    if not allowed:
        raise NeedsHuman(f"{', '.join(known)}: not a mail domain that this connection allows.")
    return list({canonical_address(each): each for each in allowed}.values())


def _is_allowed(connection: Connection, address: str) -> bool:
    domain = canonical_address(address).rpartition("@")[2]
    return not connection.allowed_domains or domain in connection.allowed_domains


def requester_of(item: Item) -> str | None:
    """Return the address of whoever requests it, as far as it is known."""
    address = item.requester.email if item.requester else None
    return address if address and is_address(address) else None


def _next(connection: Connection, item: Item, approvers: Sequence[str]) -> list[str] | None:
    """Return who is asked after them: the manager as the system knows them, else the fallback.

    Nobody who was asked before, and never the requester. None leaves it to what the workspace says.
    """
    barred = {canonical_address(each) for each in (*approvers, requester_of(item)) if each}
    managers = [person.manager for person in item.approvers]
    for line in (managers, [connection.fallback_approver]):
        known = [each for each in line if each and is_address(each)]
        allowed = {canonical_address(each): each for each in known if _is_allowed(connection, each)}
        if left := [each for canonical, each in allowed.items() if canonical not in barred]:
            return left
    return None


def _kind(item: Item) -> dict[str, Any]:
    """Return yes or no where the system offers these two, else a choice among its words."""
    options = item.options
    if sorted(option.state for option in options) == [State.APPROVED, State.REJECTED]:
        yes, no = (one_with(options, state) for state in (State.APPROVED, State.REJECTED))
        labels = {"accept_label": yes.label, "reject_label": no.label}
        return {"kind": Ask.Kind.CONFIRM.value, "config": labels | _wishes(yes, no)}
    rows = [{"value": option.code, "label": option.label} for option in options]
    return {"kind": Ask.Kind.CHOICE.value, "config": {"options": rows}}


def _sent(kind: str, option: Option) -> str:
    """Return what a form sends for an option."""
    if kind == Ask.Kind.CHOICE:
        return option.code
    return "true" if option.state == State.APPROVED else "false"


def one_with(options: Iterable[Option], state: State) -> Option:
    """Return the option that leads to a state."""
    return next(option for option in options if option.state == state)


def _wishes(yes: Option, no: Option) -> dict[str, str]:
    wish = "The system wants a reason: please write a comment."
    wanted = {"if_accepted": yes.comment_required, "if_rejected": no.comment_required}
    return {name: wish for name, is_wanted in wanted.items() if is_wanted}


def _shown(item: Item, changed: Sequence[str]) -> dict[str, Any]:
    kept, rest = _sorted_out(_rows(item, changed))
    description, texts = item.description, [item.details]
    if description and len(description) > LONGEST_DESCRIPTION:
        description, texts = None, [description, item.details]
    texts += [f"{key}: {value}" for key, value in rest]
    shown = {
        "description": description,
        "summary": [list(row) for row in kept],
        "details": "\n".join(text for text in texts if text and not text.isspace()),
    }
    return {
        name: value
        for name, value in shown.items()
        if value and not (isinstance(value, str) and value.isspace())
    }


def _sorted_out(rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows that a summary has room for, each key once, and the others."""
    said: dict[str, str] = {}
    for key, value in rows:
        said[key] = f"{said[key]}, {value}" if key in said else value
    kept = [row for row in said.items() if max(map(len, row)) <= LONGEST_ROW][:SUMMARY_ENTRIES]
    return kept, [row for row in said.items() if row not in kept]


def _rows(item: Item, changed: Sequence[str]) -> Iterable[Row]:
    if changed:
        yield CHANGED, _in_a_row(changed)
    keys = {key for key, _ in item.summary}
    if item.amount is not None and "Amount" not in keys:
        yield "Amount", f"{item.amount:f} {item.currency or ''}".rstrip()
    yield from ((key, value) for key, value in item.summary if key.strip() and value.strip())
    if item.requester is not None and not keys & {"Requested by", "Submitted by"}:
        yield "Requested by", str(item.requester)


def _in_a_row(changed: Sequence[str]) -> str:
    """Return what changed; where that is too long for a row, the names of it."""
    whole = "; ".join(changed)
    names = ", ".join(each.partition(":")[0] for each in changed)
    return next((text for text in (whole, names) if len(text) <= LONGEST_ROW), "several things")


def _valid(body: serializers.Serializer[Any]) -> dict[str, Any]:
    if not body.is_valid():
        raise NeedsHuman(f"This cannot be shown: {_plain(body.errors)}")
    found: dict[str, Any] = body.validated_data
    return found


def _plain(errors: Any, path: str = "") -> str:
    if isinstance(errors, Mapping):
        return " ".join(
            _plain(inner, f"{path}.{name}".strip(".")) for name, inner in errors.items()
        )
    return f"{path}: {' '.join(map(str, errors))}"
