"""Answering several low-risk requests together: ticked, shown again one by one, then confirmed.

One answer each, by the same verb as on a request's own page; a batch only gives them an id in
common. What has changed since it was ticked is left out and shown, and holds up no other.
"""

from dataclasses import dataclass
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from approvals import card, forms, receipts, transitions, viewing
from approvals.card import Card
from approvals.display_time import Clock, zone_named
from approvals.models import Approver, Ask, Holder
from approvals.queue_views import SIGN_IN_FIRST, show_queue, show_sign_in
from approvals.queue_visit import QueueVisit, queue_visit
from approvals.refusal_pages import page
from approvals.refusals import (
    AlreadyDecided,
    AskNotOpen,
    DecidedElsewhere,
    DisplayChanged,
    NotTheApprover,
)
from approvals.responses import SeeOther
from approvals.sources import Glance
from approvals.track_page import Notice
from approvals.waiting_list import title_of
from approvals.write_back import resolved_there
from config.errors import Invalid, NotFound
from tracks.ids import new_id, parse_public_id

MOST = 25
SALT = "approvals.batch_result"
RECORDED, DECIDED, CLOSED, CHANGED = "recorded", "decided", "closed", "changed"
RELIEVED, ALONE = "relieved", "alone"
WORDS = {
    DECIDED: "Not recorded: it was decided already",
    CLOSED: "Not recorded: it was closed before your answer",
    CHANGED: "Not recorded: it is not what you looked at. Answer it on its own page.",
    RELIEVED: "Not recorded: somebody else is asked instead of you",
    ALONE: "Not recorded: it cannot be answered together with others. Open its own page.",
}
VALUES = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One request of a batch as it is read before it counts."""

    card: Card
    form_nonce: str
    number: int
    approver: Approver


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch that is not answered, or was: its question and what came of it."""

    title: str
    url: str
    words: str
    is_recorded: bool = False


@page("GET", "POST")
def batch(request: HttpRequest) -> HttpResponse:
    """Show what was ticked, record it once that is confirmed, and say what came of each."""
    here = queue_visit(request)
    if here is None:
        return show_sign_in(request, status=403, notice=SIGN_IN_FIRST)
    if request.method != "POST":
        return _show_result(here)
    try:
        asks = _ticked(here)
        if "value" in request.POST:
            return _confirm(here, asks, _value(request))
        return _review(here, asks)
    except Invalid as error:
        return show_queue(
            here, status=422, notice=Notice("There is a problem", "wrong", error.detail)
        )


def _ticked(here: QueueVisit) -> list[Ask]:
    """Return the requests that were ticked, in that order; all of them are, or were, theirs."""
    names = list(dict.fromkeys(here.request.POST.getlist("ask")))
    if not names:
        raise Invalid.field("ask", "Tick the requests that you want to answer together.")
    if len(names) > MOST:
        raise Invalid.field("ask", f"At most {MOST} requests can be answered together.")
    keys = [parse_public_id("ask", each) for each in names]
    mine = Ask.objects.presented(here.now).with_everything()
    rows = mine.filter(pk__in=[each for each in keys if each])
    places = Holder.objects.filter(approver__canonical=here.canonical)
    found = {ask.pk: ask for ask in rows.filter(holders__in=places)}
    asks = [found[key] for key in keys if key in found]
    if len(asks) < len(names):
        raise NotFound()
    return asks


def _is_light(ask: Ask) -> bool:
    source = ask.track.comes_from
    return (
        ask.kind == Ask.Kind.CONFIRM
        and ask.risk == Ask.Risk.LOW
        and not ask.track.is_protected
        and not (source and source.decides_there)
    )


def _value(request: HttpRequest) -> bool:
    value = VALUES.get(request.POST["value"])
    if value is None:
        raise Invalid.field("value", "Choose one of the two answers.")
    return value


def _me(here: QueueVisit, ask: Ask) -> Approver:
    """Return the person of the queue as the workspace of a request knows them."""
    return next(each.approver for each in ask.table if each.approver.canonical == here.canonical)


def _card(here: QueueVisit, ask: Ask) -> Card:
    return card.of(ask, clock=_clock(here, ask))


def _clock(here: QueueVisit, ask: Ask) -> Clock:
    return Clock(here.now, zone_named(ask.track.workspace.time_zone))


def _obstacle(here: QueueVisit, ask: Ask) -> str:
    """Return why a request cannot be answered now, or nothing."""
    holder = ask.holder_of(_me(here, ask).pk)
    if holder is None:
        return RELIEVED
    if holder.decision is not None:
        return DECIDED
    if ask.shown_status != Ask.Status.OPEN:
        return DECIDED if ask.shown_status == Ask.Status.ANSWERED else CLOSED
    if not _is_light(ask):
        return ALONE
    shown = _card(here, ask)
    return "" if shown.can_be_shown and not shown.is_contradictory else CHANGED


