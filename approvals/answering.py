"""Taking an answer: who says it, that it is about what was shown, what it says; then one verb."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from approvals import card, forms, outcome, track_page, transitions
from approvals.card import Card
from approvals.forms import AnswerForm
from approvals.models import Ask, Grant
from approvals.refusal_pages import page
from approvals.refusals import (
    AlreadyDecided,
    AskNotOpen,
    DecidedElsewhere,
    DisplayChanged,
    NotTheApprover,
)
from approvals.responses import show, to_track
from approvals.sources import Glance
from approvals.track_page import Entry, Notice, approver_ids, asks_of
from approvals.visits import NotVerified, Visit, unlocked_visit
from config.errors import DomainError, NotFound
from tracks.addresses import masked
from tracks.ids import parse_public_id

REVIEW_TEMPLATE = "pages/review.html"
_REFUSALS = (NotVerified, NotTheApprover, AskNotOpen, DecidedElsewhere, DisplayChanged)


class ProofTooOld(NotVerified):
    """A request of high risk wants a mailbox that was proven minutes ago."""


@page("POST")
def answer(request: HttpRequest, slug: str, ask_id: str) -> HttpResponse:
    """Record what an approver says; a request of high risk is repeated and confirmed first."""
    here = unlocked_visit(request, slug)
    ask = ask_at(here, ask_id)
    try:
        grant = _proof(here, ask)
        here, ask = _looked_again(here, ask)
        _check_form(here, ask)
        form = forms.answer_form(ask, request.POST)
        if not form.is_valid() or "back" in request.POST:
            return _again(here, form)
        if _wants_review(ask, request.POST):
            return _review(here, ask, grant, form)
        _record(here, ask, grant, form)
    except _REFUSALS as error:
        return _not_recorded(here, ask, error)
    return to_track(here.track)


def ask_at(here: Visit, ask_id: str) -> Ask:
    """Return an ask of the track that is visited."""
    pk = parse_public_id("ask", ask_id)
    asks = asks_of(here.track, pk=pk) if pk else []
    if not asks:
        raise NotFound()
    return asks[0]


def _proof(here: Visit, ask: Ask) -> Grant:
    """Return what lets this browser answer."""
    if here.source is not None and here.source.decides_there:
        raise DecidedElsewhere()
    grant = here.viewer.grant_for(approver_ids(ask))
    if grant is None:
        raise NotTheApprover() if here.viewer.verified else NotVerified()
    if ask.risk == Ask.Risk.HIGH and not here.viewer.is_fresh(grant):
        raise ProofTooOld()
    return grant


def _looked_again(here: Visit, ask: Ask) -> tuple[Visit, Ask]:
    """Look at the source of a question before an answer to it counts; return both as they are.

    An answer is taken even if the source is slow: whoever writes it back looks again.
    """
    if ask.shown_status != Ask.Status.OPEN or Glance().at(here.track) is None:
        return here, ask
    here = unlocked_visit(here.request, here.track.slug)
    return here, ask_at(here, ask.public_id)


def _check_form(here: Visit, ask: Ask) -> None:
    """Refuse a form that we did not make for this browser, or that shows something else (AI-09)."""
    sent = here.request.POST
    nonce = sent.get("form_nonce", "")
    grants = [each for each in here.viewer.verified if each.approver_id in approver_ids(ask)]
    is_ours = forms.is_nonce(nonce, ask, grants)
    if not is_ours or sent.get("display_digest") != ask.display_digest:
        raise DisplayChanged()
    if ask.shown_status == Ask.Status.OPEN:
        if not card.of(ask, clock=track_page.clock_of(here)).can_be_shown:
            raise DisplayChanged()
    elif not any(decision.form_nonce == nonce for decision in ask.said):
        transitions.record_timeout(track_id=here.track.pk)
        raise AskNotOpen(ask)


def _wants_review(ask: Ask, sent: QueryDict) -> bool:
    """Tell whether an answer is repeated before it counts: at high risk, and after Enter."""
    return not sent.get("confirmed") and (ask.risk == Ask.Risk.HIGH or "review" in sent)


def _record(here: Visit, ask: Ask, grant: Grant, form: AnswerForm) -> None:
    decision = transitions.answer_ask(
        ask_id=ask.pk,
        track_id=here.track.pk,
        evidence=here.evidence(grant),
        value=form.cleaned_data["value"],
        comment=form.cleaned_data["comment"],
        display_digest=here.request.POST["display_digest"],
        form_nonce=here.request.POST["form_nonce"],
    )
    if decision.value != form.cleaned_data["value"]:
        raise AlreadyDecided(ask)  # the same form, gone back to and answered otherwise


def _again(here: Visit, form: AnswerForm) -> HttpResponse:
    """Return the form with what was typed, and what is wrong with it if anything is."""
    errors = {name: str(found[0]) for name, found in form.errors.items()}
    entry = Entry(form.data.get("value", ""), form.data.get("comment", ""), errors)
    if not errors:
        return show(here, entry=entry)
    field = next(iter(errors))
    notice = Notice("There is a problem", tone="wrong", detail=errors[field], field=field)
    return show(here, status=422, notice=notice, entry=entry)


def _review(here: Visit, ask: Ask, grant: Grant, form: AnswerForm) -> HttpResponse:
    """Return the second step: what will be written down, to be confirmed or changed."""
    context = review_context(
        card.of(ask, clock=track_page.clock_of(here)),
        me=grant,
        value=form.cleaned_data["value"],
        sent=here.request.POST["value"],
        comment=form.cleaned_data["comment"] or "",
        form_nonce=here.request.POST["form_nonce"],
    )
    return render(here.request, REVIEW_TEMPLATE, context)


def review_context(
    shown: Card, *, me: Grant, value: bool | str, sent: str, comment: str, form_nonce: str
) -> dict[str, Any]:
    """Return what the template of the second step shows."""
    track = shown.ask.track
    return {
        "card": shown,
        "track": track,
        "workspace": track.workspace.name,
        "heading": outcome.to_be_recorded(shown.ask, value),
        "choice": shown.choice_of(value),
        "value": sent,
        "comment": comment,
        "me": me,
        "form_nonce": form_nonce,
    }


def _not_recorded(here: Visit, ask: Ask, error: DomainError) -> HttpResponse:
    """Return the page as it is now, saying that and why nothing was recorded."""
    sent = here.request.POST
    entry = Entry(sent.get("value", ""), sent.get("comment", ""))
    return show(here, status=error.status, notice=_why(here, ask, error), entry=entry)


def _why(here: Visit, ask: Ask, error: DomainError) -> Notice:
    if isinstance(error, ProofTooOld):
        why = "A high-risk request wants your mailbox proven within the last 15 minutes."
        return Notice("Nothing was recorded yet: show again that it’s you.", "wrong", why, "code")
    if isinstance(error, NotTheApprover):
        asked = ", ".join(masked(each.address) for each in ask.asked)
        why = "Nothing was recorded: this browser has proven another mailbox."
        return Notice(f"This request is for {asked}", "wrong", why, "code")
    if isinstance(error, NotVerified):
        return Notice("Nothing was recorded: first show that it’s you.", "wrong", "", "code")
    if isinstance(error, DecidedElsewhere) and here.source is not None:
        why = f"This is decided in {here.source.name}, not here."
        return Notice("Nothing was recorded.", "wrong", why)
    if isinstance(error, DisplayChanged):
        why = "Read the question as it stands here, then answer it."
        return Notice("Nothing was recorded: that page was out of date.", "wrong", why)
    if isinstance(error, AlreadyDecided):
        return Notice("Your answer was not recorded.", "wrong", _decided_by(here, ask))
    return Notice("Your answer was not recorded.", "wrong", "It came after this was settled.")


def _decided_by(here: Visit, ask: Ask) -> str:
    """Say who has already spoken at the seat from which somebody wanted to answer."""
    ask = ask_at(here, ask.public_id)
    grant = here.viewer.grant_for(approver_ids(ask))
    holder = ask.holder_of(grant.approver.pk) if grant and grant.approver else None
    if grant is None or holder is None or holder.decision is None:
        return "It came after this was settled."
    if holder.decision.approver == grant.approver:
        return "You have answered already."
    return f"{holder.decision.approver.address} has answered in this place already."
