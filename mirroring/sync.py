"""From what a system of record says to tracks and asks, and back to the record's status.

Two steps, so that a page of many records costs a few queries and one record that fails harms no
other: store() keeps what was seen, in the transaction that moves the cursor; follow() then does
what follows from it, record by record. Polls, sweeps, looks and inbound webhooks all come through
here.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from approvals.models import Ask
from approvals.refusals import AskNotOpen
from approvals.transitions import cancel_ask, open_ask, open_first_ask
from config.errors import DomainError
from mirroring import notices, resolved, seen, telling, transitions
from mirroring.asking import NeedsHuman, Question, approvers_of, question, requester_of
from mirroring.connectors.base import Item, State
from mirroring.models import Connection, Record
from mirroring.people import with_addresses
from tracks.addresses import same_address
from tracks.clock import database_now
from tracks.events import recording_together
from tracks.transactions import transition
from tracks.transitions import SelfApproval, create_track, update_track

log = structlog.get_logger(__name__)

CHANGED_AT_SOURCE = "The request was changed where it comes from."
CHANGED_AFTER = "It changed after it was decided here."
UNKNOWN_WORD = "The system uses a word for its state that the connector does not know."
LONGEST_PAUSE = timedelta(hours=1)


def apply(*, connection_id: UUID, item: Item) -> Record:
    """Bring one approval here, or what has changed about it; the same again changes nothing."""
    keep(connection_id=connection_id, items=[item])
    records = Record.objects.filter(connection=connection_id, external_id=item.external_id)
    return follow(record_id=records.values_list("pk", flat=True).get())


@transition
def keep(
    *, connection_id: UUID, items: Sequence[Item], read_at: datetime | None = None
) -> list[UUID]:
    """Keep what the system says, in a transaction of its own; `read_at`: each by itself (store)."""
    connection = Connection.objects.get(pk=connection_id)
    is_look = read_at is not None
    return store(connection, items, now=database_now(), read_at=read_at, is_look=is_look)


def store(
    connection: Connection,
    items: Sequence[Item],
    *,
    now: datetime,
    read_at: datetime | None = None,
    is_look: bool = False,
) -> list[UUID]:
    """Keep what the system says, inside the caller's transaction; return what is to be followed up.

    A fixed number of queries for any number of items. `read_at`: when the request was sent; what
    was read by itself after that is not overwritten by what may be older. `is_look`: each was read
    by itself. What is not pending and was never here is no business of ours.
    """
    items = with_addresses(connection, list(_last_of_each(items)), now=now)
    known = _lock(connection, [item.external_id for item in items])
    fresh, moved, still = [], [], []
    for item in items:
        record = known.get(item.external_id)
        if record is None:
            fresh += [item] if item.state in (State.PENDING, State.UNKNOWN) else []
        elif _was_read_since(record, read_at):
            continue
        elif is_same(record, item):
            still.append(record.pk)
        else:
            transitions.take_in(record, item, now=now)
            record.looked_at = read_at if is_look else record.looked_at
            moved.append(record)
    new = [transitions.new_record(connection, item, now=now) for item in fresh]
    Record.objects.bulk_create(new, ignore_conflicts=True)
    Record.objects.bulk_update(moved, transitions.TAKEN_IN)
    touched = {"last_seen_at": now, **({"looked_at": read_at} if is_look else {})}
    Record.objects.filter(pk__in=still).update(**touched)
    return [record.pk for record in (*new, *moved)]


def _last_of_each(items: Iterable[Item]) -> Iterable[Item]:
    """Return the items, each id once: pages that move may show one twice."""
    return {item.external_id: item for item in items}.values()


def _lock(connection: Connection, external_ids: Sequence[str]) -> dict[str, Record]:
    rows = Record.objects.filter(connection=connection, external_id__in=external_ids)
    # In one order, so that two that store the same records wait for each other.
    locked = rows.select_for_update(no_key=True).order_by("pk")
    return {record.external_id: record for record in locked}


def _was_read_since(record: Record, read_at: datetime | None) -> bool:
    """Tell whether a record was read by itself after a request that is only now answered."""
    return record.looked_at is not None and read_at is not None and record.looked_at > read_at


def is_same(record: Record, item: Item) -> bool:
    """Tell whether an item says what is known: by its revision, and by who its people are."""
    if (record.revision, record.state) != (item.revision, item.state.value):
        return False
    # Records of earlier versions did not keep what was seen.
    if not record.seen:
        return True
    known = {person.get("email") for person in record.seen.get("approvers", [])}
    return known == {person.email for person in item.approvers}


def follow_together(pks: Sequence[UUID]) -> None:
    """Do what follows from records that were just stored, in one transaction.

    If one of them fails, each gets its own.
    """
    try:
        _follow(pks)
    except Exception as error:
        log.warning("records.failed_together", error=repr(error))
        for pk in pks:
            follow_safely(Record.objects.get(pk=pk))


def follow_safely(record: Record, *, is_known: bool = False) -> None:
    """Do what follows from one record that is this worker's; a failure is kept on it.

    `is_known`: the system shows that its approver has been told of it before.
    """
    try:
        follow(record_id=record.pk, is_known=is_known)
    except Exception as error:
        log.exception("record.failed", record=record.public_id)
        pause = min(timedelta(seconds=2**record.attempts), LONGEST_PAUSE)
        record.retry(after=pause, error=repr(error))


def follow_due(pk: UUID) -> None:
    """Do what follows from one record if it is due, unless another worker does."""
    record = Record.claim(pk)
    if record is not None:
        follow_safely(record)


@transition
def follow(*, record_id: UUID, is_known: bool = False) -> Record:
    """Do what follows from what was last seen of a record; a second time there is nothing to do."""
    (record,) = _follow([record_id], is_known=is_known)
    return record


@recording_together()
def _follow(pks: Collection[UUID], *, is_known: bool = False) -> list[Record]:
    records = list(_locked().filter(pk__in=pks).order_by("pk"))  # in one order, for everybody
    now = database_now()
    for record in records:
        if record.next_attempt_at is not None:
            followed = _consequences(record, now, is_known)
            transitions.write_followed(record, now=now, **followed)
    return records


def lock(record_id: UUID) -> Record:
    """Lock a record and return it with what follows from it needs."""
    return _locked().get(pk=record_id)


def _locked() -> QuerySet[Record]:
    records = Record.objects.select_for_update(of=("self",), no_key=True)
    return records.select_related("connection__workspace", "connection__poll", "track", "ask")


def _consequences(record: Record, now: datetime, is_known: bool) -> dict[str, Any]:
    """Do what has to be done about a record, and return what is written on it."""
    if record.status == Record.Status.DECIDING:
        return {}  # whoever writes the decision back looks first
    if record.state == State.PENDING:
        return _ask_if_it_is_new(record, now, is_known)
    if record.state == State.UNKNOWN:
        return _cannot_be_understood(record)
    return resolved.settle(record, now=now)


def _ask_if_it_is_new(record: Record, now: datetime, is_known: bool) -> dict[str, Any]:
    item = item_of(record)
    is_same = record.asked_digest == record.material_digest and not has_other_people(record, item)
    waits = record.status in Record.WAITING and record.ask is not None
    if is_same and (not waits or _keeps_requester_out(record, item)):
        return {}
    if waits and record.ask is not None and record.ask.status != Ask.Status.OPEN:
        return {"next_attempt_at": now + Record.SOON}
    if record.status in Record.DECIDED and not record.connection.is_polled:
        return {"status": Record.Status.CHANGED, "reason": CHANGED_AFTER}
    if waits and not _void(record):
        return {"next_attempt_at": now + Record.SOON}
    return _ask(record, item, now=now, is_known=is_known)


def item_of(record: Record, *, asked: bool = False) -> Item:
    """Return what the system last said of a record, or what its approver was last asked about."""
    return seen.from_json(
        record.asked if asked else record.seen,
        external_id=record.external_id,
        revision=record.revision,
        state=record.state,
        material_digest=record.material_digest,
    )


def has_other_people(record: Record, item: Item) -> bool:
    """Tell whether others are to be asked than were: staff may have mended an address."""
    try:
        assigned = approvers_of(record.connection, item)
    except NeedsHuman:
        return True
    return sorted(record.approvers) != sorted(assigned)  # some systems list them in any order


def _keeps_requester_out(record: Record, item: Item) -> bool:
    """Note a requester whom staff has named since; False where that is somebody who is asked."""
    assert record.track is not None
    requester, known = requester_of(item), record.track.requester
    if requester is None or (known and same_address(requester, known)):
        return True
    of_it = {"track_id": record.track_id, **telling.by(record)}
    try:
        update_track(changes={"requester": requester}, **of_it)
    except SelfApproval:
        return False
    return True


def _void(record: Record) -> bool:
    """Withdraw a question that no longer says what is so; False when it was settled just now."""
    assert record.track is not None
    assert record.ask is not None
    telling.record_event(record, "record.changed")
    try:
        cancel_ask(ask_id=record.ask.pk, reason=CHANGED_AT_SOURCE, **telling.by(record))
    except AskNotOpen:
        return False
    return True


def _ask(record: Record, item: Item, *, now: datetime, is_known: bool = False) -> dict[str, Any]:
    """Put a record's question before its approver; what cannot be shown is kept for a person."""
    try:
        with transaction.atomic():
            asked = question(record.connection, item, changed=_changed(record))
            return _put(record, asked, now=now, is_known=is_known)
    except (NeedsHuman, DomainError) as error:
        held = {"status": Record.Status.NEEDS_HUMAN, "reason": str(error)}
        return {**held, "asked_digest": ""}


