"""The log, to be read, filtered and taken away as a file. Nothing of it can be changed."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from unfold.widgets import UnfoldAdminSelectWidget

from tracks.clock import database_now
from tracks.entries import note_for_each
from tracks.event_types import EVENT_TYPES
from tracks.export import FORMATS, exported
from tracks.models import Entry, Event, Track
from tracks.staff.base import ReadOnlyAdmin
from tracks.staff.columns import pretty
from tracks.staff.filters import (
    ACTORS,
    ActorFilter,
    DaysOfKeysFilter,
    TrackFilter,
    ValueInReach,
    one_of,
)
from tracks.staff.forms import ReasonForm
from tracks.staff.paging import SORTED, WorkspacePaginator
from tracks.staff.reach import actor_of, few_workspaces_of, within, workspaces_of

EXPORT = "tracks.export_event"


class ExportForm(ReasonForm):
    format = forms.ChoiceField(
        choices=[("csv", "CSV, for a spreadsheet"), ("jsonl", "JSON, one event a line")],
        widget=UnfoldAdminSelectWidget(),
    )


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    paginator = WorkspacePaginator
    list_display = ("at", "type", "track", "seq", "actor_type", "actor_name")
    list_select_related = ("track",)
    list_filter = (
        one_of("type", EVENT_TYPES, title="type"),
        one_of("actor_type", ACTORS, title="kind of actor"),
        ActorFilter,
        TrackFilter,
        ("at", DaysOfKeysFilter),
        "workspace",
    )
    list_filter_submit = True
    list_before_template = "admin/export_link.html"
    # What is searched is said in get_search_results(); Django wants a name to show the field.
    search_fields = ("pk",)
    search_help_text = (
        "The events of the tracks that a reference (39D9-90E2), an id (ask_… or trk_…), the "
        "address of a page, a whole e-mail address or an external id leads to."
    )
    fields = (
        "public_id",
        "track",
        "seq",
        "type",
        "actor_type",
        "actor_name",
        "at",
        "said",
        "data_commitment",
        "prev_hash",
        "hash",
    )
    readonly_fields = ("public_id", "said")

    @admin.display(description="Data")
    def said(self, event: Event) -> str:
        """Return what the event says, or that it was erased."""
        if event.data is None:
            return "erased"
        return pretty(event.data)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the events in reach, by workspaces of whose numbers the database knows."""
        events, few = super().get_queryset(request), few_workspaces_of(request.user)
        return events if few is None else events.filter(workspace__in=few)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Find the tracks that a term names, by indexes of theirs, and then their events."""
        if not search_term.strip():
            return queryset, False
        find = import_string(settings.TRACK_SEARCH)
        reach = within(Track.objects.order_by(), request.user, "workspace")
        tracks = find(reach, search_term, workspaces=workspaces_of(request.user))
        found = list(tracks.values_list("pk", flat=True))
        return queryset.filter(track__in=found).order_by(SORTED), False

    def get_paginator(self, request: HttpRequest, queryset: Any, *args: Any, **options: Any) -> Any:
        """Tell the list which workspaces its reader looks into; what a search finds is sorted."""
        pages = super().get_paginator(request, queryset, *args, **options)
        if not request.GET.get(SEARCH_VAR):
            pages.workspaces = few_workspaces_of(request.user)
        return pages

    def get_urls(self) -> list[URLPattern]:
        """Add the page that makes a file of what the filters leave."""
        view = self.admin_site.admin_view(self.export)
        urls: list[URLPattern] = super().get_urls()
        return [path("export/", view, name="tracks_event_export"), *urls]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Ask why and in which format; then send the file, and put on record who took it."""
        if not request.user.has_perm(EXPORT) or not self.has_view_permission(request):
            raise PermissionDenied
        try:
            events = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:tracks_event_changelist"))
        form = ExportForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._put_on_record(request, **form.cleaned_data)
            return _file(events, format=form.cleaned_data["format"])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Export events",
            "form": form,
            "filters": sorted(_filters(request).items()),
            "back": f"{reverse('admin:tracks_event_changelist')}?{request.GET.urlencode()}",
        }
        return TemplateResponse(request, "admin/export.html", context)

    def _put_on_record(self, request: HttpRequest, *, format: str, reason: str) -> None:
        workspaces = workspaces_of(request.user)
        if chosen := request.GET.getlist("workspace__id__exact"):
            workspaces = workspaces.filter(pk__in=chosen)
        note_for_each(
            workspaces,
            "events.exported",
            subject="events",
            actor=actor_of(request.user),
            at=database_now(),
            format=format,
            filters=_filters(request),
            reason=reason,
        )


def _filters(request: HttpRequest) -> dict[str, str]:
    """Return what a list was filtered by, each filter with all its values."""
    return {name: ", ".join(values) for name, values in request.GET.lists()}


def _file(events: Any, *, format: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(exported(events, format=format), content_type=FORMATS[format])
    name = f"events-{database_now():%Y-%m-%d}.{format}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "type", "subject", "actor_type", "actor_name", "workspace")
    list_select_related = ("workspace",)
    list_filter = (ValueInReach, ActorFilter, ("at", DaysOfKeysFilter), "workspace")
    list_filter_submit = True
    search_fields = ("=subject", "=actor_name")
    fields = ("at", "type", "subject", "workspace", "actor_type", "actor_name", "said")
    readonly_fields = ("said",)

    @admin.display(description="Data")
    def said(self, entry: Entry) -> str:
        """Return what the entry says."""
        return pretty(entry.data)
