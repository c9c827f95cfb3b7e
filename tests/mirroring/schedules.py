"""A system of record that fails in every way at once, and people and workers who live with it.

A schedule is a story made at random from a seed: approvals are opened, changed, given to others,
decided and withdrawn in the system, polls are run, skipped, doubled and overtaken, people answer or
let it pass, decisions are written back, workers die, and all the while the system fails as the
emulator can. In the end everything is mended and comes to rest; then holding.py looks at it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from random import Random
from typing import Any

import pytest

from approvals.models import Ask, Notification
from approvals.transitions import record_timeout
from config import egress
from mirroring import connecting, looking, operating, polling, push, pushed, sync, transitions
from mirroring.connectors import http
from mirroring.connectors.base import Connector, ConnectorError, Item, Outcome, Page
from mirroring.models import Connection, Poll, Push, Record
from tests.conftest import Clock
from tests.factories import AGENT, answer, evidence_of
from tests.mirroring.conftest import connect_to
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.server import Asked, Said
from tests.mirroring.emulators.servicenow import ACCOUNTS, ServiceNow
from tracks.events import dispatch
from tracks.models import Dispatch, Workspace

# How likely each is at each of its chances.
RATES = {
    faults.SLOW: 0.01,
    faults.TOO_MANY_REQUESTS: 0.02,
    faults.SERVER_ERROR: 0.03,
    faults.SERVER_ERROR_AFTER_COMMIT: 0.2,
    faults.DROPPED: 0.02,
    faults.DROPPED_AFTER_COMMIT: 0.2,
    faults.WRITE_IGNORED: 0.1,
    faults.SHORT_PAGE: 0.2,
    faults.QUERY_IGNORED: 0.1,
    faults.LATE: 0.3,
    faults.EQUAL_TIMES: 0.3,
    faults.CHANGED_AMOUNT: 0.3,
    faults.DECIDED_ELSEWHERE: 0.2,
    faults.SKEWED_DATE: 0.3,
}
# What happens to a worker between two of its steps.
DIES, OVERTAKEN, OVERLAPPED = 0.03, 0.1, 0.1
OVERTAKEN_SENDING = 0.4
DIES_STORING = 0.2  # in a transaction that moves the cursor: there are few of them
STEPS = 25
EXPIRY_DAYS = 3
FEW, PLENTY = 3, 10_000  # mails to one person within an hour


class Died(BaseException):
    """The process ended here."""


@dataclass
class Schedule:
    """One story. Its clock is the database's; the system's is a little off."""

    seed: int
    size: int
    workspace: Workspace
    clock: Clock
    system: ServiceNow = field(init=False)
    connection: Connection = field(init=False)
    random: Random = field(init=False)
    refs: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    _is_among_others: bool = False

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.system = ServiceNow(seed=self.seed)
        off = timedelta(seconds=self.random.choice((-90, -3, 0, 3, 90)))
        self.system.clock.follow(lambda: self.clock.now + off)
        vars(self.system).update(serve=self._in_time(self.system.serve))
        for name in ("bob", "dora", "emil"):
            manager = self.random.choice(("", self.system.alice))
            address = f"{name}@corp.example"
            self.people.append(self.system.user(name, name.title(), address, manager=manager))
        self.connection = connect_to(
            self.system,
            self.workspace,
            name=f"ServiceNow {self.seed}",
            notices_per_hour=self.random.choice((FEW, PLENTY)),
            expiry_days=EXPIRY_DAYS,
        )

    def _in_time(self, serve: Callable[[Asked], Said]) -> Callable[[Asked], Said]:
        """Let a request take a moment, so that what follows it comes after what went before."""

        def serve_in_time(asked: Asked) -> Said:
            self.clock.move(milliseconds=1)
            return serve(asked)

        return serve_in_time

    # -- the story ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Live through it, then mend everything and let it come to rest."""
        self._open(self.random.randint(0, self.size // 5))
        if self.random.random() < 0.5:
            self._poll()  # else the first load is under fire, too
        rates = {kind: self.random.choice((0, rate)) for kind, rate in RATES.items()}
        rates[faults.LATE] = RATES[faults.LATE]  # what comes late is what an overlap is for
        self.system.faults.at_random(seed=self.seed, rates=rates)
        with pytest.MonkeyPatch.context() as patch:
            self._harm_workers(patch)
            for _ in range(STEPS):
                self._step(many=self.size // 8)
        self._open(self.size - len(self.refs))
        self.system.faults.clear()
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        for _ in range(4):
            self.clock.move(minutes=15)
            for stuck in Push.objects.filter(status=Push.Status.NEEDS_HUMAN):
                transitions.push_again(stuck)
            self._poll(until_nothing_is_due=True)
            self._push()
            self._send_mails()

    def _step(self, *, many: int) -> None:
        self._open(min(self.random.choice((0, 0, many)), self.size - len(self.refs)))
        acts = (
            *(self._poll, self._poll, self._answer, self._answer, self._push, self._push),
            *(self._decide_there, self._withdraw_there, self._reassign, self._change_there),
            *(self._send_mails, self._lose_the_token, self._comment_there),
        )
        for act in self.random.sample(acts, k=self.random.randint(1, 8)):
            act()
        days = EXPIRY_DAYS if self.random.random() < 0.05 else 0
        self.clock.move(days=days, seconds=self.random.choice((1, 5, 61, 400, 900)))
        self._let_pass()

    def _poll(self, *, until_nothing_is_due: bool = False) -> None:
        due = Poll.objects.filter(pk=self.connection.pk, paused_at=None)
        due.update(next_attempt_at=self.clock.now, delta_at=self.clock.now)
        for _ in range(1000 if until_nothing_is_due else 1):
            with suppress(Died):
                polling.run(self.connection.pk)
            self.clock.move(milliseconds=1)
            if not due.filter(next_attempt_at__lte=self.clock.now).exists():
                break
        for pk in Record.due(limit=self.size):
            sync.follow_due(pk)
        self._consume()

    def _push(self) -> None:
        for pk in Push.due(limit=self.size):
            with suppress(Died):
                push.carry_out(pk)
        self._consume()

    def _consume(self) -> None:
        """Run the consumers of whatever has happened, as the committing process would have."""
        Dispatch.objects.update(next_attempt_at=self.clock.now)
        dispatch(*Dispatch.due(limit=100_000))

    # -- what people do here -----------------------------------------------------------------------

    def _answer(self) -> None:
        waiting = Ask.objects.filter(record__connection=self.connection, status=Ask.Status.OPEN)
        asks = list(waiting.select_related("track").order_by("track__record__external_id"))
        for ask in self.random.sample(asks, k=min(len(asks), self.random.randint(0, 8))):
            seat = ask.seats.select_related("approver")[0]
            answer(ask, self.random.random() < 0.7, evidence=evidence_of(seat.approver))
        if self.random.random() < 0.8:  # else the process dies before anything follows from it
            self._consume()

    def _let_pass(self) -> None:
        due = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__lte=self.clock.now)
        for track_id in due.values_list("track_id", flat=True):
            record_timeout(track_id=track_id)

    def _send_mails(self) -> None:
        """Let the mails go out that are due, as the worker does: of what is still open."""
        due = Notification.objects.filter(kind="ask", sent_at=None, next_attempt_at__isnull=False)
        due.exclude(ask__status="open").update(skipped_at=self.clock.now, next_attempt_at=None)
        due.update(sent_at=self.clock.now, next_attempt_at=None)

    # -- what people do there ----------------------------------------------------------------------

    def _open(self, count: int) -> None:
        for _ in range(count):
            price = f"{self.random.randint(1, 10**6)}.50"
            who = self.random.choice(("", "", *self.people))
            title = f"Request {len(self.refs)}"
            self.refs.append(self.system.open(title, price=price, approver=who))
            self.clock.move(seconds=self.random.choice((0, 1, 20)))

    def _decide_there(self) -> None:
        for ref in self._some_pending():
            self.system.decide(ref, self.random.choice(("approved", "rejected")), by="bob")

    def _withdraw_there(self) -> None:
        """Cancel an approval, or void it without a trace."""
        for ref in self._some_pending():
            if self.random.random() < 0.5:
                self.system.touch(ref, state="cancelled")
            else:
                self.system.table.change(ref, is_restricted=True)

    def _reassign(self) -> None:
        """Give an approval to somebody who never had it."""
        for ref in self._some_pending():
            name = f"new{ref[:8]}x{len(self.system.users)}"
            newcomer = self.system.user(name, name.title(), f"{name}@corp.example")
            self.system.touch(ref, approver=newcomer)

    def _change_there(self) -> None:
        """Change what is approved: its approval does not show that it did."""
        for ref in self._some_pending():
            self.system.document_of(ref).price = f"{self.random.randint(1, 10**6)}.75"

    def _comment_there(self) -> None:
        """Change something about an approval that is nobody's business."""
        for ref in self._some_pending():
            self.system.touch(ref)

    def _some_pending(self) -> list[str]:
        # Every other one is left alone: what was lost would come back when somebody touches it.
        pending = [ref for ref in self.refs[::2] if self.is_pending(ref)]
        return self.random.sample(pending, k=min(len(pending), self.random.randint(0, 2)))

    def state_of(self, ref: str) -> str:
        """Return how an approval stands in the system."""
        return self.system.table.rows[ref].state

    def is_pending(self, ref: str) -> bool:
        """Tell whether an approval waits in the system, for those who may see it."""
        row = self.system.table.rows[ref]
        return row.state == "requested" and not row.is_restricted

    def _lose_the_token(self) -> None:
        """Let the system take us for nobody for a while: 401, or 200 and an empty list."""
        if self.random.random() < 0.7:
            return
        ((_, password),) = ACCOUNTS.items()
        if self.random.random() < 0.5:
            self.system.faults.add(faults.EMPTY_FOR_A_BAD_TOKEN, times=None)
        self._seal("wrong")
        self.clock.move(minutes=self.random.choice((2, 13)))
        self._poll()
        self._push()
        self._seal(password)
        self.system.faults.forget(faults.EMPTY_FOR_A_BAD_TOKEN)
        self.clock.move(minutes=20)
        operating.resume(self.connection, actor=AGENT)

    def _seal(self, password: str) -> None:
        self.connection.seal({"password": password})
        self.connection.save(update_fields=["sealed_config"])

    # -- workers that die, are overtaken, and do not know of each other ----------------------------

    def _harm_workers(self, patch: pytest.MonkeyPatch) -> None:
        """Let something happen between what a worker hears from the system and what it writes."""
        connector_for = connecting.connector_for

        def harmed(connection: Connection) -> Connector:
            connector = connector_for(connection)
            self._harm(connector)
            return connector

        patch.setattr(connecting, "connector_for", harmed)
        patch.setattr(http, "time", self)
        patch.setattr(http, "_budgets", {})  # they are counted by that time
        patch.setattr(egress, "request", self._slow(egress.request))
        patch.setattr(polling, "PAGE", 10)
        patch.setattr(sync, "store", self._deadly(sync.store))
        patch.setattr(pushed, "write", self._after(self._perhaps_die, pushed.write))
        follow_together = self._after(self._perhaps_die, sync.follow_together)
        patch.setattr(sync, "follow_together", follow_together)

    def _harm(self, connector: Connector) -> None:
        listing, get, decide = connector.list, connector.get, connector.decide

        def slow_list(cursor: str | None, limit: int) -> Page:
            page = listing(cursor, limit)
            self._meanwhile(Poll.LEASE, self._change_and_poll)
            return page

        def slow_get(ref: str) -> Item:
            try:
                return get(ref)
            finally:
                self._meanwhile(Push.LEASE, self._push)

        def slow_decide(ref: str, choice: str, **how: Any) -> Outcome:
            self._perhaps_die()
            outcome = decide(ref, choice, **how)
            self._meanwhile(Push.LEASE, self._push)
            self._perhaps_die()
            return outcome

        vars(connector).update(list=slow_list, get=slow_get, decide=slow_decide)

    def _slow(self, request: Callable[..., egress.Reply]) -> Callable[..., egress.Reply]:
        """Let others take over while a decision is on its way: they must not send it again."""

        def slow_request(method: str, url: str, **said: Any) -> egress.Reply:
            if method == "PATCH" and "/sysapproval_approver/" in url:
                self._meanwhile(Push.LEASE, self._push, chance=OVERTAKEN_SENDING)
            return request(method, url, **said)

        return slow_request

    def monotonic(self) -> float:
        """Return the seconds by which connectors count how long they may go on."""
        return self.clock.now.timestamp()

    def _meanwhile(
        self, lease: timedelta, overtake: Callable[[], None], *, chance: float = OVERTAKEN
    ) -> None:
        """Let others work while somebody waits for an answer, or until they take over from them."""
        if self._is_among_others:
            return
        self._is_among_others = True
        drawn = self.random.random()
        if drawn < chance:
            self.clock.move(seconds=lease.total_seconds() + 1)
            overtake()
        elif drawn < chance + OVERLAPPED:
            self.clock.move(milliseconds=10)
            for act in self.random.sample((self._push, self._answer, self._look), k=2):
                act()
            self.clock.move(milliseconds=10)
        self._is_among_others = False

    def _change_and_poll(self) -> None:
        """Let a poller hear something else than the one that it overtakes."""
        self.random.choice((self._decide_there, self._reassign, self._change_there))()
        self._poll()

    def _look(self) -> None:
        """Look again at something, as the page does when it is opened."""
        waiting = Record.objects.filter(connection=self.connection, status__in=Record.WAITING)
        for pk in waiting.order_by("external_id").values_list("pk", flat=True)[:1]:
            with suppress(ConnectorError):
                looking.look_now(pk)

    def _deadly(self, store: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """Let a poller die in the transaction that moves its cursor."""

        def perhaps_store(*args: Any, **said: Any) -> list[Any]:
            if not said.get("is_look"):
                self._perhaps_die(DIES_STORING)
            return store(*args, **said)

        return perhaps_store

    def _perhaps_die(self, chance: float = DIES) -> None:
        if self.random.random() < chance:
            raise Died()

    def _after(self, first: Callable[[], None], then: Callable[..., None]) -> Callable[..., None]:
        @wraps(then)
        def both(*args: Any, **said: Any) -> None:
            first()
            then(*args, **said)

        return both


@contextmanager
def schedule(seed: int, size: int, workspace: Workspace, clock: Clock) -> Iterator[Schedule]:
    """Yield a story that is over, and close its system."""
    story = Schedule(seed, size, workspace, clock)
    try:
        story.run()
        yield story
    finally:
        story.system.close()
