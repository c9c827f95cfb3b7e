"""Staff may look at asks, their approvers and what was sent, and say where Slack is."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from approvals.models import (
    Approver,
    Ask,
    Decision,
    Holder,
    MonthOfAsks,
    Notification,
    SlackChannel,
)
from approvals.models.ask import AskQuerySet
from approvals.slack_form import SlackChannelForm
from tracks.admin import ReadOnlyAdmin, ReadOnlyInline


@admin.register(Approver)
class ApproverAdmin(ReadOnlyAdmin):
    list_display = ("address", "workspace")
    list_select_related = ("workspace",)
    search_fields = ("canonical",)


@admin.register(MonthOfAsks)
class MonthOfAsksAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "month", "asks", "grace_ends_at")
    list_select_related = ("workspace",)
    list_filter = ("month", "workspace")
    ordering = ("-month", "workspace")


class HolderInline(ReadOnlyInline):
    model = Holder
    fields = ("approver", "kind", "reason", "at")


class DecisionInline(ReadOnlyInline):
    model = Decision
    fields = ("approver", "value", "comment", "at", "verified_by", "verified_at", "ip")


class NotificationInline(ReadOnlyInline):
    model = Notification
    fields = (
        "kind",
        "ordinal",
        "approver",
        "attempts",
        "next_attempt_at",
        "sent_at",
        "skipped_at",
        "failed_at",
        "bounced_at",
        "last_error",
    )


@admin.register(Ask)
class AskAdmin(ReadOnlyAdmin):
    list_display = (
        "prompt",
        "kind",
        "shown_status",
        "risk",
        "asked_by",
        "created_at",
        "expires_at",
    )
    list_filter = ("status", "kind", "risk", "workspace")
    search_fields = ("prompt", "holders__approver__canonical")
    inlines = (HolderInline, DecisionInline, NotificationInline)
    fields = (
        "public_id",
        "workspace",
        "track",
        "kind",
        "prompt",
        "config",
        "risk",
        "shown_status",
        "asked_by",
        "timeout_seconds",
        "created_at",
        "due_at",
        "expires_at",
        "ends_at",
        "escalate_to",
        "escalated_from",
        "needed",
        "delegation",
        "closed_at",
        "cancel_reason",
        "key",
        "display_digest",
        "action_digest",
    )
    readonly_fields = ("public_id", "shown_status")

    def get_queryset(self, request: HttpRequest) -> AskQuerySet:
        """Add the status as everybody sees it."""
        asks: AskQuerySet = super().get_queryset(request)
        return asks.presented()

    @admin.display(description="Status", ordering="status")
    def shown_status(self, ask: Ask) -> str:
        """Return the status as everybody sees it: an overdue ask has timed out."""
        return ask.shown_status


@admin.register(SlackChannel)
class SlackChannelAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = SlackChannelForm
    list_display = ("workspace", "way", "channel", "enabled")
    list_select_related = ("workspace",)

    @admin.display(description="By")
    def way(self, channel: SlackChannel) -> str:
        """Return how cards get there, without the secret."""
        return "bot" if channel.bot_token else "incoming webhook"
