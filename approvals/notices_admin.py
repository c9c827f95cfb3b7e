"""The list of mails to approvers, which the home of the admin leads to."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest

from approvals import home
from approvals.models import Notification
from tracks.clock import database_now
from tracks.staff.base import ReadOnlyAdmin


class NoticeFilter(SimpleListFilter):
    """What the home of the admin counts: mails that were not delivered, and mails to send."""

    title, parameter_name = "trouble", "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "not delivered in the last 24 h"), ("due", "to send now")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now = database_now()
        keep = {"failed": home.lost_of_late, "due": home.to_send}.get(self.value() or "")
        return queryset if keep is None else keep(queryset, now)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Mails to approvers. What is in them is not for looking at."""

    workspace_path = "track__workspace"
    list_display = ("created_at", "kind", "approver", "track", "sent_at", "failed_at", "bounced_at")
    list_select_related = ("approver", "track")
    list_filter = (NoticeFilter, "kind")
    fields = (
        "kind",
        "ordinal",
        "track",
        "ask",
        "approver",
        "created_at",
        "attempts",
        "next_attempt_at",
        "sent_at",
        "skipped_at",
        "failed_at",
        "bounced_at",
        "last_error",
    )
