"""Staff see where webhooks go and what came of them. Keys and bodies are not for looking at."""

from django.contrib import admin

from tracks.admin import ReadOnlyAdmin, ReadOnlyInline
from webhooks.models import Attempt, Delivery, Endpoint, Entry, OwnerNotice


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    list_display = ("url", "workspace", "enabled", "disabled_reason", "failing_since", "failures")
    list_select_related = ("workspace",)
    list_filter = ("enabled", "disabled_reason", "workspace")
    search_fields = ("url", "description")


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ("number", "trigger", "at", "status_code", "latency_ms", "error", "detail", "peer")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "type", "endpoint", "status", "attempts", "next_attempt_at")
    list_select_related = ("endpoint",)
    list_filter = ("status", "type")
    search_fields = ("endpoint__url",)
    inlines = (AttemptInline,)
    fields = (
        "endpoint",
        "type",
        "status",
        "trigger",
        "attempts",
        "next_attempt_at",
        "last_error",
        "created_at",
        "settled_at",
    )


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "type", "subject", "actor_type", "actor_name", "workspace")
    list_select_related = ("workspace",)
    list_filter = ("type", "workspace")
    search_fields = ("subject", "actor_name")


@admin.register(OwnerNotice)
class OwnerNoticeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "endpoint", "sent_at", "last_error")
    list_select_related = ("endpoint",)
    list_filter = ("kind",)
