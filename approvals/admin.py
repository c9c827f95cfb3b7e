"""Staff look after asks and tracks, see what was sent and why, and say where Slack is."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from approvals import notices_admin  # noqa: F401  it registers its page
from approvals.models import Approver, Ask, MonthOfAsks, SlackChannel
from approvals.models.ask import AskQuerySet
from approvals.slack_form import SlackChannelForm
from approvals.staff import actions, dossier, filters, finding
from approvals.usage import ALLOWANCES
from approvals.waiting_list import one_line
from tracks.clock import database_now
from tracks.entries import note
from tracks.models import Track, Workspace
from tracks.staff.base import ReadOnlyAdmin, StaffAdmin
from tracks.staff.columns import column
from tracks.staff.filters import DaysFilter
from tracks.staff.reach import actor_of


@admin.register(Approver)
class ApproverAdmin(ReadOnlyAdmin):
    list_display = ("address", "workspace")
    list_select_related = ("workspace",)
    search_fields = ("canonical",)


@admin.register(MonthOfAsks)
class MonthOfAsksAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "month", "asks", "plan", "limit", "grace_ends_at")
    list_select_related = ("workspace",)
    list_filter = ("month", "workspace")
    ordering = ("-month", "workspace")

    @admin.display(description="Plan now")
    def plan(self, month: MonthOfAsks) -> str:
        """Return the workspace's plan."""
        return str(month.workspace.get_plan_display())

    @admin.display(description="Asks a month")
    def limit(self, month: MonthOfAsks) -> str:
        """Return how many asks the plan has, and how many more during its grace."""
        allowance = ALLOWANCES[Workspace.Plan(month.workspace.plan)]
        if allowance.asks is None:
            return "unlimited"
        return f"{allowance.asks} + {allowance.more}" if allowance.more else str(allowance.asks)


