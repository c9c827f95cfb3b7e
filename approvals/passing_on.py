"""Sending a request on to a colleague, and saying that it is not for oneself."""

from django.http import HttpRequest, HttpResponse

from approvals import handing_over
from approvals.answering import ask_at
from approvals.forms import PassOnForm, ReasonForm
from approvals.models import Approver, Ask
from approvals.refusal_pages import page
from approvals.refusals import AskNotOpen, DecidedElsewhere, NotTheApprover, PassedOnAlready
from approvals.responses import show, to_track
from approvals.track_page import Entry, Notice, approver_ids
from approvals.visits import NotVerified, Visit, unlocked_visit
from config.errors import DomainError, Invalid
from tracks.addresses import masked

_REFUSALS = (NotVerified, NotTheApprover, AskNotOpen, DecidedElsewhere, PassedOnAlready)


@page("POST")
def hand_over(request: HttpRequest, slug: str, ask_id: str) -> HttpResponse:
    """Let a colleague decide, too."""
    here = unlocked_visit(request, slug)
    ask = ask_at(here, ask_id)
    try:
        giver = _who(here, ask)
        form = PassOnForm(request.POST)
        if not form.is_valid():
            return _again(here, form.first_errors)
        handing_over.hand_over(ask_id=ask.pk, track_id=here.track.pk, giver=giver, **form.given)
    except Invalid as error:
        return _again(here, {e["field"]: e["detail"] for e in error.errors or []})
    except _REFUSALS as error:
        return _refused(here, ask, error)
    return to_track(here.track)


@page("POST")
def not_me(request: HttpRequest, slug: str, ask_id: str) -> HttpResponse:
    """Tell the asking side that this is not for the one who was asked."""
    here = unlocked_visit(request, slug)
    ask = ask_at(here, ask_id)
    try:
        approver = _who(here, ask)
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return _again(here, {"not_me": form.first_errors["reason"]})
        handing_over.decline(ask_id=ask.pk, track_id=here.track.pk, approver=approver, **form.given)
    except _REFUSALS as error:
        return _refused(here, ask, error)
    return to_track(here.track)


def _who(here: Visit, ask: Ask) -> Approver:
    """Return whose browser this is, among those who are asked."""
    grant = here.viewer.grant_for(approver_ids(ask))
    if grant is None or grant.approver is None:
        raise NotTheApprover() if here.viewer.verified else NotVerified()
    return grant.approver


def _again(here: Visit, errors: dict[str, str]) -> HttpResponse:
    """Return the page with what was typed, and what is wrong with it beside its field."""
    sent = here.request.POST
    entry = Entry(to=sent.get("to", ""), reason=sent.get("reason", ""), errors=errors)
    field, words = next(iter(errors.items()))
    notice = Notice("There is a problem", tone="wrong", detail=words, field=field)
    return show(here, status=422, notice=notice, entry=entry)


def _refused(here: Visit, ask: Ask, error: DomainError) -> HttpResponse:
    return show(here, status=error.status, notice=_why(here, ask, error))


def _why(here: Visit, ask: Ask, error: DomainError) -> Notice:
    if isinstance(error, PassedOnAlready):
        return Notice("This was passed on already.", "wrong", "It can be passed on once.")
    if isinstance(error, DecidedElsewhere) and here.source is not None:
        return Notice("Nothing was done.", "wrong", f"This is decided in {here.source.name}.")
    if isinstance(error, NotTheApprover):
        asked = ", ".join(masked(each.address) for each in ask.asked)
        why = "Nothing was done: this browser has proven another mailbox."
        return Notice(f"This request is for {asked}", "wrong", why, "code")
    if isinstance(error, NotVerified):
        return Notice("Nothing was done: first show that it’s you.", "wrong", "", "code")
    return Notice("Nothing was done.", "wrong", "It came after this was settled.")
