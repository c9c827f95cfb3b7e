"""The filters of the lists of asks and tracks. Each has an index (tests/staff/test_plans.py)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from unfold.contrib.filters.admin import TextFilter

from approvals.models import Ask, Decision, FirstView, Notification
from approvals.staff.finding import asks_of_address
from tracks.clock import database_now
from tracks.models import ApiKey, Track
from tracks.staff.base import reachable

MOST_UNRECORDED = 1000  # what is over and not on record yet, if no worker runs


class StatusFilter(SimpleListFilter):
    """The status as everybody sees it, and what is open and late."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("open", "Open"),
            ("overdue", "Open and overdue"),
            ("answered", "Answered"),
            ("overridden", "Decided by staff"),
            ("timeout", "Timed out"),
            ("cancelled", "Withdrawn"),
        ]

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        status = self.value()
        if status in ("open", "overdue"):
            now = database_now()
            waiting = asks.filter(status=Ask.Status.OPEN, ends_at__gt=now)
            return waiting if status == "open" else waiting.filter(due_at__lt=now)
        if status == "overridden":
            return asks.filter(override__isnull=False)
        if status == Ask.Status.TIMEOUT:
            return asks.filter(Q(status=status) | Q(pk__in=_over_but_not_on_record()))
        return asks.filter(status=status) if status in Ask.Status.values else asks


def _over_but_not_on_record() -> list[UUID]:
    over = Ask.objects.filter(status=Ask.Status.OPEN, ends_at__lte=database_now())
    return list(over.order_by("ends_at").values_list("pk", flat=True)[:MOST_UNRECORDED])


class DueFilter(SimpleListFilter):
    """When something that is open is wanted, or ends."""

    title = "due"
    parameter_name = "due"
    WITHIN: ClassVar = {"day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("overdue", "Overdue"),
            ("day", "Within 24 hours"),
            ("week", "Within 7 days"),
        ]

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        when = self.value()
        if when not in ("overdue", *self.WITHIN):
            return asks
        now = database_now()
        waiting = asks.filter(status=Ask.Status.OPEN, ends_at__gt=now)
        if when == "overdue":
            return waiting.filter(due_at__lt=now)
        until = now + self.WITHIN[when]
        return waiting.filter(Q(due_at__lte=until) | Q(ends_at__lte=until))


class ApproverFilter(TextFilter):  # type: ignore[misc]  # unfold has no types
    """Who may decide, or could once: a whole address."""

    title = "approver (whole address)"
    parameter_name = "approver"

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        return asks_of_address(asks, self.value()) if self.value() else asks


class AgentFilter(SimpleListFilter):
    """The API key that asked."""

    title = "agent"
    parameter_name = "agent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        keys = reachable(ApiKey, request, model_admin.admin_site)
        return list(keys.order_by("name").values_list("key_id", "name"))

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        return asks.filter(asked_by_key=self.value()) if self.value() else asks


class SourceFilter(TextFilter):  # type: ignore[misc]
    """The connection through which a mirrored ask came."""

    title = "connection (whole name)"
    parameter_name = "source"

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        return asks.filter(asked_by_key="", asked_by=self.value()) if self.value() else asks


class HasComment(SimpleListFilter):
    title = "comment"
    parameter_name = "comment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "With a comment")]

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        if self.value() != "yes":
            return asks
        commented = Decision.objects.filter(comment__isnull=False).order_by()
        return asks.filter(pk__in=commented.values("ask"))


class Undeliverable(SimpleListFilter):
    title = "delivery"
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "Somebody could not be told")]

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        if self.value() != "failed":
            return asks
        lost = Q(failed_at__isnull=False) | Q(bounced_at__isnull=False)
        mails = Notification.objects.filter(lost, ask__isnull=False).order_by()
        return asks.filter(pk__in=mails.values("ask"))


class Outcome(SimpleListFilter):
    """Asks that were answered yes or no."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Approved"), ("no", "Rejected")]

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        if self.value() not in ("yes", "no"):
            return asks
        return asks.filter(kind=Ask.Kind.CONFIRM, answer__value=self.value() == "yes")


class Viewed(SimpleListFilter):
    """Asks that somebody has looked at."""

    title = "viewed"
    parameter_name = "viewed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "Yes"), ("0", "No")]

    def queryset(self, request: HttpRequest, asks: Any) -> Any:
        if self.value() not in ("0", "1"):
            return asks
        was_seen = Exists(FirstView.objects.filter(ask=OuterRef("pk")))
        return asks.filter(was_seen if self.value() == "1" else ~was_seen)


class TrackStatusFilter(SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, str]]:
        yield from Track.Status.choices

    def queryset(self, request: HttpRequest, tracks: Any) -> Any:
        return tracks.filter(status=self.value()) if self.value() else tracks
