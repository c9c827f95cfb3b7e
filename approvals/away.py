"""Being away for a time: who stands in, from when until when, in every workspace at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from approvals import handing_over
from approvals.display_time import zone_named
from approvals.models import Absence, Approver
from approvals.queue_views import SIGN_IN_FIRST, show_sign_in
from approvals.queue_visit import QueueVisit, queue_visit
from approvals.refusal_pages import page
from approvals.responses import SeeOther
from approvals.track_page import Notice
from config.errors import Invalid, NotFound
from tracks.addresses import NotAnAddress, check_address
from tracks.ids import parse_public_id, public_id
from tracks.transactions import transition

FURTHEST = timedelta(days=366)
DAY = timedelta(days=1)
# The domain's names of the fields, in the words of the form.
FIELDS = {"stand_in": "stand_in", "starts": "from", "ends": "to"}


@dataclass(frozen=True, slots=True)
class Period:
    """What the form says: a stand-in, and the first and the last day."""

    stand_in: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Entry:
    """What was typed and is shown again, and what is wrong with it."""

    stand_in: str = ""
    first: str = ""
    last: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """An absence as a page shows it."""

    id: str
    workspace: str
    who: str
    days: str
    is_now: bool


@page("GET", "POST")
def away(request: HttpRequest) -> HttpResponse:
    """Show when somebody is away and who stands in; plan it, or come back early."""
    here = queue_visit(request)
    if here is None:
        return show_sign_in(request, status=403, notice=SIGN_IN_FIRST)
    if request.method != "POST":
        return _show(here)
    if "end" in request.POST:
        _end(here, request.POST["end"])
    else:
        try:
            _begin(here, _read(request.POST, today=here.now.date()))
        except Invalid as error:
            return _again(here, error)
    return SeeOther(reverse("queue_away"))


def _read(sent: QueryDict, *, today: date) -> Period:
    """Return what the form says, or raise Invalid for everything that is wrong with it."""
    errors: list[dict[str, str]] = []

    def wrong(name: str, words: str) -> None:
        errors.append({"field": name, "code": "invalid", "detail": words})

    stand_in = sent.get("stand_in", "").strip()
    if not _is_address(stand_in):
        wrong("stand_in", "This is not an e-mail address, such as name@example.com.")
    first, last = _day(sent.get("from", ""), today), _day(sent.get("to", ""), today)
    if first is None:
        wrong("from", "Give the first day, within a year from now.")
    if last is None:
        wrong("to", "Give the last day, within a year from now.")
    if first and last and last < first:
        wrong("to", "This is before the first day.")
    if errors or first is None or last is None:
        raise Invalid(errors=errors)
    return Period(stand_in, first, last)


def _is_address(text: str) -> bool:
    try:
        check_address(text)
    except NotAnAddress:
        return False
    return True


def _day(text: str, today: date) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if abs(day - today) <= FURTHEST else None


@transition
def _begin(here: QueueVisit, period: Period) -> None:
    """Name a stand-in wherever that is allowed; refuse when it is allowed nowhere."""
    refusals = []
    approvers = _approvers(here)
    if not approvers:
        raise NotFound()
    for approver in approvers:
        zone = zone_named(approver.workspace.time_zone)
        try:
            handing_over.set_absence(
                approver=approver,
                stand_in=period.stand_in,
                starts_at=datetime.combine(period.first, time.min, zone),
                ends_at=datetime.combine(period.last + DAY, time.min, zone),
            )
        except Invalid as error:
            refusals.append(error)
    if len(refusals) == len(approvers):
        raise refusals[0]


def _approvers(here: QueueVisit) -> list[Approver]:
    found = Approver.objects.filter(canonical=here.canonical).select_related("workspace")
    return list(found.order_by("workspace__name"))


def _end(here: QueueVisit, text: str) -> None:
    pk = parse_public_id("abs", text)
    mine = Absence.objects.filter(approver__canonical=here.canonical).select_related("approver")
    absence = mine.filter(pk=pk).first() if pk else None
    if absence is None:
        raise NotFound()
    handing_over.end_absence(absence_id=absence.pk, approver=absence.approver)


def _again(here: QueueVisit, error: Invalid) -> HttpResponse:
    """Return the form with what was typed, and what is wrong with it."""
    sent = here.request.POST
    errors = {FIELDS.get(e["field"], e["field"]): e["detail"] for e in error.errors or []}
    entry = Entry(sent.get("stand_in", ""), sent.get("from", ""), sent.get("to", ""), errors)
    name, words = next(iter(errors.items()))
    notice = Notice("There is a problem", tone="wrong", detail=words, field=name)
    return _show(here, status=422, notice=notice, entry=entry)


def _show(
    here: QueueVisit,
    *,
    status: int = 200,
    notice: Notice | None = None,
    entry: Entry | None = None,
) -> HttpResponse:
    alive = Absence.objects.filter(ended_at=None, ends_at__gt=here.now)
    alive = alive.select_related("approver__workspace", "stand_in").order_by("starts_at", "pk")
    mine = list(alive.filter(approver__canonical=here.canonical))
    others = alive.filter(stand_in__canonical=here.canonical)
    covered = {each.approver_id for each in mine}
    approvers = _approvers(here)
    zones = sorted({each.workspace.time_zone for each in approvers})
    days = (here.now.astimezone(zone_named(each)).date() for each in zones)
    context: dict[str, Any] = {
        "address": here.canonical,
        "absences": [_shown(each, here, who=each.stand_in) for each in mine],
        "stands_in": [_shown(each, here, who=each.approver) for each in others],
        "uncovered": [each.workspace.name for each in approvers if mine and each.pk not in covered],
        "zones": zones,
        "earliest": min(days, default=here.now.date()),
        "notice": notice,
        "entry": entry or Entry(),
    }
    return render(here.request, "pages/away.html", context, status=status)


def _shown(absence: Absence, here: QueueVisit, *, who: Approver) -> Shown:
    workspace = absence.approver.workspace
    zone = zone_named(workspace.time_zone)
    first = absence.starts_at.astimezone(zone).date()
    last = (absence.ends_at.astimezone(zone) - timedelta(seconds=1)).date()
    return Shown(
        id=public_id("abs", absence.pk),
        workspace=workspace.name,
        who=who.address,
        days=_words(first) if first == last else f"{_words(first)} to {_words(last)}",
        is_now=absence.starts_at <= here.now,
    )


def _words(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"
