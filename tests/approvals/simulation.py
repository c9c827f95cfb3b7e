"""A workspace through many days: people who answer, decline, pass on, are away or stay silent.

Time goes from one thing that is due to the next. What a person does is drawn from the seed and
from what they were mailed, so the same seed tells the same story on every database.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from django.core import mail
from django.db.models import Min

from approvals import tasks
from approvals.handing_over import decline, hand_over, set_absence
from approvals.models import Absence, Approver, Ask, Digest, Notification
from approvals.working_hours import OPENS, is_digest_time
from config.errors import DomainError
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, evidence_of, someone
from tracks.models import Workspace

WORK = (Notification, Digest, Absence)
HOUR, DAY = 3600, 86_400


@dataclass(frozen=True)
class Mail:
    """A mail that somebody got, and when."""

    at: datetime
    to: str
    kind: str  # ask, reminder, digest
    about: str
    message: Any

    @property
    def ask_id(self) -> UUID:
        return UUID(self.about)


@dataclass
class Simulation:
    """What happens in one workspace; `run` lets it happen."""

    clock: Clock
    workspace: Workspace
    zone: Any
    people: list[str]
    seed: int
    days: int
    mails: list[Mail] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    steps: int = 0
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def chance(self, *about: Any) -> Random:
        """Return a source of chance for one decision, the same whenever it is made."""
        return Random(":".join(map(str, (self.seed, *about))))

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._agenda, (moment, next(self._order), act))

    # -- what there is to do -----------------------------------------------------------------------

    def open_asks(self, number: int) -> None:
        """Let agents ask so often, at any hour of any day but the last ten."""
        for index in range(number):
            dice = self.chance("ask", index)
            after = timedelta(milliseconds=dice.randrange((self.days - 10) * DAY * 1000))
            self.at(self.clock.now + after, partial(self._open, index))

    def _open(self, index: int) -> None:
        dice = self.chance("content", index)
        seats = dice.choice([1, 1, 1, 2, 3])
        some = dice.sample(self.people, k=seats + dice.choice([0, 1, 2, 3]))
        fields: dict[str, Any] = {
            "timeout_seconds": dice.choice([HOUR // 2, 6 * HOUR, DAY, 3 * DAY, 7 * DAY]),
            "approvers": some[:seats],
            "needed": dice.randint(1, seats),
            "escalate_to": some[seats:],
        }
        if dice.random() < 0.3:
            fields["escalate_after_seconds"] = fields["timeout_seconds"] // 2
        if dice.random() < 0.3:
            fields["due_at"] = self.clock.now + timedelta(seconds=fields["timeout_seconds"] // 3)
        track = TrackFactory(workspace=self.workspace, title=f"Work {index}")
        AskFactory(track=track, prompt=f"May I do {index}?", **fields)

    def be_away(self, number: int) -> None:
        """Let people be away for some days, with a colleague who stands in."""
        for index in range(number):
            dice = self.chance("away", index)
            who, stand_in = dice.sample(self.people, k=2)
            starts = self.clock.now + timedelta(days=dice.randrange(self.days - 10))
            ends = starts + timedelta(days=dice.randint(2, 9))
            self.at(starts - timedelta(hours=1), partial(self._leave, who, stand_in, starts, ends))

    def _leave(self, who: str, stand_in: str, starts: datetime, ends: datetime) -> None:
        approver = someone(self.workspace, who)
        self._try(
            lambda: set_absence(
                approver=approver, stand_in=stand_in, starts_at=starts, ends_at=ends
            )
        )

    # -- what people do ----------------------------------------------------------------------------

    def _react(self, got: Mail) -> None:
        """Let somebody do something about a mail, some time later, or nothing."""
        if got.kind == "digest":
            return
        ask = Ask.objects.select_related("track").get(pk=got.ask_id)
        dice = self.chance("person", ask.track.title, got.to, got.kind, len(self._told(got)))
        act = dice.choices(
            [self._answer, self._decline, self._pass_on, None], weights=[25, 6, 12, 57]
        )[0]
        if act is not None:
            later = timedelta(milliseconds=dice.randrange(60_000, 30 * HOUR * 1000))
            approver = someone(self.workspace, got.to)
            self.at(self.clock.now + later, lambda: self._try(lambda: act(ask.pk, approver, dice)))

    def _told(self, got: Mail) -> list[Mail]:
        return [each for each in self.mails if (each.to, each.about) == (got.to, got.about)]

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except DomainError as error:
            self.refusals.append(error.code)

    def _answer(self, ask_id: UUID, approver: Approver, dice: Random) -> None:
        ask = Ask.objects.get(pk=ask_id)
        answer(ask, dice.random() < 0.7, evidence=evidence_of(approver), form_nonce=f"{dice}")

    def _decline(self, ask_id: UUID, approver: Approver, dice: Random) -> None:
        ask = Ask.objects.get(pk=ask_id)
        decline(ask_id=ask.pk, track_id=ask.track_id, approver=approver, reason="Not for me.")

    def _pass_on(self, ask_id: UUID, approver: Approver, dice: Random) -> None:
        ask = Ask.objects.get(pk=ask_id)
        to = dice.choice(self.people)
        hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=approver, to=to, reason="Please.")

    # -- time --------------------------------------------------------------------------------------

    def run(self) -> None:
        """Go from one due moment to the next until the days are over."""
        ends = self.clock.now + timedelta(days=self.days)
        while (moment := self._next()) <= ends:
            assert moment >= self.clock.now, "something is due and was not done"
            self.clock.move_to(max(moment, self.clock.now + timedelta(milliseconds=1)))
            self.steps += 1
            while self._agenda and self._agenda[0][0] <= self.clock.now:
                heapq.heappop(self._agenda)[2]()
            self._work()
            self._read_mail()
        self.clock.move_to(ends)

    def _next(self) -> datetime:
        times = [row.objects.aggregate(due=Min("next_attempt_at"))["due"] for row in WORK]
        still_open = Ask.objects.filter(status=Ask.Status.OPEN)
        times.append(still_open.aggregate(due=Min("ends_at"))["due"])
        times += [each[0] for each in self._agenda[:1]]
        return min(each for each in (*times, self._next_morning()) if each is not None)

    def _next_morning(self) -> datetime:
        local = self.clock.now.astimezone(self.zone)
        day = local.date() + timedelta(days=local.time() >= OPENS)
        return datetime.combine(day, OPENS, self.zone).astimezone(UTC)

    def _work(self) -> None:
        """Let beat and the workers do what is due now."""
        tasks.sweep_overdue()
        tasks.sweep_absences()
        if is_digest_time(self.clock.now, self.zone):
            tasks.plan_digests()
            tasks.sweep_digests()
        tasks.sweep_notifications()

    def _read_mail(self) -> None:
        for message in mail.outbox[len(self.mails) :]:
            headers = message.extra_headers
            kind = headers["Message-ID"].lstrip("<").partition(".")[0]
            got = Mail(self.clock.now, message.to[0], kind, headers["X-Entity-Ref-ID"], message)
            self.mails.append(got)
            self._react(got)
