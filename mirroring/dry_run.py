"""What a poll would do, told and not done: nothing is written, here or in the system."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from mirroring import connecting, notices, seen, sync, usage
from mirroring.asking import NeedsHuman, Question, question
from mirroring.connectors.base import (
    BadConfig,
    Connector,
    ConnectorError,
    Gone,
    Item,
    Skipped,
    State,
)
from mirroring.connectors.values import redacted
from mirroring.models import Connection, Record
from mirroring.notices import Manner
from mirroring.people import with_known_addresses
from mirroring.polling import PAGE, wants_a_look
from mirroring.refusals import NotPolled, SystemFailed
from mirroring.resolved import WORDS
from mirroring.singly import OF_ONE_ALONE
from tracks.addresses import same_address
from tracks.clock import database_now
from tracks.transitions import SelfApproval

MOST_ITEMS = 500
MOST_SECONDS = 20.0


class Effect(StrEnum):
    """What a poll would make of an approval."""

    NEW = "new"  # its approver would be asked
    CHANGED = "changed"  # the question would be withdrawn, and asked anew
    RESOLVED = "resolved"  # it was settled in its system: the question would be withdrawn
    UNCHANGED = "unchanged"
    IGNORED = "ignored"  # it was settled before it was ever here
    NEEDS_HUMAN = "needs_human"  # it cannot be asked as it is; staff would see why


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One approval, and what a poll would make of it."""

    item: Item
    effect: Effect
    why: str = ""
    changes: Sequence[str] = ()
    approvers: Sequence[str] = ()
    told: Manner | None = None


