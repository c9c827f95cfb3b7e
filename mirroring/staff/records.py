"""Records: what was mirrored, what became of each decision, and what staff can do about it."""

from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest, HttpResponse

from mirroring import home, operating
from mirroring.models import Record
from mirroring.staff.trials import OPERATE
from tracks.clock import database_now
from tracks.staff.actions import reasoned_action
from tracks.staff.base import ReadOnlyAdmin
from tracks.staff.columns import pretty, theirs


def _is_held(record: Record) -> bool:
    return operating.held_push(record) is not None


class RecordFilter(SimpleListFilter):
    """What the home of the admin counts."""

    title, parameter_name = "trouble", "trouble"
    KEEPS: ClassVar = {
        "stuck": home.stuck,
        "conflict": home.conflicts,
        "held": home.held,
        "elsewhere": home.elsewhere,
        "due": home.to_follow_up,
        "unwritten": home.to_write_back,
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("stuck", "decided, and not written back"),
            ("conflict", "the system says otherwise"),
            ("held", "cannot be asked as it is"),
            ("elsewhere", "resolved elsewhere"),
            ("due", "to follow up now"),
            ("unwritten", "to write back now"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        keep = self.KEEPS.get(self.value() or "")
        return queryset if keep is None else keep(queryset, database_now())


class RecordAdmin(ReadOnlyAdmin):
    workspace_path = "connection__workspace"

    look_again = reasoned_action(
        label="Look again",
        permission=OPERATE,
        says="It is read in its system at once, and what follows from it is done.",
        act=operating.look_again,
        fits=lambda record: record.connection.is_polled,
    )
    retry_push = reasoned_action(
        label="Retry write-back",
        permission=OPERATE,
        says="The decision is written back once more: it is looked for first, and sent only if it "
        "is not there.",
        act=operating.retry_push,
        fits=_is_held,
    )
    ask_again = reasoned_action(
        label="Ask again",
        permission=OPERATE,
        says="Whoever may decide in the system now is asked anew, and told.",
        act=operating.ask_again,
        fits=operating.can_ask_again,
    )

    id_there = theirs("external_id", description="External id")
    title = theirs("title", description="Title")
    asked_for_by = theirs("requester", description="Requester")
    url_there = theirs("url", description="URL")

    actions_detail = ("look_again", "retry_push", "ask_again")
    change_form_outer_before_template = "admin/mirroring/record_pushes.html"
    list_display = ("id_there", "title", "connection", "status", "reason", "last_seen_at")
    list_select_related = ("connection",)
    list_filter = (RecordFilter, "status", "connection")
    linked_by = ("settled_at__gte",)
    search_fields = ("external_id",)
    fields = (
        "public_id",
        "connection",
        "id_there",
        "title",
        "status",
        "reason",
        "state",
        "approvers",
        "asked_for_by",
        "url_there",
        "track",
        "ask",
        "created_at",
        "last_seen_at",
        "looked_at",
        "settled_at",
        "last_error",
    )
    readonly_fields = ("public_id", "id_there", "title", "asked_for_by", "url_there")

    class Media:
        css = {"all": ("staff-mirroring.css",)}

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the records within reach, with their connections."""
        return super().get_queryset(request).select_related("connection__workspace")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show what became of its decisions above its fields."""
        record = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if record is not None:
            shown["pushes"] = record.pushes.all()
            shown["seen"] = pretty(record.seen)
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )
        return response
