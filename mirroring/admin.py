"""Staff create connections here, and see what came through them."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mirroring import transitions
from mirroring.models import Connection, InboundHook, Record
from tracks.admin import ReadOnlyAdmin
from tracks.clock import database_now


@admin.register(Connection)
class ConnectionAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A secret is shown once, in the message after it was made."""

    list_display = ("name", "workspace", "kind", "enabled", "allows_unsigned", "created_at")
    list_select_related = ("workspace",)
    list_filter = ("kind", "enabled", "workspace")
    search_fields = ("name",)
    fields = ("workspace", "name", "kind", "enabled", "allows_unsigned", "timeout_seconds", "url")
    actions = ("replace_secret", "make_bearer_token")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Its records belong to the workspace and bear the name.
        return ("url",) if obj is None else ("workspace", "name", "kind", "url")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Keep the connection; a new one gets its secret."""
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.created_at = database_now()
        obj.save(force_insert=True)
        secret = transitions.add_secret(obj, now=obj.created_at)
        _show(request, f"{obj}: the secret, shown this once, is {secret}")

    @admin.action(description="Replace the secret (the one before is accepted for a day)")
    def replace_secret(self, request: HttpRequest, queryset: Any) -> None:
        """Make a new secret for each connection that was ticked."""
        for connection in queryset:
            secret = transitions.rotate_secret(
                connection_id=connection.pk, overlap=transitions.OVERLAP
            )
            _show(request, f"{connection}: the new secret, shown this once, is {secret}")

    @admin.action(description="Make a bearer token (the one before ends at once)")
    def make_bearer_token(self, request: HttpRequest, queryset: Any) -> None:
        """Let the senders of the ticked connections come in with a token."""
        for connection in queryset:
            token = transitions.set_bearer_token(connection)
            _show(request, f"{connection}: the token, shown this once, is {token}")


def _show(request: HttpRequest, text: str) -> None:
    messages.warning(request, text)


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    list_display = ("external_id", "connection", "status", "reason", "track", "last_seen_at")
    list_select_related = ("connection", "track")
    list_filter = ("status", "connection")
    search_fields = ("external_id",)


@admin.register(InboundHook)
class InboundHookAdmin(ReadOnlyAdmin):
    list_display = ("webhook_id", "connection", "proof", "received_at", "applied_at", "last_error")
    list_select_related = ("connection",)
    list_filter = ("proof", "connection")
    search_fields = ("webhook_id",)
