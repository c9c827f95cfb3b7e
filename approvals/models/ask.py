"""One question to one or more people, and what came of it."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Prefetch, Q, Value

from approvals.models.people import Approver, Holder, seated
from tracks.clock import database_now
from tracks.ids import new_id, public_id
from tracks.json_text import JSONText
from tracks.models import Delegation, Track, Workspace


class AskQuerySet(models.QuerySet["Ask"]):
    def presented(self, now: datetime | None = None) -> Self:
        """Note when the asks are looked at: one that is overdue then is shown as timed out."""
        return self.annotate(seen_at=Value(now or database_now(), models.DateTimeField()))

    def shown_as(self, status: str) -> Self:
        """Keep those that are shown in this status; only after presented()."""
        overdue = Q(status=Ask.Status.OPEN, ends_at__lte=F("seen_at"))
        if status == Ask.Status.TIMEOUT:
            return self.filter(Q(status=status) | overdue)
        return self.filter(Q(status=status) & ~overdue)

    def with_everything(self) -> Self:
        """Fetch what an ask's JSON shows, in a fixed number of queries."""
        return self.with_table().select_related("track", "answer")

    def with_table(self) -> Self:
        """Fetch who may decide, what was decided and what came after, for whoever has the track."""
        asks = self.annotate(successor_id=F("successor__pk")).select_related("answer")
        return asks.prefetch_related(Prefetch("holders", Holder.objects.at_the_table()))


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
    escalate_to = JSONText(default=list, help_text="Whom to ask next, in order; each once.")
    escalate_after_seconds = models.PositiveIntegerField(null=True)
    delegation = models.CharField(
        max_length=11,
        choices=Delegation,
        blank=True,
        help_text="To whom an approver may pass this on; empty: as the workspace has it.",
    )
    escalated_from = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="successor"
    )
    action_digest = models.CharField(max_length=71, null=True)
    display_digest = models.CharField(max_length=71)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ends_at = models.DateTimeField(
        help_text="When it is over unless it is answered: it expires, or another is asked."
    )
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.OPEN)
    closed_at = models.DateTimeField(null=True)
    cancel_reason = models.TextField(null=True)

    objects = AskQuerySet.as_manager()

    if TYPE_CHECKING:  # added by presented() and with_table()
        seen_at: datetime
        successor_id: UUID | None

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
            models.Index("ends_at", name="ask_due", condition=Q(status="open")),
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

    @property
    def is_overdue(self) -> bool:
        """Tell whether it was over when it was looked at, and nobody had recorded it yet."""
        return self.status == Ask.Status.OPEN and self.ends_at <= self.seen_at

    @property
    def shown_status(self) -> str:
        """Return the status as everybody sees it."""
        return Ask.Status.TIMEOUT if self.is_overdue else self.status

    @property
    def shown_closed_at(self) -> datetime | None:
        """Return since when it is closed, as everybody sees it."""
        return self.ends_at if self.is_overdue else self.closed_at

    @cached_property
    def table(self) -> list["Holder"]:
        """Return who may decide, seat by seat, the one who was asked first."""
        return seated(self.holders.all())

    @property
    def asked(self) -> list[Approver]:
        """Return who was asked, in the order of the seats."""
        return [each.approver for each in self.table if each.kind == Holder.Kind.ASKED]

    @property
    def said(self) -> list["Decision"]:
        """Return what was decided at each seat, the first decision first."""
        asked = (each for each in self.table if each.kind == Holder.Kind.ASKED)
        found = [each.decision for each in asked if each.decision is not None]
        return sorted(found, key=lambda decision: (decision.at, decision.pk))

    @property
    def settled_by(self) -> "Decision":
        """Return the decision that made the answer certain."""
        return next(each for each in self.said if each.pk == self.answer.decision_id)

    def holder_of(self, approver_id: UUID) -> "Holder | None":
        """Return the place from which an approver may decide, if there is one."""
        return next((each for each in self.table if each.approver_id == approver_id), None)

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


class Decision(models.Model):
    """What was said at one seat, by whom and with what evidence."""

    seat = models.OneToOneField("Seat", on_delete=models.PROTECT)  # one decision per seat
    ask = models.ForeignKey(Ask, on_delete=models.PROTECT, related_name="decisions")
    approver = models.ForeignKey(Approver, on_delete=models.PROTECT)
    value = JSONText()
    comment = models.TextField(null=True)
    at = models.DateTimeField()
    verified_by = models.CharField(max_length=24)
    verified_at = models.DateTimeField()
    form_nonce = models.CharField(max_length=64)
    batch_id = models.UUIDField(null=True, help_text="Decisions that were made together.")
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
