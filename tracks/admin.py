"""Staff may look at everything of this layer, and set the policies of workspaces.

Nothing else changes here: the event log is what it is. The pages of tracks are in approvals: they
show what both layers know.
"""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tracks import audit_admin, people_admin  # noqa: F401  they register their pages
from tracks.clock import database_now, rfc3339_or_none
from tracks.entries import note
from tracks.home import admin as home_admin  # noqa: F401  it registers its page
from tracks.key_form import KeyForm, RotationForm
from tracks.keys import create_key, is_good, revoke_key, rotate_key
from tracks.models import ApiKey, Workspace
from tracks.staff.actions import ShownOnce, reasoned_action, secret_page
from tracks.staff.base import StaffAdmin
from tracks.staff.reach import actor_of
from tracks.workspace_form import WorkspaceForm


@admin.register(Workspace)
class WorkspaceAdmin(StaffAdmin):
    """The policies of a tenant. Its name is part of what approvers have seen, and stays."""

    workspace_path = "pk"
    ordering = ("name",)
    form = WorkspaceForm
    list_display = ("name", "plan", "delegation", "time_zone", "created_at")
    search_fields = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("name",)

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        """Save the policies, and put on record what they are now."""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            note(
                obj.pk,
                "workspace.changed" if change else "workspace.created",
                subject=obj.name[:40],
                actor=actor_of(request.user),
                at=database_now(),
                now={name: form.cleaned_data[name] for name in form.changed_data},
            )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _rotated(key: ApiKey, **said: Any) -> ShownOnce:
    new, text = rotate_key(key, **said)
    ends_at = rfc3339_or_none(ApiKey.objects.get(pk=key.pk).expires_at)
    return ShownOnce(f"The new key of {new.name}", text, f"The one before works until {ends_at}.")


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    """Keys are made, replaced and revoked; their text is shown once, on the page that answers."""

    form = KeyForm
    list_display = ("__str__", "workspace", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("workspace",)
    list_filter = ("workspace",)
    search_fields = ("name", "key_id")
    fields = (
        "workspace",
        "name",
        "public_id",
        "last_four",
        "scopes_shown",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
        "replaces",
        "replacement",
    )
    readonly_fields = ("public_id", "scopes_shown", "replacement")

    rotate = reasoned_action(
        label="Replace",
        permission="tracks.rotate_apikey",
        says="A new key with the same name and scopes takes the place of this one, and is shown "
        "once. This one goes on working for as long as the two overlap.",
        act=_rotated,
        form=RotationForm,
        fits=is_good,
    )
    revoke = reasoned_action(
        label="Revoke",
        permission="tracks.revoke_apikey",
        says="Whoever uses this key is refused from then on, within five seconds. It cannot be "
        "undone: make another key instead.",
        act=revoke_key,
        fits=lambda key: key.revoked_at is None,
        is_dangerous=True,
    )
    actions_detail = ("rotate", "revoke")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return KeyForm.Meta.fields if obj is None else self.fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the key; its text is for the answer alone."""
        obj.text = create_key(obj, actor=actor_of(request.user))

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key, this once."""
        return secret_page(self, request, obj, ShownOnce(f"The key of {obj.name}", obj.text))

    @admin.display(description="Scopes")
    def scopes_shown(self, key: ApiKey) -> str:
        """Return what the key may do."""
        return ", ".join(key.scopes)

    @admin.display(description="Replaced by")
    def replacement(self, key: ApiKey) -> str:
        """Return the key that has taken this one's place."""
        return str(getattr(key, "replaced_by", "") or "-")
