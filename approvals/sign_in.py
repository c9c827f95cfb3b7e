"""Showing whose browser this is: asking for a mail, typing its code, following its link."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from approvals import forms, queue_sign_in, queue_views, verification
from approvals.grants import Client, set_viewer_cookie, viewer_token
from approvals.models import Challenge
from approvals.pending import Pending
from approvals.queue_sign_in import mail_of_token
from approvals.refusal_pages import page, wait_words
from approvals.responses import SeeOther, show, to_track
from approvals.track_page import Entry, Notice, addresses_to_prove, asks_of
from approvals.verification import LinkExpired, OtherBrowser, WrongCodeTyped
from approvals.visits import Visit, unlocked_visit
from config.errors import DomainError, RateLimited
from tracks.addresses import masked


@page("POST")
def verify(request: HttpRequest, slug: str) -> HttpResponse:
    """Mail a link and a code to the address that is asked."""
    here = unlocked_visit(request, slug)
    addresses = addresses_to_prove(here.track, asks_of(here.track))
    if not addresses:
        return to_track(here.track)  # the same answer in every state of a track (ML-13)
    address = forms.chosen_address(here.track, addresses, request.POST.get("approver", ""))
    if address is None:
        return _unchosen(here)
    try:
        challenge, nonce = verification.start(
            track_id=here.track.pk, address=address, client=here.client, browser=here.browser
        )
    except RateLimited as error:
        return _mailed_enough(here, address, error)
    response = to_track(here.track)
    Pending.of(request).with_nonce(challenge.pk, nonce).set_on(response)
    return response


def _unchosen(here: Visit) -> HttpResponse:
    words = "Choose your mailbox."
    notice = Notice("There is a problem", tone="wrong", detail=words, field="approver")
    return show(here, status=422, notice=notice, entry=Entry(errors={"approver": words}))


def _mailed_enough(here: Visit, address: str, error: RateLimited) -> HttpResponse:
    # The words of a mail that was sent: a stranger learns nothing from the limit (ML-14).
    notice = Notice(
        f"We mailed a link and a code to {masked(address)}.",
        detail=f"You can ask for another mail in {wait_words(error)}.",
        field="code",
    )
    return show(here, status=429, notice=notice, headers=error.headers)


@page("POST")
def code(request: HttpRequest, slug: str) -> HttpResponse:
    """Verify a browser by a code from the mail."""
    here = unlocked_visit(request, slug)
    text = request.POST.get("code", "")
    if not text.strip():
        return _code_refused(here, WrongCodeTyped("Type the code from the mail."))
    addresses = addresses_to_prove(here.track, asks_of(here.track))
    address = forms.chosen_address(here.track, addresses, request.POST.get("approver", ""))
    if address is None:
        return _unchosen(here)
    try:
        viewer = verification.enter_code(
            track_id=here.track.pk,
            address=address,
            text=text,
            browser=here.browser,
            viewer=here.token,
            client=here.client,
        )
    except (WrongCodeTyped, LinkExpired, RateLimited) as error:
        return _code_refused(here, error)
    response = to_track(here.track)
    set_viewer_cookie(response, viewer)
    return response


def _code_refused(here: Visit, error: DomainError) -> HttpResponse:
    words = {
        410: "This code has expired or was used. Ask for a new mail.",
        422: error.detail,
        429: f"Too many wrong codes. Codes work again in {wait_words(error)}; "
        "a sign-in link works now.",
    }[error.status]
    notice = Notice("There is a problem", tone="wrong", detail=words, field="code")
    entry = Entry(errors={"code": words})
    return show(here, status=error.status, notice=notice, entry=entry, headers=error.headers)


@page("GET", "POST")
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token of a mailed link out of the address bar; only a POST follows the link."""
    if request.method == "POST":
        return _follow(request, token)
    if mail_of_token(token) is None:
        _challenge(token)
    response = SeeOther(reverse("pending_link"))
    Pending.of(request).with_token(token).set_on(response)
    return response


@page("GET", "POST")
def pending_link(request: HttpRequest) -> HttpResponse:
    """Show a button where the link was asked for, and in any other browser what to do instead."""
    pending = Pending.of(request)
    if request.method == "POST":
        return _follow(request, pending.token)
    mail = mail_of_token(pending.token)
    if mail is not None:
        is_ours = queue_sign_in.is_same_browser(mail, pending.nonce_of(mail.pk))
        return queue_views.landing(request, mail, is_ours=is_ours)
    challenge = _challenge(pending.token)
    is_ours = verification.is_same_browser(challenge, pending.nonce_of(challenge.pk))
    return _landing(request, challenge, is_ours=is_ours)


def _challenge(token: str) -> Challenge:
    challenge = verification.challenge_of_token(token)
    if challenge is None:
        raise LinkExpired()
    return challenge


def _landing(
    request: HttpRequest, challenge: Challenge, *, is_ours: bool, status: int = 200
) -> HttpResponse:
    context = {
        "slug": challenge.track.slug,
        "workspace": challenge.track.workspace.name,
        "address": masked(challenge.approver.address),
        "is_ours": is_ours,
    }
    return render(request, "pages/link.html", context, status=status)


def _follow(request: HttpRequest, token: str) -> HttpResponse:
    mail = mail_of_token(token)
    if mail is not None:
        return queue_views.follow(request, mail, token)
    pending = Pending.of(request)
    challenge = _challenge(token)
    try:
        found, viewer = verification.follow_link(
            token=token,
            nonce=pending.nonce_of(challenge.pk),
            viewer=viewer_token(request),
            client=Client.of(request),
        )
    except OtherBrowser:
        return _landing(request, challenge, is_ours=False, status=403)
    response = to_track(found)
    pending.with_token("").set_on(response)
    set_viewer_cookie(response, viewer)
    return response
