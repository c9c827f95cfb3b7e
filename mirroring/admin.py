"""Staff create connections here, try them out, and see what came through them."""

from django.contrib import admin

from mirroring.models import Connection, Identity, InboundHook, Record
from mirroring.staff.connections import ConnectionAdmin
from mirroring.staff.people import IdentityAdmin
from mirroring.staff.records import RecordAdmin
from tracks.staff.base import ReadOnlyAdmin

admin.site.register(Connection, ConnectionAdmin)
admin.site.register(Identity, IdentityAdmin)
admin.site.register(Record, RecordAdmin)


@admin.register(InboundHook)
class InboundHookAdmin(ReadOnlyAdmin):
    workspace_path = "connection__workspace"
    list_display = ("webhook_id", "connection", "proof", "received_at", "applied_at", "last_error")
    list_select_related = ("connection",)
    list_filter = ("proof", "is_hint", "connection")
    search_fields = ("webhook_id",)
