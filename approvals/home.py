"""What the approvals layer tells the home of the admin: what waits, how asks go, and how fast."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import Count as CountRows
from django.db.models import Exists, F, FilteredRelation, Min, OuterRef, Q, QuerySet

from approvals.models import Ask, FirstView, Notification
from tracks.clock import rfc3339
from tracks.home.figures import WINDOWS, Count, Line, Link, Numbers, Oldest, Part, Scope, Speed
from tracks.home.percentiles import percentiles_of
from tracks.ids import earliest_id

SOON = DAY = timedelta(hours=24)
# The ages of what waits, in words; the last has no end.
AGES = (
    ("0–4 h", timedelta(hours=4)),
    ("4–24 h", timedelta(hours=24)),
    ("1–3 d", timedelta(days=3)),
    ("3–7 d", timedelta(days=7)),
    ("> 7 d", None),
)
ANSWERED = Q(status=Ask.Status.ANSWERED)
JUDGED = ANSWERED & Q(kind=Ask.Kind.CONFIRM)  # answered yes or no


def tell(scope: Scope) -> Numbers:
    """Tell everything about asks and the mails that go with them."""
    found = _flow_numbers(scope)
    return Numbers(
        act_now=_act_now(scope),
        flow=_flow(found, scope),
        shares=[_parts(found, days) for days in WINDOWS],
        speed=_speed(scope),
        ageing=_ageing(scope),
        failures=_failures(scope),
        waiting=[_unsent(scope)],
    )


def _link(**conditions: Any) -> Link:
    """Return the list of the asks that meet conditions which the admin takes as they are."""
    said = {name: _as_param(value) for name, value in conditions.items()}
    return Link("approvals.ask", said)


def _as_param(value: Any) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)


# --- act now ------------------------------------------------------------------------------------


def _open(scope: Scope) -> QuerySet[Ask]:
    # As everybody sees them: what is over has timed out, whether or not that is recorded yet.
    waiting = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__gt=scope.now)
    return scope.limit(waiting, by="workspace")


def _act_now(scope: Scope) -> list[Count]:
    def counted(label: str, *, is_alarm: bool = False, **conditions: datetime) -> Count:
        link = _link(status__exact="open", ends_at__gt=scope.now, **conditions)
        rows = _open(scope).filter(**conditions)
        return Count(label=label, rows=rows, link=link, is_alarm=is_alarm)

    soon = scope.now + SOON
    return [
        counted("Overdue", due_at__lte=scope.now, is_alarm=True),
        counted("Due within 24 h", due_at__gt=scope.now, due_at__lte=soon),
        Count(
            label="Undeliverable",
            rows=undeliverable(_open(scope)),
            link=_link(status__exact="open", ends_at__gt=scope.now, delivery="failed"),
            is_alarm=True,
        ),
    ]


def undeliverable(asks: QuerySet[Ask]) -> QuerySet[Ask]:
    """Keep the asks of which somebody could not be told."""
    lost = Notification.objects.filter(Q(failed_at__isnull=False) | Q(bounced_at__isnull=False))
    return asks.filter(Exists(lost.filter(ask=OuterRef("pk"))))


def lost_of_late(notices: QuerySet[Notification], now: datetime) -> QuerySet[Notification]:
    """Keep the mails that were not delivered in the last day: refused, or come back."""
    return notices.filter(Q(failed_at__gte=now - DAY) | Q(bounced_at__gte=now - DAY))


def to_send(notices: QuerySet[Notification], now: datetime) -> QuerySet[Notification]:
    """Keep the mails that should be on their way. Reminders are not due before their hour."""
    return notices.filter(next_attempt_at__lte=now)


def _failures(scope: Scope) -> list[Count]:
    notices = scope.limit(Notification.objects.all(), by="track__workspace")
    return [
        Count(
            label="Mails not delivered, 24 h",
            rows=lost_of_late(notices, scope.now),
            link=Link("approvals.notification", {"trouble": "failed"}),
            is_alarm=True,
        )
    ]


def _unsent(scope: Scope) -> Oldest:
    notices = scope.limit(Notification.objects.all(), by="track__workspace")
    return Oldest(
        label="Mails to send",
        rows=to_send(notices, scope.now),
        since="next_attempt_at",
        link=Link("approvals.notification", {"trouble": "due"}),
    )


# --- flow ---------------------------------------------------------------------------------------

# Of the asks that were made in a window: those that …
CAME_TO: Mapping[str, Q] = {
    "created": Q(),
    "answered": ANSWERED,
    "judged": JUDGED,
    "approved": JUDGED & Q(yes__isnull=False),
    "timeout": Q(status=Ask.Status.TIMEOUT),
    "cancelled": Q(status=Ask.Status.CANCELLED),
}


def _made_in(days: int, scope: Scope) -> dict[str, datetime]:
    return {"created_at__gte": scope.since(days), "created_at__lt": scope.now}


def _made(days: int, scope: Scope) -> QuerySet[Ask]:
    return _of_late(days, scope).filter(**_made_in(days, scope))


def _of_late(days: int, scope: Scope) -> QuerySet[Ask]:
    """Return the asks of a window and of a while before it: an index has them by workspace."""
    return scope.limit(Ask.objects.filter(pk__gte=_floor(days, scope)), by="workspace")


def _of_made(days: int, scope: Scope) -> Q:
    """Return the condition that a row belongs to an ask of a window, for rows keyed by the ask."""
    conditions = {f"ask__{name}": value for name, value in _made_in(days, scope).items()}
    return scope.within("ask__workspace") & Q(**conditions, ask_id__gte=_floor(days, scope))


def _floor(days: int, scope: Scope) -> UUID:
    # Keys begin with the time. With a day to spare for clocks, an index finds the rows of late.
    return earliest_id(scope.since(days) - DAY)


def _flow_numbers(scope: Scope) -> dict[str, int]:
    """Return how many asks of each window came to what: `answered_7`."""
    longest = max(WINDOWS)
    yes = FilteredRelation(
        "answer",
        condition=Q(answer__value=True, answer__ask_id__gte=_floor(longest, scope)),
    )
    found: dict[str, int] = (
        _of_late(longest, scope)
        .annotate(yes=yes)
        .aggregate(
            **{
                f"{name}_{days}": CountRows("pk", filter=Q(**_made_in(days, scope)) & which)
                for days in WINDOWS
                for name, which in CAME_TO.items()
            }
        )
    )
    return found


def _flow(found: Mapping[str, int], scope: Scope) -> list[Line]:
    def line(label: str, name: str, *, of: str | None = None, **conditions: str) -> Line:
        numbers = [found[f"{name}_{days}"] for days in WINDOWS]
        wholes = [found[f"{of}_{days}"] if of else 0 for days in WINDOWS]
        return Line(
            label=label,
            numbers=numbers,
            shares=[n / all if all else None for n, all in zip(numbers, wholes, strict=True)],
            links=[_link(**_made_in(days, scope), **conditions) for days in WINDOWS],
        )

    return [
        line("Created", "created"),
        line("Answered", "answered", of="created", status__exact="answered"),
        line("Approved", "approved", of="judged", outcome="yes"),
        line("Timed out", "timeout", of="created", status__exact="timeout"),
        line("Cancelled", "cancelled", of="created", status__exact="cancelled"),
    ]


def _parts(found: Mapping[str, int], days: int) -> list[Part]:
    """Return what the asks of a window came to, as parts that add up to all of them."""
    made, answered, judged, approved, late, off = (found[f"{name}_{days}"] for name in CAME_TO)
    return [
        Part(label="approved", number=approved, tone="yes"),
        Part(label="rejected", number=judged - approved, tone="no"),
        Part(label="answered otherwise", number=answered - judged, tone="said"),
        Part(label="timed out", number=late, tone="late"),
        Part(label="cancelled", number=off, tone="off"),
        Part(label="still open", number=made - answered - late - off, tone="open"),
    ]


# --- speed and age ------------------------------------------------------------------------------


def _speed(scope: Scope) -> list[Speed]:
    days = min(WINDOWS)
    seen = FirstView.objects.filter(_of_made(days, scope)).order_by().values("ask")
    first = seen.annotate(first=Min("at"), made=Min("ask__created_at"))
    answered = _made(days, scope).filter(ANSWERED)
    return [
        Speed(
            label="To the first view",
            percentiles=percentiles_of(first, F("first") - F("made")),
            link=_link(**_made_in(days, scope), viewed="1"),
        ),
        Speed(
            label="To the answer",
            percentiles=percentiles_of(answered, F("closed_at") - F("created_at")),
            link=_link(**_made_in(days, scope), status__exact="answered"),
        ),
    ]


def _ageing(scope: Scope) -> list[Part]:
    edges = [scope.now, *(scope.now - age for _, age in AGES if age), None]
    spans = [
        {"created_at__lte": younger} | ({"created_at__gt": older} if older else {})
        for younger, older in pairwise(edges)
    ]
    found = _open(scope).aggregate(
        **{f"age_{place}": CountRows("pk", filter=Q(**span)) for place, span in enumerate(spans)}
    )
    return [
        Part(
            label=label,
            number=found[f"age_{place}"],
            tone="open",
            link=_link(status__exact="open", ends_at__gt=scope.now, **span),
        )
        for place, ((label, _), span) in enumerate(zip(AGES, spans, strict=True))
    ]
