"""What the queue shows of each request: a line or two, made from a few columns.

Somebody may have hundreds waiting, so nothing here asks the database once more per request.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Case, Q, When
from django.db.models.functions import Left
from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from approvals.card import RISKS, Risk
from approvals.display_time import Clock, Moment, span, zone_named
from approvals.models import Ask, Decision, Holder
from approvals.queue import MOST, waiting_for
from approvals.receipts import meaning
from config.errors import Invalid
from tracks.ids import public_id
from tracks.sources import Source

LONGEST_TITLE = 120
KINDS = {Ask.Kind.CONFIRM: "Yes or no", Ask.Kind.CHOICE: "Choice", Ask.Kind.TEXT: "Typed answer"}


@dataclass(frozen=True, slots=True)
class Item:
    """One request in the queue."""

    ask_id: str
    url: str
    title: str
    workspace: str
    is_protected: bool
    is_overdue: bool
    can_be_batched: bool
    source: str
    kind: str
    risk: Risk | None
    due: str
    about: str
    link: str = ""  # to the record, where the request comes from a system of record
    decides_there: bool = False

    @property
    def badge(self) -> str:
        """Return the risk's badge; one piece of markup serves all lines."""
        return badge(self.risk) if self.risk else ""


@cache
def badge(risk: Risk) -> SafeString:
    """Return the markup of a badge."""
    return SafeString(render_to_string("partials/risk_badge.html", {"risk": risk}))


