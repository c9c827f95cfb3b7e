"""One question to one or more people, the places at its table, and what was said."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.db.models import Case, F, Prefetch, Q, Value, When

from tracks.clock import database_now
from tracks.ids import new_id, public_id
from tracks.json_text import JSONText
from tracks.models import Track, Workspace


class Approver(models.Model):
    """Who answers: an address within a workspace, never an account."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    canonical = models.CharField(max_length=254)
    address = models.CharField(max_length=254, help_text="As it was first written.")

    class Meta:
        constraints: ClassVar = [
            # one approver for all spellings of an address
            models.UniqueConstraint("workspace", "canonical", name="approver_address_unique"),
        ]

    def __str__(self) -> str:
        return self.address


class AskQuerySet(models.QuerySet["Ask"]):
    def presented(self, now: datetime | None = None) -> Self:
        """Add `shown_status` and `shown_closed_at`: an overdue open ask is shown as timed out."""
        overdue = Q(status=Ask.Status.OPEN, expires_at__lte=now or database_now())
        return self.annotate(
            shown_status=Case(
                When(overdue, then=Value(Ask.Status.TIMEOUT.value)), default=F("status")
            ),
            shown_closed_at=Case(When(overdue, then=F("expires_at")), default=F("closed_at")),
        )

    def shown_as(self, status: str) -> Self:
        """Keep those that are shown in this status; only after presented()."""
        return self.filter(Q(shown_status=status))

    def with_everything(self) -> Self:
        """Fetch what an ask's JSON and page show, in a fixed number of queries."""
        related = self.select_related("track", "answer__decision__approver")
        return related.prefetch_related(
            Prefetch("seats", Seat.objects.select_related("approver")),
            Prefetch("decisions", Decision.objects.select_related("approver")),
        )


class Ask(models.Model):
    class Kind(models.TextChoices):
        CONFIRM = "confirm"
        TEXT = "text"
        CHOICE = "choice"

    class Status(models.TextChoices):
        OPEN = "open"
        ANSWERED = "answered"
        TIMEOUT = "timeout"
        CANCELLED = "cancelled"

    class Risk(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    track = models.ForeignKey(Track, on_delete=models.PROTECT, related_name="asks")
    key = models.CharField(max_length=255, null=True)
    content_digest = models.CharField(max_length=64, editable=False)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    prompt = models.TextField()
    config = JSONText()
    risk = models.CharField(max_length=6, choices=Risk.choices, null=True)
    needed = models.PositiveSmallIntegerField(default=1)
    notify = models.BooleanField(default=True)
    asked_by = models.CharField(max_length=120)
    asked_by_key = models.CharField(max_length=12)
    timeout_seconds = models.PositiveIntegerField()
    due_at = models.DateTimeField(null=True)
    action_digest = models.CharField(max_length=71, null=True)
    display_digest = models.CharField(max_length=71)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.OPEN)
    closed_at = models.DateTimeField(null=True)
    cancel_reason = models.TextField(null=True)

    objects = AskQuerySet.as_manager()

    if TYPE_CHECKING:  # added by presented()
        shown_status: str
        shown_closed_at: datetime | None

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # one open ask per track: of twenty that open one at once, one succeeds
            models.UniqueConstraint("track", condition=Q(status="open"), name="ask_one_open"),
            # a restarted agent finds its ask again
            models.UniqueConstraint("track", "key", name="ask_key_unique"),
            # an ask is open or has the time it closed; there is no other state
            models.CheckConstraint(
                condition=Q(status="open", closed_at=None)
                | Q(status__in=("answered", "timeout", "cancelled"), closed_at__isnull=False),
                name="ask_closed_has_time",
            ),
        ]
        indexes: ClassVar = [
            # the sweep: its cost follows the number of due asks
            models.Index("expires_at", name="ask_due", condition=Q(status="open")),
            # GET /asks, newest first
            models.Index("workspace", F("id").desc(), name="ask_newest"),
        ]

    def __str__(self) -> str:
        return self.prompt

    @property
    def public_id(self) -> str:
        return public_id("ask", self.pk)

    @property
    def reference(self) -> str:
        """Return the short form in which people name this request to each other."""
        tail = self.pk.hex[-8:].upper()
        return f"{tail[:4]}-{tail[4:]}"

    def close(self, status: Status, *, at: datetime, **fields: Any) -> bool:
        """Leave the open state; False when the ask had left it before."""
        changed = Ask.objects.filter(pk=self.pk, status=Ask.Status.OPEN).update(
            status=status, closed_at=at, **fields
        )
        if changed:
            self.status, self.closed_at = status, at
            for name, value in fields.items():
                setattr(self, name, value)
        return changed == 1


class Seat(models.Model):
    """A place among an ask's approvers."""

    ask = models.ForeignKey(Ask, on_delete=models.CASCADE, related_name="seats")
    position = models.PositiveSmallIntegerField()
    approver = models.ForeignKey(Approver, on_delete=models.PROTECT)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            # the places at a table, in order
            models.UniqueConstraint("ask", "position", name="seat_position_unique"),
            # nobody sits at one table twice
            models.UniqueConstraint("ask", "approver", name="seat_approver_unique"),
        ]


class Decision(models.Model):
    """What was said at one seat, by whom and with what evidence."""

    seat = models.OneToOneField(Seat, on_delete=models.PROTECT)  # one decision per seat
    ask = models.ForeignKey(Ask, on_delete=models.PROTECT, related_name="decisions")
    approver = models.ForeignKey(Approver, on_delete=models.PROTECT)
    value = JSONText()
    comment = models.TextField(null=True)
    at = models.DateTimeField()
    verified_by = models.CharField(max_length=24)
    verified_at = models.DateTimeField()
    form_nonce = models.CharField(max_length=64)
    ip = models.CharField(max_length=45)
    user_agent = models.CharField(max_length=400)

    class Meta:
        ordering: ClassVar = ["at", "pk"]


class Answer(models.Model):
    """The outcome of an answered ask; there can be only one."""

    ask = models.OneToOneField(Ask, on_delete=models.PROTECT, primary_key=True)
    decision = models.OneToOneField(
        Decision, on_delete=models.PROTECT, help_text="The one that settled it."
    )
    value = JSONText()


class FirstView(models.Model):
    """The first time an approver's verified browser saw an ask."""

    ask = models.ForeignKey(Ask, on_delete=models.CASCADE, related_name="first_views")
    approver = models.ForeignKey(Approver, on_delete=models.PROTECT)
    at = models.DateTimeField()
    ip = models.CharField(max_length=45)
    user_agent = models.CharField(max_length=400)

    class Meta:
        constraints: ClassVar = [
            # approver.viewed is recorded once per ask and address
            models.UniqueConstraint("ask", "approver", name="first_view_unique"),
        ]
