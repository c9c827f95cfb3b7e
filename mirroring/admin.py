"""Staff create connections here, try them out, and see what came through them."""

from django.contrib import admin

from mirroring.models import Connection, Identity, InboundHook, Record
from mirroring.staff.connections import ConnectionAdmin
from mirroring.staff.people import IdentityAdmin
from mirroring.staff.records import RecordAdmin
from tracks.staff.base import ReadOnlyAdmin
from tracks.staff.columns import theirs

admin.site.register(Connection, ConnectionAdmin)
admin.site.register(Identity, IdentityAdmin)
admin.site.register(Record, RecordAdmin)


@admin.register(InboundHook)
class InboundHookAdmin(ReadOnlyAdmin):
    workspace_path = "connection__workspace"
    id_there = theirs("webhook_id", description="Webhook id")
    said = theirs("body", description="Body")
    list_display = ("id_there", "connection", "proof", "received_at", "applied_at", "last_error")
    list_select_related = ("connection",)
    list_filter = ("proof", "is_hint", "connection")
    search_fields = ("webhook_id",)
    fields = (
        "connection",
        "proof",
        "id_there",
        "said",
        "body_digest",
        "is_hint",
        "record",
        "received_at",
        "applied_at",
        "next_attempt_at",
        "attempts",
        "last_error",
    )
    readonly_fields = ("id_there", "said")
