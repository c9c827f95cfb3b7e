"""Connections: chosen by kind, filled in by what their connector asks for, tried out, operated."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget

from mirroring import home, operating, transitions
from mirroring.connection_form import (
    APPROVERS,
    POLLING,
    POSTING,
    PREFIX,
    TELLING,
    ConnectionForm,
    fields_of,
    form_for,
    titles,
)
from mirroring.models import PUSH, Connection
from mirroring.staff.rewinding import RewindForm
from mirroring.staff.status import is_polled, is_running, status_of
from mirroring.staff.trials import OPERATE, run_dry, run_test, trial
from mirroring.staff.unsaved import TriesSettings
from mirroring.standing import poll_of, standing
from tracks.actors import Actor
from tracks.clock import database_now
from tracks.entries import note
from tracks.staff.actions import ShownOnce, reasoned_action, secret_page
from tracks.staff.base import StaffAdmin
from tracks.staff.forms import ReasonForm
from tracks.staff.reach import actor_of
from tracks.transactions import transition

Notices = Connection.Notices


class GoLiveForm(ReasonForm):
    """Asks how approvers are told from now on."""

    notices = forms.ChoiceField(
        choices=[choice for choice in Notices.choices if choice[0] != Notices.SILENT],
        widget=UnfoldAdminSelectWidget(),
        label="From now on they get",
    )


@transition
def replace_secret(connection: Connection, *, actor: Actor, reason: str) -> ShownOnce:
    """Make a new secret for what the system posts."""
    secret = transitions.rotate_secret(connection_id=connection.pk, overlap=transitions.OVERLAP)
    _note(connection, "connection.secret_replaced", actor, reason)
    return ShownOnce("The new secret", secret, "The one before is accepted for a day.")


@transition
def make_bearer_token(connection: Connection, *, actor: Actor, reason: str) -> ShownOnce:
    """Let the sender come in with a token."""
    token = transitions.set_bearer_token(connection)
    _note(connection, "connection.token_made", actor, reason)
    return ShownOnce("The bearer token", token, "The one before has ended.")


def _note(connection: Connection, type: str, actor: Actor, reason: str) -> None:
    subject, at = connection.public_id, database_now()
    note(connection.workspace_id, type, subject=subject, actor=actor, at=at, reason=reason)


def _operation(label: str, says: str, act: Callable[..., Any], **more: Any) -> Any:
    return reasoned_action(label=label, permission=OPERATE, says=says, act=act, **more)


def _is_shadow(connection: Connection) -> bool:
    return connection.notices == Notices.SILENT


class ConnectionFilter(SimpleListFilter):
    """What the home of the admin counts."""

    title, parameter_name = "trouble", "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("error", "paused, or failing")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return home.in_error(queryset, database_now()) if self.value() == "error" else queryset


class ConnectionAdmin(TriesSettings, StaffAdmin):
    """A secret is shown once, on the page that answers when it was made."""

    test = trial(
        label="Test", template="admin/mirroring/test.html", run=run_test, icon="network_check"
    )
    dry_run = trial(
        label="Dry run", template="admin/mirroring/dry_run.html", run=run_dry, icon="science"
    )
    poll_now = _operation(
        "Poll now",
        "The system is asked at once what is new.",
        operating.poll_now,
        fits=is_running,
    )
    pause = _operation(
        "Pause",
        "Nothing is read until somebody resumes it. What was decided is still written back.",
        operating.pause,
        fits=is_running,
    )
    resume = _operation(
        "Resume",
        "The system is asked again, beginning with a check of the account.",
        operating.resume,
        fits=lambda connection: is_polled(connection) and not is_running(connection),
    )
    rewind = _operation(
        "Rewind",
        "The next pass reads again what was read before. What is known already is not asked again.",
        operating.rewind,
        form=RewindForm,
        fits=is_running,
    )
    accept_missing = _operation(
        "What is missing is really gone",
        "Many approvals are gone from the system at once, and nothing was closed. This closes what "
        "the system does not show any more, and withdraws the questions.",
        operating.accept_missing,
        fits=lambda connection: is_running(connection) and bool(connection.poll.warning),
        is_dangerous=True,
    )
    shadow = _operation(
        "Shadow mode",
        "What comes in from now on waits in queues, and nobody is told of it.",
        operating.shadow,
        fits=lambda connection: not _is_shadow(connection),
    )
    go_live = _operation(
        "Go live",
        "Approvers are told of what comes in from now on. What waits already stays as quiet as it "
        "came.",
        operating.go_live,
        form=GoLiveForm,
        fits=_is_shadow,
    )
    replace_secret = _operation(
        "Replace the secret",
        "What the system posts is signed with a new secret. The one before is accepted for a day.",
        replace_secret,
    )
    make_bearer_token = _operation(
        "Make a bearer token",
        "Whoever has the token may post. The token before ends at once.",
        make_bearer_token,
    )

    actions_detail = (
        "test",
        "dry_run",
        "poll_now",
        "accept_missing",
        "resume",
        "pause",
        "rewind",
        "shadow",
        "go_live",
        "replace_secret",
        "make_bearer_token",
    )
    change_form_outer_before_template = "admin/mirroring/connection_status.html"
    form = ConnectionForm
    list_display = (
        "name",
        "workspace",
        "kind_title",
        "standing",
        "known_up_to",
        "notices",
        "created_at",
    )
    list_select_related = ("workspace", "poll")
    list_filter = (ConnectionFilter, "kind", "enabled", "workspace")
    search_fields = ("name",)

    class Media:
        css = {"all": ("staff-mirroring.css",)}

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the connections within reach, with where their polling stands."""
        return super().get_queryset(request).select_related("workspace", "poll")

    @admin.display(description="System", ordering="kind")
    def kind_title(self, connection: Connection) -> str:
        """Return which system it is, in words."""
        return titles().get(connection.kind, connection.kind)

    @admin.display(description="Stands")
    def standing(self, connection: Connection) -> str:
        """Return how it stands, in a word."""
        return standing(connection).value

    @admin.display(description="Known up to")
    def known_up_to(self, connection: Connection) -> datetime | None:
        """Return since when something may have happened there that is not known here."""
        poll = poll_of(connection)
        return poll.passed_at if poll else None

    # -- the form ----------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Let the kind be chosen first: what else is asked depends on it."""
        if self.has_add_permission(request) and request.GET.get("kind") not in titles():
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Which system?",
                "kinds": titles().items(),
            }
            return TemplateResponse(request, "admin/mirroring/choose_kind.html", context)
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show how the connection stands above its settings."""
        connection = self.get_object(request, object_id)
        shown = {"status": status_of(connection)} if connection is not None else {}
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            # There are too many for the head of the page, and unfold's menu knows no keyboard.
            response.context_data["verbs"] = response.context_data.pop("actions_detail")
        return response

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any
    ) -> Any:
        form = self.as_pressed(request, form_for(_kind(request, obj), is_change=obj is not None))
        return super().get_form(request, obj, change=change, **{**more, "form": form})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = _kind(request, obj)
        asked = tuple(PREFIX + each.name for each in fields_of(kind))
        first = ("workspace", "name", "enabled")
        sets: list[Any] = [(None, {"fields": first if obj is None else (*first, "url")})]
        sets += [(titles()[kind], {"fields": asked})]
        if kind != PUSH:
            sets += [("How often it is asked", {"fields": POLLING})]
        sets += [
            ("How approvers are told", {"fields": TELLING}),
            ("Who may be asked, and for how long", {"fields": APPROVERS}),
            ("What it posts", {"fields": POSTING}),
        ]
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Its records belong to the workspace and bear the name.
        return () if obj is None else ("workspace", "name", "url")

    @admin.display(description="URL for what it posts")
    def url(self, connection: Connection) -> str:
        """Return where its records are posted."""
        return connection.url

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Connection, form: ConnectionForm, change: bool
    ) -> None:
        """Keep the connection; a new one gets its secret."""
        actor = actor_of(request.user)
        if change:
            operating.change(
                obj,
                config=form.config,
                secrets=form.secrets,
                changed=[name.removeprefix(PREFIX) for name in form.changed_data],
                actor=actor,
            )
            return
        made, obj.made_secret = form.create()  # type: ignore[attr-defined]  # for response_add()
        obj.pk = made.pk
        obj.refresh_from_db()
        _note(obj, "connection.created", actor, "")

    def response_add(
        self, request: HttpRequest, obj: Connection, post_url_continue: Any = None
    ) -> HttpResponse:
        """Show the secret of what posts to us; one that is polled is looked at."""
        if obj.kind == PUSH:
            said = f"The system signs with it what it posts to {obj.url}."
            secret: str = obj.made_secret  # type: ignore[attr-defined]
            return secret_page(self, request, obj, ShownOnce("The secret", secret, said))
        return HttpResponseRedirect(reverse("admin:mirroring_connection_change", args=(obj.pk,)))


def _kind(request: HttpRequest, connection: Connection | None) -> str:
    """Return the kind of a connection, or the one that was chosen for a new one."""
    kind = connection.kind if connection else request.GET.get("kind", PUSH)
    return kind if kind in titles() else PUSH
