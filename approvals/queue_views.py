"""The approver's own page: signing in to it and out again, and everything that waits."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from approvals import queue_sign_in
from approvals.display_time import Clock, zone_named
from approvals.grants import Client, set_viewer_cookie, viewer_token
from approvals.models import QueueMail
from approvals.pending import Pending
from approvals.queue_visit import QueueVisit, browser_mark, queue_visit
from approvals.refusal_pages import page, wait_words
from approvals.responses import SeeOther
from approvals.track_page import Notice
from approvals.verification import LinkExpired, OtherBrowser, WrongCodeTyped
from approvals.waiting_list import Filters, last_decided, waiting_list
from config.errors import DomainError, Invalid, RateLimited
from tracks.addresses import NotAnAddress, canonical_address, masked
from tracks.clock import database_now

SIGN_IN_FIRST = Notice("First show that it’s you.", "wrong", "Nothing was done.", "email")
NO_ADDRESS = "This is not an e-mail address, such as name@example.com."


@page("GET")
def queue(request: HttpRequest) -> HttpResponse:
    """Show everything that waits for whoever is signed in, else the way in."""
    here = queue_visit(request)
    return show_sign_in(request) if here is None else show_queue(here)


def show_queue(
    here: QueueVisit, *, status: int = 200, notice: Notice | None = None
) -> HttpResponse:
    """Return the queue, with what is to be said about the form that was just sent."""
    try:
        filters = Filters.of(here.request.GET)
    except Invalid as error:
        filters, status = Filters(), error.status
        notice = Notice("There is a problem", "wrong", error.detail)
    waiting = waiting_list(here.canonical, filters, now=here.now)
    context = {
        "address": here.canonical,
        "waiting": waiting,
        "filters": filters,
        "notice": notice,
        "last": None if waiting.total else last_decided(here.canonical, now=here.now),
    }
    return render(here.request, "pages/queue.html", context, status=status)


def show_sign_in(
    request: HttpRequest,
    *,
    status: int = 200,
    notice: Notice | None = None,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HttpResponse:
    """Return the way in: an address to type or, once a mail was asked for, its code."""
    mail = _mailed(request)
    if mail is not None and "address" not in context:
        clock = Clock(database_now(), zone_named("UTC"))
        context |= {"address": mail.canonical, "until": clock.moment(mail.expires_at)}
    context |= {"notice": notice}
    response = render(request, "pages/queue_sign_in.html", context, status=status)
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def _mailed(request: HttpRequest) -> QueueMail | None:
    """Return the mail this browser asked for and can still use, if there is one."""
    pending = Pending.of(request)
    mails = QueueMail.objects.filter(
        pk__in=[UUID(each) for each, _ in pending.nonces if _is_hex(each)],
        consumed_at=None,
        voided_at=None,
        expires_at__gt=database_now(),
    )
    ours = (
        each
        for each in mails.order_by("-created_at")
        if queue_sign_in.is_same_browser(each, pending.nonce_of(each.pk))
    )
    return next(ours, None)


def _is_hex(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


@page("POST")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Mail a link and a code to an address; what is answered does not tell whether it is known."""
    address = request.POST.get("email", "").strip()
    if not _is_address(address):
        return _refused(request, address, NO_ADDRESS, field="email")
    try:
        mail, nonce = queue_sign_in.start(
            address=address, client=Client.of(request), browser=browser_mark(request)
        )
    except RateLimited as error:
        notice = Notice(
            f"You can ask for another mail in {wait_words(error)}.",
            detail="A code that came earlier works here.",
            field="code",
        )
        return show_sign_in(
            request,
            status=429,
            notice=notice,
            headers=error.headers,
            address=canonical_address(address),
        )
    response = SeeOther(reverse("queue"))
    Pending.of(request).with_nonce(mail.pk, nonce).set_on(response)
    return response


def _is_address(text: str) -> bool:
    try:
        canonical_address(text)
    except NotAnAddress:
        return False
    return True


def _refused(
    request: HttpRequest,
    address: str,
    words: str,
    *,
    field: str,
    status: int = 422,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    notice = Notice("There is a problem", "wrong", words, field)
    known = {"address": canonical_address(address)} if _is_address(address) else {"typed": address}
    return show_sign_in(
        request, status=status, notice=notice, headers=headers, errors={field: words}, **known
    )


@page("POST")
def code(request: HttpRequest) -> HttpResponse:
    """Sign a browser in by a code from the mail."""
    mail = _mailed(request)
    address = request.POST.get("email", "").strip() or (mail.canonical if mail else "")
    text = request.POST.get("code", "")
    if not _is_address(address):
        return _refused(request, address, NO_ADDRESS, field="email")
    if not text.strip():
        return _refused(request, address, "Type the code from the mail.", field="code")
    try:
        viewer = queue_sign_in.enter_code(
            address=address,
            text=text,
            browser=browser_mark(request),
            viewer=viewer_token(request),
            client=Client.of(request),
        )
    except (WrongCodeTyped, LinkExpired, RateLimited) as error:
        return _code_refused(request, address, error)
    return _signed_in(viewer)


def _code_refused(request: HttpRequest, address: str, error: DomainError) -> HttpResponse:
    words = {
        410: "This code has expired or was used. Ask for a new mail.",
        422: error.detail,
        429: f"Too many wrong codes. Codes work again in {wait_words(error)}; "
        "a sign-in link works now.",
    }[error.status]
    return _refused(
        request, address, words, field="code", status=error.status, headers=error.headers
    )


def _signed_in(viewer: str) -> HttpResponse:
    response = SeeOther(reverse("queue"))
    set_viewer_cookie(response, viewer)
    return response


@page("POST")
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign this browser out; harmless where nobody is signed in."""
    token = viewer_token(request)
    if token:
        queue_sign_in.sign_out(viewer=token)
    return SeeOther(reverse("queue"))


def landing(
    request: HttpRequest, mail: QueueMail, *, is_ours: bool, status: int = 200
) -> HttpResponse:
    """Show a button where the link was asked for, and in any other browser what to do instead."""
    context = {"address": masked(mail.canonical), "is_ours": is_ours}
    return render(request, "pages/queue_link.html", context, status=status)


def follow(request: HttpRequest, mail: QueueMail, token: str) -> HttpResponse:
    """Sign in the browser that asked for a link."""
    pending = Pending.of(request)
    try:
        viewer = queue_sign_in.follow_link(
            token=token,
            nonce=pending.nonce_of(mail.pk),
            viewer=viewer_token(request),
            client=Client.of(request),
        )
    except OtherBrowser:
        return landing(request, mail, is_ours=False, status=403)
    response = _signed_in(viewer)
    pending.with_token("").set_on(response)
    return response
