"""Pages that try a connection out. Looking at the page does nothing; its button asks the system."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from config.errors import DomainError
from mirroring.dry_run import dry_run, outlook_json
from mirroring.models import Connection
from mirroring.staff.status import clock_words, is_polled
from mirroring.trying import Tested, test
from tracks.staff.columns import pretty
from tracks.textpolicy import escaped

OPERATE = "mirroring.operate_connection"
Trial = Callable[[Connection, QueryDict], dict[str, Any]]


def trial(*, label: str, template: str, run: Trial, icon: str) -> Any:
    """Return a method of a StaffAdmin for `actions_detail`, which shows what `run` has found."""

    def page(pages: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm(OPERATE):
            raise PermissionDenied
        row = pages.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        context = {
            **pages.admin_site.each_context(request),
            "opts": pages.opts,
            "media": pages.media,
            "original": row,
            "title": label,
            "back": reverse("admin:mirroring_connection_change", args=(row.pk,)),
        }
        status = 200
        if request.method == "POST":
            try:
                context |= {"is_done": True, **run(row, request.POST)}
            except DomainError as refusal:
                context["refusal"], status = refusal, refusal.status
        return TemplateResponse(request, template, context, status=status)

    method = action(page, description=label, icon=icon)
    method.needs, method.fits = OPERATE, is_polled
    return method


def run_test(connection: Connection, _: QueryDict) -> dict[str, Any]:
    """Return what a test found."""
    return shown_of(test(connection))


def shown_of(found: Tested) -> dict[str, Any]:
    """Return what a page shows of a test."""
    clock = clock_words(found.health.clock_skew)
    return {"found": found, "health": found.health, "clock": clock}


def run_dry(connection: Connection, said: QueryDict) -> dict[str, Any]:
    """Return what a poll would do, with what was made of each approval beside what it was."""
    found = dry_run(connection, from_start=said.get("from_start") == "on")
    rows = [
        {
            "outlook": each,
            "title": escaped(each.item.title),
            "mapped": pretty(said_of_it["mapped"]),
            "raw": pretty(said_of_it["raw"]),
        }
        for each in found.outlooks
        for said_of_it in [outlook_json(each)]
    ]
    return {"found": found, "rows": rows, "counts": [*filter(_is_some, found.counts.items())]}


def _is_some(count: tuple[str, int]) -> bool:
    return count[1] > 0
