"""Where the links lead that stop reminders and digests: a page with one button (RFC 8058).

A GET changes nothing, because mail scanners follow links.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from approvals import stopping
from approvals.grants import Client
from approvals.models import Approver, Holder
from approvals.refusal_pages import page
from approvals.responses import SeeOther
from approvals.stop_links import StopLink, stop_link_of
from approvals.stopping import Way
from approvals.visits import count_miss
from config.errors import NotFound
from tracks.addresses import masked
from tracks.rows import one_or_none


@csrf_exempt
@page("GET", "POST")
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link stops, and stop it by a POST.

    A mail program that posts by itself has neither our cookie nor our form: for it, the signature
    in the address is the proof that its user had the mail. It is not sent on elsewhere.
    """
    if request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click":
        link = _link(request, token)
        _stop(link, Way.ONE_CLICK)
        return _show(request, link, token)
    return _by_hand(request, token)


@csrf_protect
def _by_hand(request: HttpRequest, token: str) -> HttpResponse:
    link = _link(request, token)
    if request.method != "POST":
        return _show(request, link, token)
    if "again" in request.POST and link.ask_id is None:
        stopping.resume_digests(approver_id=link.approver_id)
    else:
        _stop(link, Way.PAGE)
    return SeeOther(reverse("stop", args=[token]))


def _link(request: HttpRequest, token: str) -> StopLink:
    """Return what a link stops. One that we did not sign is an address that is none."""
    link = stop_link_of(token)
    if link is None:
        count_miss(Client.of(request).ip)
        raise NotFound()
    return link


def _stop(link: StopLink, way: Way) -> None:
    if link.ask_id is None:
        stopping.stop_digests(approver_id=link.approver_id, way=way)
    else:
        place = stopping.place_at(ask_id=link.ask_id, approver_id=link.approver_id)
        stopping.stop_reminders(place=place, way=way)


def _show(request: HttpRequest, link: StopLink, token: str) -> HttpResponse:
    if link.ask_id is None:
        template, context = "pages/stop_digests.html", _of_digests(link)
    else:
        place = stopping.place_at(ask_id=link.ask_id, approver_id=link.approver_id)
        template, context = "pages/stop_reminders.html", _of_reminders(place)
    return render(request, template, {"token": token, **context})


def _of_digests(link: StopLink) -> dict[str, Any]:
    approvers = Approver.objects.select_related("workspace")
    approver = one_or_none(approvers.filter(pk=link.approver_id))
    if approver is None:
        raise NotFound()
    return {
        "workspace": approver.workspace.name,
        "address": masked(approver.address),
        "is_stopped": approver.digests_stopped_at is not None,
    }


def _of_reminders(place: Holder) -> dict[str, Any]:
    """Return what may be said to whoever has the link: not what is asked, nor where its page is."""
    return {
        "workspace": place.ask.track.workspace.name,
        "address": masked(place.approver.address),
        "reference": place.ask.reference,
        "is_over": not stopping.can_be_reminded(place),
        "is_stopped": place.reminders_stopped_at is not None,
    }
