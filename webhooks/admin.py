"""Staff see where webhooks go and what came of them, and look after them.

Keys, signatures and bodies are not for looking at.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.errors import DomainError
from tracks.clock import database_now
from tracks.event_types import EVENT_TYPES
from tracks.ids import parse_public_id
from tracks.staff.actions import ShownOnce, secret_page
from tracks.staff.base import ReadOnlyAdmin, ReadOnlyInline, StaffAdmin
from tracks.staff.reach import actor_of
from webhooks import endpoint_lists, home, signing, transitions
from webhooks.models import Attempt, Delivery, Endpoint, OwnerNotice
from webhooks.payloads import TEST
from webhooks.staff_actions import DeliveryActions, EndpointActions, shown_key
from webhooks.staff_forms import EndpointForm

STATUS_LABELS = {
    "delivered": "success",
    "pending": "info",
    "failed": "warning",
    "exhausted": "danger",
    "skipped": "",
}


SETTINGS = ("workspace", "url", "description", "scheme", "keys")
_SAID = ("url", "event_types", "description", "scheme")


@admin.register(Endpoint)
class EndpointAdmin(EndpointActions, StaffAdmin):
    """An endpoint: where it leads, what it listens to, how it fares, and its deliveries."""

    form = EndpointForm
    list_display = ("url", "workspace", "state", "last_day", "last_error")
    list_select_related = ("workspace",)
    list_filter = ("enabled", "workspace")
    search_fields = ("url", "description")
    actions_detail = ("test", "recover_since", "rotate_secret", "pause", "resume")
    change_form_outer_after_template = "admin/webhooks/deliveries.html"

    class Media:
        css = {"all": ("staff.css",)}

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave out what was deleted; its deliveries stay until they are purged."""
        return super().get_queryset(request).filter(deleted_at=None)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for what a new endpoint needs, and show how one fares that is there."""
        if obj is None:
            return [
                (None, {"fields": ("workspace", *_SAID)}),
            ]
        return [
            (None, {"fields": ("public_id", "stands", "last_day", "last_error")}),
            ("Settings", {"classes": ("tab",), "fields": SETTINGS}),
            ("Subscriptions", {"classes": ("tab",), "fields": ("event_types",)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("public_id", "stands", "last_day", "last_error", "workspace", "scheme", "keys")

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return an endpoint with how its last day went."""
        endpoint = super().get_object(request, object_id, from_field)
        if endpoint is None:
            return None
        return endpoint_lists.with_last_day(
            Endpoint.objects.filter(pk=endpoint.pk).select_related("workspace"), database_now()
        ).get()

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Add to each endpoint of the page how its last day went."""
        found = super().get_changelist_instance(request)
        found.result_list = endpoint_lists.with_last_day(found.result_list, database_now())
        return found

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave deleting to the API, whose keys are the owner's: staff pause."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page, with the newest deliveries; a refusal becomes a message."""
        context = dict(extra_context or {})
        endpoint = self.get_object(request, object_id) if object_id else None
        if endpoint is not None and self.has_view_permission(request, endpoint):
            context["deliveries"] = endpoint_lists.latest(endpoint)
            context["endpoint"] = endpoint
        try:
            page: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(request.path)
        return page

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        """Make or change it as the API does; a new one has a key, which is shown afterwards."""
        actor = actor_of(request.user)
        typed = form.cleaned_data
        if not change:
            fields = {name: typed[name] for name in _SAID if name in typed}
            made, key = transitions.create_endpoint(
                workspace_id=typed["workspace"].pk, fields=fields, actor=actor
            )
            obj.pk, obj.scheme = made.pk, made.scheme
            request.new_key = shown_key(made, key)  # type: ignore[attr-defined]
            return
        transitions.update_endpoint(
            endpoint_id=obj.pk,
            workspace_id=obj.workspace_id,
            changes={name: typed[name] for name in form.changed_data if name in _SAID},
            actor=actor,
        )

    def response_add(self, request: HttpRequest, obj: Endpoint, *_: Any) -> HttpResponse:
        """Show the secret of a new endpoint, this once."""
        shown: ShownOnce | str = request.new_key  # type: ignore[attr-defined]
        if isinstance(shown, ShownOnce):
            return secret_page(self, request, obj, shown)
        messages.success(request, shown)
        return HttpResponseRedirect("../")

    @display(  # type: ignore[untyped-decorator]  # unfold has no types
        description="State",
        label={"on": "success", "failing": "warning", "paused": "", "off": "danger"},
    )
    def state(self, endpoint: Endpoint) -> tuple[str, str]:
        """Tell whether it is on, and if not, why."""
        if endpoint.enabled and endpoint.failing_since is None:
            return "on", "on"
        if endpoint.enabled:
            return "failing", f"failing ({endpoint.failures} in a row)"
        if endpoint.disabled_reason == Endpoint.Why.REQUESTED:
            return "paused", "paused"
        return "off", f"switched off: {endpoint.disabled_reason}"

    @admin.display(description="State")
    def stands(self, endpoint: Endpoint) -> str:
        """Tell the same on its page, and since when."""
        _, words = self.state(endpoint)
        since = endpoint.failing_since if endpoint.enabled else endpoint.disabled_at
        return words if since is None else f"{words}, since {since:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="Last 24 h")
    def last_day(self, endpoint: Any) -> str:
        """Tell how many deliveries of the last day arrived, and how many failed."""
        return f"{endpoint.arrived:,} arrived, {endpoint.failed:,} failed"

    @admin.display(description="Last error", empty_value="–")
    def last_error(self, endpoint: Any) -> str | None:
        """Tell what was wrong with the newest delivery of a week that failed."""
        return endpoint.failed_with or None

    @admin.display(description="Keys")
    def keys(self, endpoint: Endpoint) -> str:
        """Tell since when the key signs and until when others do; of a key pair the public half."""
        rows = list(endpoint.signing_keys.all())
        current = next((each for each in rows if each.expires_at is None), None)
        words = []
        if current is not None and endpoint.scheme == Endpoint.Scheme.ASYMMETRIC:
            words.append(signing.public_key(current.key))
        if current is not None:
            words.append(f"signs since {current.created_at:%Y-%m-%d %H:%M} UTC")
        words += [
            f"one before it until {each.expires_at:%Y-%m-%d %H:%M} UTC"
            for each in rows
            if each.expires_at is not None and each.expires_at > database_now()
        ]
        return ", ".join(words)


