"""One run over one system: check the account, ask what is new, look at what was not seen lately.

The claim of the Poll row is the lock. Every page is stored in one transaction with the cursor and
with a renewal of the lease, so that a run that was overtaken by another stores nothing, and a run
that dies loses nothing and doubles nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from mirroring import connecting, notices, transitions, usage
from mirroring.claimed import CHECK_EVERY, Claimed, Count, Overtaken, jittered
from mirroring.connectors.base import BadConfig, ConnectorError, Gone, Item, Kind, State
from mirroring.models import Connection, Poll, Record, Run
from mirroring.singly import Singly
from mirroring.sweeping import sweep
from tracks.clock import database_now

log = structlog.get_logger(__name__)

Known = tuple[str, str, str]  # of a record: its revision, state and status
PAGE = 100


@usage.counted()
def run(pk: UUID) -> None:
    """Do what is due for a connection, unless another worker does; never inside a transaction."""
    poll = Poll.claim(pk)
    if poll is None:
        return
    poll.connection = Connection.objects.select_related("workspace").get(pk=pk)
    if poll.paused_at is not None:
        poll.write_outcome(next_attempt_at=None)
        return
    if not poll.connection.enabled:
        poll.write_outcome(next_attempt_at=database_now() + CHECK_EVERY)
        return
    try:
        _run_jobs(Poller(poll))
    except Overtaken:
        log.info("poll.overtaken", connection=poll.connection.public_id)


def _run_jobs(poller: "Poller") -> None:
    poll, now = poller.poll, database_now()
    jobs: tuple[tuple[datetime, Callable[[], None]], ...] = (
        (poll.check_at, poller.check),
        (poll.delta_at, poller.delta),
        (poll.sweep_at, partial(sweep, poller)),
    )
    for due, job in jobs:
        if due <= now and not _attempted(poller, job):
            return
    poller.rest()


def _attempted(poller: "Poller", job: Callable[[], None]) -> bool:
    """Do one job; False when the system failed, which puts off all that is due."""
    try:
        job()
    except Overtaken:
        raise
    except ConnectorError as error:
        poller.failed(error.kind, str(error), after=error.retry_after)
        return False
    except BadConfig as error:
        poller.failed(Kind.BAD_REQUEST, str(error))
        return False
    except Exception as error:
        log.exception("poll.failed", connection=poller.connection.public_id)
        poller.failed(Kind.BAD_ANSWER, repr(error))
        return False
    return True


class Poller(Claimed):
    """Asks a claimed connection what is new."""

    def delta(self) -> None:
        """Go on with the pass over what is new, page by page, until it is over or time is."""
        started, count = database_now(), Count()
        if self.poll.pass_started_at is None:
            self.renew(pass_started_at=started, pass_count=0)
        try:
            while not self._read_page(count):
                if self.is_time_over:
                    return  # it is still due
        except ConnectorError as error:
            self.keep_run(Run.Job.DELTA, started, count, error=str(error))
            raise
        self._complete()
        self.keep_run(Run.Job.DELTA, started, count)

    def _read_page(self, count: Count) -> bool:
        """Read and store a page, and do what follows from it; True when it was the last."""
        read_at = database_now()
        page = self.connector.list(self.poll.cursor, PAGE)
        for each in page.skipped:
            count.skip(each.which, each.why)
        items: list[Item] = []
        try:
            self._read_whole(page.items, items, count)
        except ConnectorError:
            self.store(items, read_at=read_at)  # the next run need not read these again
            raise
        read = self.poll.pass_count + len(page.items)
        moves: dict[str, Any] = {
            "cursor": page.cursor,
            "pass_count": read,
            "is_snapshot": page.is_snapshot,
        }
        count.changed += len(self.store(items, read_at=read_at, **moves))
        count.seen += len(page.items)
        return page.complete

    def _read_whole(self, items: Sequence[Item], whole: list[Item], count: Count) -> None:
        """Collect the items of a page, looked at one by one where the list does not tell enough."""
        known = self._known(items)
        is_partial, singly = not self.connector.capabilities().list_has_all, Singly(self, count)
        for item in items:
            try:
                wants = wants_a_look(item, known.get(item.external_id), is_partial=is_partial)
                whole.append(self._look(item) if wants else item)
            except ConnectorError as error:
                singly.leave_out(item.external_id, error)

    def _known(self, items: Sequence[Item]) -> dict[str, Known]:
        ids = [item.external_id for item in items]
        rows = Record.objects.filter(connection=self.connection, external_id__in=ids)
        columns = rows.values_list("external_id", "revision", "state", "status")
        return {id: (revision, state, status) for id, revision, state, status in columns}

    def _look(self, item: Item) -> Item:
        self.hold()
        try:
            return self.connector.get(item.external_id)
        except Gone:
            return connecting.gone(item)

    def _complete(self) -> None:
        """End a pass. After the first, everybody is told once of what it has brought them."""
        poll, now = self.poll, database_now()
        if poll.is_loading:
            self.follow(self._left_over())
        every = timedelta(seconds=self.connection.interval_seconds)
        is_first, is_back = poll.is_loading, poll.failures > 0
        with transaction.atomic():
            self.renew(
                loaded_at=poll.loaded_at or now,
                passed_at=poll.pass_started_at,
                pass_started_at=None,
                succeeded_at=now,
                failures=0,
                last_error="",
                error_kind="",
                delta_at=now + jittered(every),
                sweep_at=now if poll.is_snapshot else poll.sweep_at,
            )
            if is_first:
                notices.sum_up_first_load(self.connection, now=now)
            if is_back:
                transitions.hurry_pushes(self.connection, now=now)

    def _left_over(self) -> list[UUID]:
        """Return what a run before this one stored and did not live to follow up."""
        due = Record.objects.filter(connection=self.connection, next_attempt_at__isnull=False)
        return list(due.values_list("pk", flat=True))


def wants_a_look(item: Item, known: Known | None, *, is_partial: bool) -> bool:
    """Tell whether an item is to be read by itself. `known`: its revision, state and status here.

    Where get() knows more than list() (`is_partial`), and where something that was decided seems to
    wait again: a list can be older than what was written meanwhile.
    """
    if known is None:
        return is_partial and item.state == State.PENDING
    revision, state, status = known
    if (revision, state) == (item.revision, item.state.value):
        return False
    return is_partial or status in Record.DECIDED
