"""Staff may look at everything of this layer, and set the policies of workspaces.

Nothing else changes here: the event log is what it is.
"""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from tracks.models import ApiKey, Event, Step, Track, Workspace
from tracks.workspace_form import WorkspaceForm


class ReadOnly:
    """Takes every right but to look away from an admin page."""

    show_full_result_count = False  # counting a big table takes longer than showing a page of it

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Rows that staff may read."""


class ReadOnlyInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """Rows that staff may read on the page of what they belong to."""

    extra = 0


@admin.register(Workspace)
class WorkspaceAdmin(ModelAdmin):  # type: ignore[misc]
    """The policies of a tenant. Its name is part of what approvers have seen, and stays."""

    form = WorkspaceForm
    list_display = ("name", "plan", "delegation", "time_zone", "created_at")
    search_fields = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "workspace", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("workspace",)
    list_filter = ("workspace",)
    search_fields = ("name", "key_id")
    fields = (
        "workspace",
        "name",
        "key_id",
        "last_four",
        "scopes",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )


class StepInline(ReadOnlyInline):
    model = Step
    fields = ("index", "title", "status", "detail", "started_at", "ended_at")


@admin.register(Track)
class TrackAdmin(ReadOnlyAdmin):
    list_display = ("title", "status", "workspace", "customer_email", "created_at")
    list_select_related = ("workspace",)
    list_filter = ("status", "workspace")
    search_fields = ("title", "external_id", "customer_email")
    inlines = (StepInline,)
    # Neither the whole slug, which lets its reader in, nor anything of the password.
    fields = (
        "public_id",
        "workspace",
        "title",
        "status",
        "page",
        "customer_email",
        "is_protected",
        "requester",
        "external_id",
        "metadata",
        "summary",
        "failure_reason",
        "failure_retryable",
        "created_at",
        "updated_at",
    )
    readonly_fields = ("public_id", "page", "is_protected")

    @admin.display(description="Page")
    def page(self, track: Track) -> str:
        """Return the start of the track's address."""
        return f"/t/{track.slug[:6]}…"

    @admin.display(description="Password protected", boolean=True)
    def is_protected(self, track: Track) -> bool:
        """Tell whether the page asks for a password."""
        return track.is_protected


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "type", "track", "seq", "actor_type", "actor_name")
    list_select_related = ("track",)
    list_filter = ("type", "actor_type")
    search_fields = ("=track__external_id", "track__title")
    ordering = ("-id",)
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
        return json.dumps(event.data, ensure_ascii=False, indent=2)