class DossierAdmin(ReadOnlyAdmin):
    """Rows whose page is a dossier, with the actions on them."""

    dossier_template: ClassVar[str]
    list_filter_submit = True
    # What is searched is said in get_search_results(); Django wants a name to show the field.
    search_fields = ("pk",)
    search_help_text = finding.HELP

    def dossier_of(self, row: Any, *, since_seq: int | None, user: Any) -> Any:
        """Return what the page shows of a row."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the dossier. There is nothing to be sent here: each action has a page of its own."""
        row = self.get_object(request, unquote(object_id))
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(
                request, self.opts, object_id
            )
            return gone
        allowed = self.get_actions_detail(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": self.title_of(row),
            "verbs": self._get_actions_navigation(self.actions_detail, allowed, object_id),
            "may_revoke": request.user.has_perm("approvals.revoke_grant"),
            "dossier": self.dossier_of(
                row,
                since_seq=dossier.sequence(request.GET.get("events", "")),
                user=request.user,
            ),
        }
        return TemplateResponse(request, self.dossier_template, context)

    def title_of(self, row: Any) -> str:
        """Return what the page is called, in our words."""
        raise NotImplementedError

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Fetch a row once a request: the page wants it, and so does each of its buttons."""
        kept: dict[str, Any] = request.__dict__.setdefault("_rows_of_dossier", {})
        if object_id not in kept:
            kept[object_id] = self._fetch(request, object_id)
        return kept[object_id]

    def _fetch(self, request: HttpRequest, object_id: str) -> Any:
        try:
            pk = self.opts.pk.to_python(object_id)
        except ValidationError:
            return None
        return self.row_of(self.get_queryset(request)).filter(pk=pk).first()

    def row_of(self, rows: Any) -> Any:
        """Fetch with a row what its dossier shows."""
        return rows


@admin.register(Ask)
class AskAdmin(DossierAdmin):
    dossier_template = "admin/dossier/ask.html"
    list_display = (
        "reference",
        "question",
        "status_shown",
        "risk_shown",
        "asked_by",
        "approvers",
        "due",
        "asked",
    )
    list_filter = (
        filters.StatusFilter,
        "risk",
        filters.DueFilter,
        filters.ApproverFilter,
        filters.AgentFilter,
        filters.SourceFilter,
        ("created_at", DaysFilter),
        filters.HasComment,
        filters.Undeliverable,
        filters.Outcome,
        filters.Viewed,
        "workspace",
    )
    linked_by = (
        "status__exact",
        "ends_at__gt",
        "due_at__gt",
        "due_at__lte",
        "created_at__gt",
        "created_at__gte",
        "created_at__lt",
        "created_at__lte",
    )
    actions_detail = ("nudge", "resend", "reassign", "revoke_browsers", "withdraw", "override")

    nudge = actions.nudge_approver
    resend = actions.resend
    reassign = actions.reassign_seat
    revoke_browsers = actions.revoke
    withdraw = actions.cancel
    override = actions.override

    def get_queryset(self, request: HttpRequest) -> AskQuerySet:
        """Add the status as everybody sees it, and who is asked.

        Few joins: a planner that meets more than eight tables no longer looks for the best order.
        """
        asks: AskQuerySet = super().get_queryset(request)
        return asks.presented().with_holders().select_related("track__workspace", "answer")

    def row_of(self, asks: AskQuerySet) -> AskQuerySet:
        """Fetch with an ask what its dossier shows."""
        related = ("track__workspace", "answer__override", "slack_card", "escalated_from")
        return asks.prefetch_related(None).with_everything().select_related(*related)

    def get_search_results(
        self, request: HttpRequest, queryset: AskQuerySet, search_term: str
    ) -> tuple[Any, bool]:
        """Find asks by what people read to each other."""
        return finding.found(queryset, search_term, by=finding.find_asks, user=request.user)

    def dossier_of(self, row: Ask, *, since_seq: int | None, user: Any) -> Any:
        """Return everything about an ask."""
        return dossier.of_ask(row, since_seq=since_seq, user=user)

    def title_of(self, row: Ask) -> str:
        """Return the reference, which is ours; the question is in the dossier."""
        return f"Ask {row.reference}"

    @column(description="Question")
    def question(self, ask: Ask) -> str:
        """Return the beginning of the question."""
        return one_line(ask.prompt)

    @column(
        description="Status",
        label={
            "Open": "info",
            "Open, overdue": "warning",
            "Answered": "success",
            "Decided by staff": "warning",
            "Timed out": "danger",
        },
    )
    def status_shown(self, ask: Ask) -> str:
        """Return the status as everybody sees it, and whether it is late or was by staff."""
        return dossier.STATUS_WORDS[dossier.status_of(ask)]

    @column(description="Risk", label={"low": "success", "medium": "warning", "high": "danger"})
    def risk_shown(self, ask: Ask) -> str:
        """Return how much is at stake."""
        return ask.risk or ""

    @column(description="Approvers")
    def approvers(self, ask: Ask) -> str:
        """Return who may decide."""
        return dossier.shown_addresses(ask, most=2)

    @column(description="Due")
    def due(self, ask: Ask) -> str:
        """Return when it is wanted, or else when it ends."""
        return dossier.clock_of(ask).moment(ask.due_at or ask.ends_at).words

    @column(description="Asked")
    def asked(self, ask: Ask) -> str:
        """Return when it was asked."""
        return dossier.clock_of(ask).moment(ask.created_at).words


@admin.register(Track)
class TrackAdmin(DossierAdmin):
    dossier_template = "admin/dossier/track.html"
    list_display = (
        "title_shown",
        "status_shown",
        "workspace",
        "customer_email",
        "source_shown",
        "external_id",
        "updated_at",
    )
    list_select_related = ("workspace",)
    list_filter = (filters.TrackStatusFilter, ("updated_at", DaysFilter), "workspace")
    actions_detail = ("set_password", "clear_password", "revoke_browsers")

    set_password = actions.set_password
    clear_password = actions.clear_password
    revoke_browsers = actions.revoke

    def get_queryset(self, request: HttpRequest) -> Any:
        """Fetch the workspace with each track."""
        return super().get_queryset(request).select_related("workspace")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Find tracks by what people read to each other."""
        return finding.found(queryset, search_term, by=finding.find_tracks, user=request.user)

    def dossier_of(self, row: Track, *, since_seq: int | None, user: Any) -> Any:
        """Return everything about a track."""
        return dossier.of_track(row, since_seq=since_seq, user=user)

    def title_of(self, row: Track) -> str:
        """Return our word for it; its title is in the dossier."""
        return f"Track {row.public_id}"

    @column(description="Title")
    def title_shown(self, track: Track) -> str:
        """Return the beginning of the title."""
        return one_line(track.title)

    @column(
        description="Status",
        label={"active": "info", "completed": "success", "failed": "danger"},
    )
    def status_shown(self, track: Track) -> str:
        """Return how far it has come."""
        return track.status

    @column(description="Source")
    def source_shown(self, track: Track) -> str:
        """Return the system of record that it mirrors."""
        return track.comes_from.name if track.comes_from else ""


@admin.register(SlackChannel)
class SlackChannelAdmin(StaffAdmin):
    form = SlackChannelForm
    list_display = ("workspace", "way", "channel", "enabled")
    list_select_related = ("workspace",)

    @column(description="By")
    def way(self, channel: SlackChannel) -> str:
        """Return how cards get there, without the secret."""
        return "bot" if channel.bot_token else "incoming webhook"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Elsewhere it is another one, which that workspace's log tells of.
        return () if obj is None else ("workspace",)

    def save_model(
        self, request: HttpRequest, obj: SlackChannel, form: SlackChannelForm, change: bool
    ) -> None:
        """Save where the asks of a workspace go, and put on record what of it was changed."""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            _note_slack(request, obj, "slack.changed", fields=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: SlackChannel) -> None:
        """Show a workspace's asks in Slack no more, and put that on record."""
        with transaction.atomic():
            super().delete_model(request, obj)
            _note_slack(request, obj, "slack.removed")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SlackChannel]) -> None:
        """Do the same with each that was ticked."""
        with transaction.atomic():
            for channel in queryset:
                self.delete_model(request, channel)


def _note_slack(request: HttpRequest, channel: SlackChannel, type: str, **said: Any) -> None:
    actor, at = actor_of(request.user), database_now()
    note(channel.workspace_id, type, subject="slack", actor=actor, at=at, **said)
