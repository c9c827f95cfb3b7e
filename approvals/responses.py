"""What a page answers with: the track as it is now, its locked door, or the way back to it."""

from collections.abc import Mapping

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from approvals import track_page, viewing
from approvals.sources import Freshness, Glance, Look
from approvals.track_page import Entry, Notice, TrackPage, asks_of, page_of
from approvals.visits import Visit, visit
from tracks.models import Track


class SeeOther(HttpResponseRedirect):
    """Sends the browser on with a GET: the result of every form that was accepted."""

    status_code = 303


def to_track(track: Track) -> SeeOther:
    """Return the way to a track's page."""
    return SeeOther(reverse("track", args=[track.slug]))


def show(
    here: Visit,
    *,
    status: int = 200,
    notice: Notice | None = None,
    entry: Entry | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return the page of a track, with what is to be said about the form that was just sent."""
    shown, look = page_of(here, asks_of(here.track)), None
    if here.request.method == "GET":
        here, shown, look = _looked_again(here, shown)
        _record_view(here, shown)
    context = track_page.context(
        shown, notice=notice, entry=entry or Entry(), doubt=_doubt(here, look)
    )
    return render_with(here, track_page.TEMPLATE, context, status=status, headers=headers)


def _looked_again(here: Visit, shown: TrackPage) -> tuple[Visit, TrackPage, Look | None]:
    """Look at the source of a question before whoever may decide reads it here."""
    if shown.me is None or not shown.is_open:
        return here, shown, None
    look = Glance().at(here.track)
    if look is None or look.freshness is Freshness.FRESH:
        return here, shown, look
    here = visit(here.request, here.track.slug)
    return here, page_of(here, asks_of(here.track)), look


def _doubt(here: Visit, look: Look | None) -> str:
    """Say that what is shown could not be compared with the system it comes from."""
    if look is None or look.is_current or here.source is None:
        return ""
    slow = look.freshness is Freshness.SLOW
    trouble = "is slow to answer" if slow else "could not be reached"
    if look.at is None:
        return f"{here.source.name} {trouble}. What you see may have changed there."
    read = track_page.clock_of(here).moment(look.at).short
    return f"{here.source.name} {trouble}. What you see was read at {read}."


def _record_view(here: Visit, shown: TrackPage) -> None:
    """Put on record that a verified browser has seen an open question, the first time it does."""
    if shown.me is None or shown.card is None or not shown.is_open:
        return
    evidence = here.evidence(shown.me)
    if not shown.card.ask.first_views.filter(approver=evidence.approver).exists():
        viewing.record_first_view(ask_id=shown.card.ask.pk, evidence=evidence)


def locked(
    here: Visit,
    *,
    status: int = 200,
    error: str = "",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return the door of a protected track, which names nothing but the workspace."""
    context = {"slug": here.track.slug, "workspace": here.track.workspace.name, "error": error}
    return render_with(here, "pages/locked.html", context, status=status, headers=headers)


def render_with(
    here: Visit,
    template: str,
    context: Mapping[str, object],
    *,
    status: int,
    headers: Mapping[str, str] | None,
) -> HttpResponse:
    """Render a template with a status and headers."""
    response = render(here.request, template, dict(context), status=status)
    for name, value in (headers or {}).items():
        response[name] = value
    return response
