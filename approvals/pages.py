"""Every page that outside people see. What signs in and what answers have modules of their own."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from approvals import receipt_page, receipts, track_page
from approvals import unlock as unlocking
from approvals.answering import answer
from approvals.grants import set_viewer_cookie
from approvals.refusal_pages import (
    bad_request,
    forbidden,
    forged,
    not_found,
    page,
    server_error,
    too_large,
    wait_words,
)
from approvals.responses import locked, show, to_track
from approvals.sign_in import code, link, pending_link, verify
from approvals.track_page import Notice
from approvals.unlock import WrongPassword
from approvals.visits import NotVerified, Visit, unlocked_visit, visit
from approvals.write_back import Standing, news_of, standing_of
from config.errors import NotFound, RateLimited
from tracks.ids import parse_public_id

__all__ = [
    "answer",
    "bad_request",
    "code",
    "forbidden",
    "forged",
    "link",
    "not_found",
    "pending_link",
    "receipt",
    "receipt_json",
    "receipt_keys",
    "server_error",
    "too_large",
    "track",
    "unlock",
    "verify",
]


@page("GET")
def track(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a track and what is asked on it; a protected one shows its door."""
    here = visit(request, slug)
    return show(here) if here.viewer.is_unlocked else locked(here)


@page("POST")
def unlock(request: HttpRequest, slug: str) -> HttpResponse:
    """Open a protected track with its password."""
    here = visit(request, slug)
    if here.viewer.is_unlocked:
        return to_track(here.track)
    password = request.POST.get("password", "")
    if not password:
        return locked(here, error="Type the password.", status=422)
    try:
        token = unlocking.unlock(
            track=here.track, password=password, viewer=here.token, client=here.client
        )
    except WrongPassword:
        return locked(here, error="This is not the password.", status=422)
    except RateLimited as error:
        words = f"Too many wrong passwords. Try again in {wait_words(error)}."
        return locked(here, error=words, status=429, headers=error.headers)
    response = to_track(here.track)
    set_viewer_cookie(response, token)
    return response


@page("GET")
def receipt(request: HttpRequest, slug: str, ask_id: str) -> HttpResponse:
    """Show the receipt of an answer, made to be printed."""
    here = unlocked_visit(request, slug)
    try:
        signed = _receipt(here, ask_id)
    except NotVerified:
        return _receipt_refused(here)
    context = receipt_page.context(signed, clock=track_page.clock_of(here))
    context |= {"slug": slug, "workspace": here.track.workspace.name}
    context |= {"standing": _standing(here, signed["receipt"]["ask_id"])}
    return render(request, "pages/receipt.html", context)


@page("GET")
def receipt_json(request: HttpRequest, slug: str, ask_id: str) -> HttpResponse:
    """Return the receipt as it is signed."""
    here = unlocked_visit(request, slug)
    try:
        return JsonResponse(_receipt(here, ask_id), json_dumps_params={"ensure_ascii": False})
    except NotVerified:
        return _receipt_refused(here)


def _standing(here: Visit, ask_id: str) -> Standing | None:
    """Return how the answer stands in the system it comes from, which is not ours to sign."""
    if here.source is None:
        return None
    clock, news = track_page.clock_of(here), news_of(here.track)
    return standing_of(ask_id, here.source, news, clock=clock, is_verified=True)


def _receipt(here: Visit, ask_id: str) -> dict[str, Any]:
    """Return the signed receipt for a browser that is verified for this very ask."""
    pk = parse_public_id("ask", ask_id)
    asks = here.track.asks.prefetch_related("seats")
    ask = asks.filter(pk=pk).first() if pk else None
    if ask is None:
        raise NotFound()
    if here.viewer.grant_for(track_page.approver_ids(ask)) is None:
        raise NotVerified()
    return receipts.of_ask(ask.pk, track=here.track)


def _receipt_refused(here: Visit) -> HttpResponse:
    notice = Notice("The receipt is for whoever was asked: first show that it’s you.", "wrong")
    return show(here, status=403, notice=notice)


@page("GET")
def receipt_keys(request: HttpRequest) -> HttpResponse:
    """Publish the keys with which anyone can verify a receipt."""
    return JsonResponse({"keys": receipts.public_keys()})