def ask_anew(record: Record, *, now: datetime) -> None:
    """Ask again about a locked record that changed after its approver had decided."""
    telling.record_event(record, "record.changed")
    telling.not_written(record, "Nothing was written: it had changed")
    fields = _ask(record, item_of(record), now=now)
    transitions.write_followed(record, now=now, **fields)


def _changed(record: Record) -> list[str]:
    """Return what is different from the question before; nothing where there was none."""
    return seen.changes(record.asked, record.seen) if record.asked else []


def _put(record: Record, asked: Question, *, now: datetime, is_known: bool) -> dict[str, Any]:
    open_one = _open_first if record.track is None else _open_next
    ask = open_one(record, asked, is_known=is_known, now=now)
    was_answered = record.status in (*Record.DECIDED, Record.Status.DECIDING)
    return {
        "status": Record.Status.CHANGED if was_answered else Record.Status.PENDING,
        "reason": "",
        "track": ask.track,
        "ask": ask,
        "approvers": asked.approvers,
        "asked": record.seen,
        "asked_digest": record.material_digest,
    }


def _open_first(record: Record, asked: Question, *, is_known: bool, now: datetime) -> Ask:
    track, _ = create_track(new=asked.track, **telling.by(record))
    track.workspace = record.connection.workspace  # it need not be read again
    telling.record_seen(record, track, now=now)
    new = notices.with_manners(record, asked.ask, is_known=is_known, now=now)
    return open_first_ask(track=track, new=new, actor=record.connection.actor)


def _open_next(record: Record, asked: Question, *, is_known: bool, now: datetime) -> Ask:
    of_it = {"track_id": record.track_id, **telling.by(record)}
    changes = {
        "title": asked.track.title,
        "customer_email": asked.track.customer_email,
        "requester": asked.track.requester,
        "source": asked.track.source,
    }
    update_track(changes=changes, **of_it)
    telling.decide_again(record)
    transitions.give_up_stuck(record)
    new = notices.with_manners(record, asked.ask, is_known=is_known, now=now)
    return open_ask(new=new, asked_by_key="", is_mirrored=True, **of_it)[0]


def _cannot_be_understood(record: Record) -> dict[str, Any]:
    """Withdraw what may no longer be asked, and keep the record for a person."""
    if record.status in Record.WAITING and record.ask is not None and not _void(record):
        return {"next_attempt_at": database_now() + Record.SOON}
    return {
        "status": Record.Status.NEEDS_HUMAN,
        "reason": UNKNOWN_WORD,
        "asked_digest": "",
    }