@dataclass(slots=True)
class DryRun:
    """What was read. `stopped`: by which limit, if the pass was not over."""

    outlooks: list[Outlook] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    stopped: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Return how many approvals there are of each effect."""
        found = [each.effect for each in self.outlooks]
        return {effect.value: found.count(effect) for effect in Effect}


@usage.counted()
def dry_run(connection: Connection, *, from_start: bool = False) -> DryRun:
    """Read on from where the last poll was, or from the start; never inside a transaction.

    `connection` has its workspace at hand. Raise SystemFailed where the system cannot be read.
    """
    if not connection.is_polled:
        raise NotPolled()
    try:
        reading = _Reading(connection, connecting.connector_for(connection))
        return reading.run(None if from_start else connection.poll.cursor)
    except (ConnectorError, BadConfig) as error:
        raise SystemFailed(error) from None


class _Reading:
    """One dry run, page by page."""

    def __init__(self, connection: Connection, connector: Connector) -> None:
        self.connection, self.connector = connection, connector
        self.found = DryRun()
        self._now = database_now()
        self._ends = time.monotonic() + MOST_SECONDS
        self._told: dict[tuple[str, ...], int] = {}

    def run(self, cursor: str | None) -> DryRun:
        """Read until the pass is over or a limit is reached."""
        while self.found.stopped is None:
            page = self.connector.list(cursor, PAGE)
            self.found.skipped += page.skipped
            self._take(page.items)
            cursor = page.cursor
            if page.complete:
                break
            if time.monotonic() >= self._ends:
                self.found.stopped = "time"
        return self.found

    def _take(self, items: Sequence[Item]) -> None:
        known = self._known(items)
        whole = list(self._whole(items, known))
        for item in with_known_addresses(self.connection, whole):
            if len(self.found.outlooks) >= MOST_ITEMS:
                self.found.stopped = "items"
                return
            self.found.outlooks.append(self._outlook(item, known.get(item.external_id)))

    def _known(self, items: Sequence[Item]) -> dict[str, Record]:
        ids = [item.external_id for item in items]
        rows = Record.objects.filter(connection=self.connection, external_id__in=ids)
        return {record.external_id: record for record in rows.select_related("ask")}

    def _whole(self, items: Sequence[Item], known: Mapping[str, Record]) -> Iterable[Item]:
        """Return items as a poll would read them: some by themselves, as long as there is time."""
        is_partial = not self.connector.capabilities().list_has_all
        for item in items:
            record = known.get(item.external_id)
            here = (record.revision, record.state, record.status) if record else None
            if not wants_a_look(item, here, is_partial=is_partial):
                yield item
            elif time.monotonic() < self._ends:
                yield from self._look(item)
            else:
                self._skip(item, "There was no time left to look at it by itself.")

    def _look(self, item: Item) -> Iterable[Item]:
        try:
            yield self.connector.get(item.external_id)
        except Gone:
            yield connecting.gone(item)
        except ConnectorError as error:
            if error.kind not in OF_ONE_ALONE:
                raise
            self._skip(item, str(error))

    def _skip(self, item: Item, why: str) -> None:
        self.found.skipped.append(Skipped(which=item.external_id[:255], why=why))

    # -- what would happen -------------------------------------------------------------------------

    def _outlook(self, item: Item, record: Record | None) -> Outlook:
        if record is None:
            return self._of_a_stranger(item)
        if sync.is_same(record, item) or record.status == Record.Status.DECIDING:
            return Outlook(
                item=item,
                effect=Effect.UNCHANGED,
                why=record.reason,
                approvers=record.approvers,
            )
        if item.state == State.UNKNOWN:
            return Outlook(item=item, effect=Effect.NEEDS_HUMAN, why=sync.UNKNOWN_WORD)
        if item.state != State.PENDING:
            return self._of_a_settled(item, record)
        return self._of_a_known(item, record)

    def _of_a_stranger(self, item: Item) -> Outlook:
        if item.state == State.UNKNOWN:
            return Outlook(item=item, effect=Effect.NEEDS_HUMAN, why=sync.UNKNOWN_WORD)
        if item.state != State.PENDING:
            return Outlook(item=item, effect=Effect.IGNORED, why=f"{WORDS[item.state]} already.")
        return self._asked(item, Effect.NEW)

    def _of_a_settled(self, item: Item, record: Record) -> Outlook:
        if record.status not in Record.UNSETTLED:
            return Outlook(item=item, effect=Effect.UNCHANGED, approvers=record.approvers)
        why = f"{WORDS[item.state]} in {self.connection.name}."
        return Outlook(item=item, effect=Effect.RESOLVED, why=why, approvers=record.approvers)

    def _of_a_known(self, item: Item, record: Record) -> Outlook:
        is_asked = record.status != Record.Status.NEEDS_HUMAN and record.asked_digest != ""
        has_same_material = record.asked_digest == item.material_digest
        if is_asked and has_same_material and not sync.has_other_people(record, item):
            return Outlook(item=item, effect=Effect.UNCHANGED, approvers=record.approvers)
        changes = seen.changes(record.asked, seen.to_json(item)) if record.asked else []
        return self._asked(item, Effect.CHANGED if record.asked else Effect.NEW, changes)

    def _asked(self, item: Item, effect: Effect, changes: Sequence[str] = ()) -> Outlook:
        try:
            asked = question(self.connection, item, changed=changes)
        except NeedsHuman as error:
            return Outlook(item=item, effect=Effect.NEEDS_HUMAN, why=str(error))
        requester = asked.track.requester
        if requester and any(same_address(requester, each) for each in asked.approvers):
            return Outlook(item=item, effect=Effect.NEEDS_HUMAN, why=SelfApproval.title)
        return Outlook(
            item=item,
            effect=effect,
            changes=changes,
            approvers=asked.approvers,
            told=self._manner(asked),
        )

    def _manner(self, asked: Question) -> Manner:
        """Return how the approvers would be told, after all that came before in this run."""
        who = tuple(asked.approvers)
        how = notices.manner(self.connection, told=partial(self._told_so_far, who))
        if how == Manner.AT_ONCE:
            self._told[who] += 1
        return how

    def _told_so_far(self, who: tuple[str, ...]) -> int:
        if who not in self._told:
            self._told[who] = notices.told_lately(self.connection, list(who), now=self._now)
        return self._told[who]


def outlook_json(outlook: Outlook) -> dict[str, Any]:
    """Return one approval as the API and the command show it."""
    item = outlook.item
    return {
        "external_id": item.external_id,
        "title": item.title,
        "state": item.state.value,
        "effect": outlook.effect.value,
        "why": outlook.why or None,
        "changes": list(outlook.changes),
        "approvers": list(outlook.approvers),
        "told": outlook.told and outlook.told.value,
        "url": item.url,
        "mapped": seen.to_json(item),
        "raw": redacted(item.raw),
    }


def dry_run_json(found: DryRun) -> dict[str, Any]:
    """Return a dry run as the API and the command show it."""
    return {
        "counts": found.counts,
        "items": [outlook_json(each) for each in found.outlooks],
        "skipped": [{"external_id": each.which, "why": each.why} for each in found.skipped],
        "stopped": found.stopped,
    }