def _review(here: QueueVisit, asks: list[Ask]) -> HttpResponse:
    """Return every request whole, to be read before one of two buttons answers all of them."""
    asks = _looked_again(here, asks)
    obstacles = {ask.pk: _obstacle(here, ask) for ask in asks}
    left = [ask for ask in asks if not obstacles[ask.pk]]
    for ask in left:
        evidence = here.evidence(_me(here, ask))
        viewing.record_first_view(ask_id=ask.pk, evidence=evidence)
    context = {
        "address": here.canonical,
        "items": [
            Reviewed(_card(here, ask), forms.new_nonce(ask, here.grant), number, _me(here, ask))
            for number, ask in enumerate(left, start=1)
        ],
        "dropped": [_line(here, ask, obstacles[ask.pk]) for ask in asks if obstacles[ask.pk]],
        "consent": receipts.CONSENT,
    }
    status = 200 if left else 409
    return render(here.request, "pages/batch_review.html", context, status=status)


def _line(here: QueueVisit, ask: Ask, outcome: str, value: bool = True) -> Line:
    is_recorded = outcome == RECORDED
    words = f"Recorded: {receipts.meaning(ask, value).lower()}" if is_recorded else WORDS[outcome]
    if outcome == CLOSED and not ask.track.is_protected:
        there = resolved_there(ask, clock=_clock(here, ask), is_verified=True)
        words = f"Not recorded: it is already resolved. {there.lead}" if there else words
    return Line(title_of(ask), reverse("track", args=[ask.track.slug]), words, is_recorded)


def _confirm(here: QueueVisit, asks: list[Ask], value: bool) -> HttpResponse:
    """Record one answer each, and lead to the page that says what came of them."""
    asks = _looked_again(here, asks)
    batch_id = new_id()
    outcomes = [(ask.pk.hex, _answer(here, ask, value, batch_id)) for ask in asks]
    content = {"of": here.canonical, "value": value, "outcomes": outcomes}
    result = signing.dumps(content, salt=SALT, compress=True)
    if not any(outcome == RECORDED for _, outcome in outcomes):
        return _result_page(here, asks, dict(outcomes), value, status=409)
    return SeeOther(f"{reverse('queue_batch')}?{urlencode({'result': result})}")


def _looked_again(here: QueueVisit, asks: list[Ask]) -> list[Ask]:
    """Look at the sources of what is about to be read or answered; return it as it is then."""
    glance = Glance()
    waiting = [ask for ask in asks if ask.shown_status == Ask.Status.OPEN]
    looks = [glance.at(ask.track) for ask in waiting]
    return _ticked(here) if any(looks) else asks


def _answer(here: QueueVisit, ask: Ask, value: bool, batch_id: UUID) -> str:
    nonce = here.request.POST.get(f"nonce_{ask.public_id}", "")
    if not forms.is_nonce(nonce, ask, [here.grant]):
        return CHANGED
    me = _me(here, ask)
    holder = ask.holder_of(me.pk)
    is_repeated = holder is not None and holder.decision and holder.decision.form_nonce == nonce
    obstacle = "" if is_repeated else _obstacle(here, ask)
    if obstacle in (CHANGED, ALONE):
        return obstacle
    try:
        decision = transitions.answer_ask(
            ask_id=ask.pk,
            track_id=ask.track_id,
            evidence=here.evidence(me),
            value=value,
            comment=None,
            display_digest=here.request.POST.get(f"digest_{ask.public_id}", ""),
            form_nonce=nonce,
            batch_id=batch_id,
        )
    except DisplayChanged:
        return CHANGED
    except NotTheApprover:
        return RELIEVED
    except DecidedElsewhere:
        return ALONE
    except AlreadyDecided:
        return DECIDED
    except AskNotOpen as error:
        return DECIDED if error.ask.status == Ask.Status.ANSWERED else CLOSED
    return RECORDED if decision.value == value else DECIDED


def _show_result(here: QueueVisit) -> HttpResponse:
    """Show what came of a batch that was confirmed; without one, go to the queue."""
    text = here.request.GET.get("result", "")
    if not text:
        return SeeOther(reverse("queue"))
    try:
        content = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        raise NotFound() from None
    if content["of"] != here.canonical:
        raise NotFound()
    outcomes = dict(content["outcomes"])
    rows = Ask.objects.filter(pk__in=[UUID(each) for each in outcomes])
    found = {ask.pk.hex: ask for ask in rows.select_related("track__workspace")}
    asks = [found[each] for each in outcomes if each in found]
    return _result_page(here, asks, outcomes, content["value"])


def _result_page(
    here: QueueVisit, asks: list[Ask], outcomes: dict[str, str], value: bool, *, status: int = 200
) -> HttpResponse:
    lines = [_line(here, ask, outcomes[ask.pk.hex], value) for ask in asks]
    context = {
        "address": here.canonical,
        "lines": lines,
        "recorded": sum(line.is_recorded for line in lines),
        "verdict": "approved" if value else "rejected",
    }
    return render(here.request, "pages/batch_result.html", context, status=status)
