"""The admin pages of every layer: they show the rows within somebody's reach, and no others."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.views.main import ERROR_FLAG
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin, TabularInline

from tracks.staff.actions import fits_of, is_allowed
from tracks.staff.lists import OfferedList
from tracks.staff.paging import CappedPaginator
from tracks.staff.reach import is_superuser, within

NO_FILTER = "What you filtered by cannot be found by. The list shows everything."


class Scoped:
    """Offers, in a form's choices, what its reader could look at anyway."""

    admin_site: admin.AdminSite

    def get_field_queryset(self, db: Any, field: Any, request: HttpRequest) -> Any:
        """Return the rows that a field of a form may point to."""
        return reachable(field.remote_field.model, request, self.admin_site)


class StaffAdmin(Scoped, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Rows of workspaces. `workspace_path` leads from a row to its workspace, as the ORM has it.

    `linked_by`: the conditions on columns, beside those of the filters, that links of ours say.
    """

    workspace_path = "workspace"
    linked_by: Sequence[str] = ()
    paginator = CappedPaginator
    list_per_page = 50
    ordering: Sequence[str] = ("-pk",)
    sortable_by: Sequence[str] | None = ()  # only the key is sure to have an index
    show_full_result_count = False  # counting a big table takes longer than showing a page of it
    show_facets = admin.ShowFacets.NEVER  # and these count it once for each choice of each filter

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the rows of the reader's workspaces; for others there is nothing else."""
        return within(super().get_queryset(request), request.user, self.workspace_path)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show a list, and say so where a filter was none: Django leads to the whole list then."""
        if request.GET.keys() == {ERROR_FLAG}:
            self.message_user(request, NO_FILTER, messages.WARNING)
        return super().changelist_view(request, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Refuse: Django's own notes say little of what happened. The log is the history."""
        raise Http404

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[OfferedList]:
        """Take from an address what the page offers, and nothing else."""
        return OfferedList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return what a list shows. No filter is what no column can hold, or what none offers."""
        if "%00" in request.META["QUERY_STRING"]:  # PostgreSQL refuses a NUL in a text
            raise IncorrectLookupParameters
        try:
            return super().get_changelist_instance(request)
        except DisallowedModelAdminLookup as refused:
            raise IncorrectLookupParameters from refused

    def may_act_on(self, request: HttpRequest, row: Any) -> bool:
        """Tell whether the reader's permission for an action goes for this row."""
        return True

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Let filters by a related row offer what is within reach."""
        return [self._scoped(each) for each in super().get_list_filter(request)]

    def _filter_unfold_actions_by_permissions(
        self, request: HttpRequest, actions: Any, object_id: Any = None
    ) -> list[Any]:
        found = super()._filter_unfold_actions_by_permissions(request, actions, object_id)
        allowed = [each for each in found if is_allowed(each, request.user)]
        return allowed if object_id is None else self._fitting(request, allowed, object_id)

    def _fitting(self, request: HttpRequest, actions: list[Any], object_id: Any) -> list[Any]:
        if not actions:
            return actions
        row = self.get_object(request, unquote(str(object_id)))
        if row is None or not self.may_act_on(request, row):
            return []
        return [each for each in actions if (fits := fits_of(each)) is None or fits(row)]

    def _scoped(self, list_filter: Any) -> Any:
        if not isinstance(list_filter, str):
            return list_filter
        field = get_fields_from_path(self.model, list_filter)[-1]
        return (list_filter, RelatedFilter) if field.is_relation else list_filter


class ReadOnly:
    """Takes every right but to look away from an admin page."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, StaffAdmin):
    """Rows that staff may read, and act on by actions with a reason alone."""


class ReadOnlyInline(ReadOnly, TabularInline):  # type: ignore[misc]  # unfold has no types
    """Rows that staff may read on the page of what they belong to."""

    extra = 0


class RelatedFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that names none of another workspace."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Return the choices within reach."""
        rows = reachable(field.related_model, request, model_admin.admin_site)
        return [(row.pk, str(row)) for row in rows]


def reachable(model: Any, request: HttpRequest, site: admin.AdminSite) -> QuerySet[Model]:
    """Return the rows of a model that its own admin would list for the reader of a page."""
    pages = site._registry.get(model)
    if isinstance(pages, StaffAdmin):
        rows: QuerySet[Model] = pages.get_queryset(request)
        return rows
    every: QuerySet[Model] = model._default_manager.all()
    return every if is_superuser(request.user) else every.none()