@dataclass(frozen=True, slots=True)
class Filters:
    """Which of the requests are wanted, as the address bar says it."""

    risk: str = ""
    workspace: str = ""
    source: str = ""
    kind: str = ""
    overdue: str = ""

    @classmethod
    def of(cls, sent: QueryDict) -> "Filters":
        """Read the filters; raise Invalid for a value that no filter has."""
        allowed: dict[str, Sequence[str]] = {
            "risk": Ask.Risk.values,
            "kind": Ask.Kind.values,
            "overdue": ["1"],
        }
        for name, values in allowed.items():
            if sent.get(name, "") not in ("", *values):
                raise Invalid.field(name, "There is no such filter.")
        return cls(**{name: sent.get(name, "") for name in cls.__slots__})

    @property
    def are_set(self) -> bool:
        return self != Filters()

    def admit(self, item: Item) -> bool:
        """Tell whether a request is among those that are wanted."""
        return (
            self.workspace in ("", item.workspace)
            and self.source in ("", item.source)
            and self.kind in ("", item.kind)
            and self.risk in ("", item.risk.level if item.risk else "none")
            and (not self.overdue or item.is_overdue)
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The requests of one workspace, the next one first."""

    workspace: str
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be filtered by, from what there is."""

    workspaces: list[str]
    sources: list[str]
    kinds: list[tuple[str, str]]
    risks: list[tuple[str, str]]

    @classmethod
    def among(cls, items: Sequence[Item]) -> "Choices":
        kinds = {item.kind for item in items}
        risks = {item.risk.level for item in items if item.risk}
        return cls(
            workspaces=sorted({item.workspace for item in items}),
            sources=sorted({item.source for item in items if item.source}),
            kinds=[(kind.value, word) for kind, word in KINDS.items() if kind in kinds],
            risks=[(level, RISKS[level].word) for level in RISKS if level in risks],
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Everything that waits for an address, and what of it is shown."""

    groups: list[Group]
    shown: int
    total: int
    overdue: int
    is_cut: bool
    can_be_batched: bool
    choices: Choices


def waiting_list(canonical: str, filters: Filters, *, now: datetime) -> Waiting:
    """Return what waits for an address, grouped by workspace, the next one first: two queries."""
    items = items_of(canonical, now=now)
    wanted = [item for item in items if filters.admit(item)]
    return Waiting(
        groups=_grouped(wanted),
        shown=len(wanted),
        total=len(items),
        overdue=sum(item.is_overdue for item in items),
        is_cut=len(items) == MOST,
        can_be_batched=sum(item.can_be_batched for item in wanted) > 1,
        choices=Choices.among(items),
    )


def items_of(canonical: str, *, now: datetime) -> list[Item]:
    """Return what waits for an address, next one first."""
    rows = waiting_for(canonical, now=now).annotate(
        # The longest prompt has a thousand characters; a line of the queue shows a few.
        opening=Case(When(track__password_hash=None, then=Left("prompt", LONGEST_TITLE * 2)))
    )
    columns = rows.values(
        "pk", "opening", "kind", "risk", "asked_by", "created_at", "due_at", "ends_at",
        "track__slug", "track__source", "workspace__name", "workspace__time_zone",
    )  # fmt: skip
    found = list(columns[:MOST])
    givers = _acted_for(canonical) if found else {}
    page = reverse("track", args=["-"]).removesuffix("-")  # looked up once, not for each row
    clocks = {name: Clock(now, zone_named(name)) for name in {_zone(row) for row in found}}
    return [_item(row, givers, clocks[_zone(row)], page) for row in found]


def _zone(row: Mapping[str, Any]) -> str:
    return str(row["workspace__time_zone"])


def _acted_for(canonical: str) -> dict[UUID, str]:
    """Return whose place somebody has come to in asks that were handed over to them."""
    others = Holder.objects.filter(
        ~Q(kind=Holder.Kind.ASKED), approver__canonical=canonical, ask__status=Ask.Status.OPEN
    )
    return dict(others.values_list("ask_id", "seat__approver__address"))


def _item(row: Mapping[str, Any], givers: dict[UUID, str], clock: Clock, page: str) -> Item:
    shown = {
        "ask_id": public_id("ask", row["pk"]),
        "url": page + row["track__slug"],
        "workspace": row["workspace__name"],
    }
    if row["opening"] is None:
        return _protected(**shown)
    risk = RISKS.get(row["risk"])
    source = Source.of(row["track__source"])
    decides_there = source is not None and source.decides_there
    is_light = row["kind"] == Ask.Kind.CONFIRM and row["risk"] == Ask.Risk.LOW
    is_overdue = row["due_at"] is not None and row["due_at"] < clock.now
    return Item(
        **shown,
        title=one_line(row["opening"]),
        is_protected=False,
        is_overdue=is_overdue,
        can_be_batched=is_light and not decides_there,
        source=source.name if source else row["asked_by"],
        kind=row["kind"],
        risk=risk,
        due=_due(row, clock, is_overdue=is_overdue),
        about=_about(row, clock, acts_for=givers.get(row["pk"], "")),
        link=source.link if source else "",
        decides_there=decides_there,
    )


def _protected(*, ask_id: str, url: str, workspace: str) -> Item:
    """Return the line of a request that needs a password: it names its workspace alone."""
    return Item(
        ask_id=ask_id,
        url=url,
        title=_protected_title(workspace),
        workspace=workspace,
        is_protected=True,
        is_overdue=False,
        can_be_batched=False,
        source="",
        kind="",
        risk=None,
        due="",
        about="",
    )


def _due(row: Mapping[str, Any], clock: Clock, *, is_overdue: bool) -> str:
    moment = clock.moment(row["due_at"] or row["ends_at"])
    if is_overdue:
        return f"Overdue since {moment.words}"
    verb = "Wanted" if row["due_at"] else "Answer"
    return f"{verb} by {moment.words} ({moment.distance})"


def _about(row: Mapping[str, Any], clock: Clock, *, acts_for: str) -> str:
    about = f"{KINDS[row['kind']]}, asked {span(clock.now - row['created_at'])} ago"
    return f"{about}, for {acts_for}" if acts_for else about


def one_line(text: str) -> str:
    """Return the beginning of a question for a list; the page of the request shows it whole."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1].rstrip()}…"


def title_of(ask: Ask) -> str:
    """Return how a list names a request: one that needs a password by its workspace alone."""
    if ask.track.is_protected:
        return _protected_title(ask.track.workspace.name)
    return one_line(ask.prompt)


def _protected_title(workspace: str) -> str:
    return f"Protected request from {workspace}"


def _grouped(items: Iterable[Item]) -> list[Group]:
    groups: dict[str, Group] = {}
    for item in items:
        groups.setdefault(item.workspace, Group(item.workspace)).items.append(item)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class Next:
    """What to look at after a request is done, and how many are left with it."""

    title: str
    url: str
    left: int


def next_for(canonical: str, *, but: UUID, now: datetime) -> Next | None:
    """Return the next request that waits for an address."""
    waiting = waiting_for(canonical, now=now).exclude(pk=but)
    ask = waiting.select_related("track__workspace").defer("config").first()
    if ask is None:
        return None
    return Next(title_of(ask), reverse("track", args=[ask.track.slug]), waiting.count())


@dataclass(frozen=True, slots=True)
class LastDecided:
    """The latest thing somebody decided, for a queue in which nothing waits."""

    title: str
    result: str
    at: Moment


def last_decided(canonical: str, *, now: datetime) -> LastDecided | None:
    """Return what an address decided last, anywhere."""
    decisions = Decision.objects.filter(approver__canonical=canonical)
    latest = decisions.select_related("ask__track__workspace").order_by("-at", "-pk").first()
    if latest is None:
        return None
    ask = latest.ask
    clock = Clock(now, zone_named(ask.track.workspace.time_zone))
    return LastDecided(title_of(ask), meaning(ask, latest.value), clock.moment(latest.at))