class AttemptInline(ReadOnlyInline):
    model = Attempt
    verbose_name_plural = "attempts"
    fields = (
        "number",
        "trigger",
        "at",
        "status_code",
        "latency",
        "error",
        "detail",
        "peer",
        "response",
    )
    readonly_fields = ("latency", "response")

    @admin.display(description="Latency", empty_value="–")
    def latency(self, attempt: Attempt) -> str | None:
        """Return how long the receiver took."""
        return None if attempt.latency_ms is None else f"{attempt.latency_ms:,} ms"

    @admin.display(description="Response", empty_value="–")
    def response(self, attempt: Attempt) -> SafeString | None:
        """Return the beginning of what the receiver answered, folded, as plain text."""
        if not attempt.excerpt:
            return None
        return format_html(
            "<details><summary>{} characters</summary>"
            '<pre class="staff-excerpt"><bdi>{}</bdi></pre></details>',
            f"{len(attempt.excerpt):,}",
            attempt.excerpt,
        )


class DeliveryFilter(SimpleListFilter):
    """What the home of the admin counts: what was not taken, and what should be on its way."""

    title, parameter_name = "trouble", "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "not taken in the last 7 days"), ("due", "to deliver now")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        keep = {"failed": home.failed_of_late, "due": home.to_deliver}.get(self.value() or "")
        return queryset if keep is None else keep(queryset, database_now())


class TypeFilter(SimpleListFilter):
    """Deliveries of one type of event. Looking for the types in the table would read all of it."""

    title, parameter_name = "type", "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(each, each) for each in (*EVENT_TYPES, TEST)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(DeliveryActions, ReadOnlyAdmin):
    """A message to one endpoint, with each try to hand it over."""

    workspace_path = "endpoint__workspace"
    list_display = (
        "created_at",
        "type",
        "endpoint",
        "outcome",
        "attempts",
        "next_attempt_at",
        "last_error",
    )
    list_select_related = ("endpoint",)
    list_filter = (DeliveryFilter, "status", TypeFilter)
    linked_by = ("endpoint__id__exact",)
    search_fields = ("pk",)
    search_help_text = "The id of a delivery (dlv_…) or of an event (evt_…)."
    inlines = (AttemptInline,)
    actions_detail = ("send_again",)
    fields = (
        "public_id",
        "webhook_id",
        "endpoint",
        "type",
        "outcome",
        "trigger",
        "attempts",
        "created_at",
        "next_attempt_at",
        "settled_at",
        "last_error",
    )
    readonly_fields = ("public_id", "webhook_id", "outcome")

    class Media:
        css = {"all": ("staff.css",)}

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Find a delivery by its id, or those of an event by the event's."""
        term = search_term.strip()
        if not term:
            return queryset, False
        own, event = parse_public_id("dlv", term), parse_public_id("evt", term)
        if own is None and event is None:
            return queryset.none(), False
        return queryset.filter(pk=own) if own else queryset.filter(message_id=event), False

    @display(description="Status", label=STATUS_LABELS)  # type: ignore[untyped-decorator]
    def outcome(self, delivery: Delivery) -> str:
        """Return what has come of it."""
        return str(delivery.status)


@admin.register(OwnerNotice)
class OwnerNoticeAdmin(ReadOnlyAdmin):
    workspace_path = "endpoint__workspace"
    list_display = ("created_at", "kind", "endpoint", "sent_at", "last_error")
    list_select_related = ("endpoint",)
    list_filter = ("kind",)
