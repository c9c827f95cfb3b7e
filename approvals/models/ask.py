"""One question to one or more people, and what came of it."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Func, Prefetch, Q, Value

from approvals.models.people import Approver, Holder, seated
from tracks.clock import database_now
from tracks.ids import new_id, public_id
from tracks.json_text import JSONText
from tracks.models import Delegation, Track, Workspace


class Reference(Func):
    """The end of a key, from which a reference is made: the same text on both databases."""

    function = "RIGHT"
    template = "%(function)s(CAST(%(expressions)s AS text), 8)"
    output_field = models.CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL of a database that keeps the key as text and has no RIGHT."""
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, -8)", **context)


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
        return self.with_table().select_related("track")

    def with_table(self) -> Self:
        """Fetch who may decide, what was decided and what came after, for whoever has the track."""
        asks = self.annotate(successor_id=F("successor__pk")).select_related("answer__override")
        return asks.with_holders()

    def with_holders(self) -> Self:
        """Fetch who may decide and what was decided, in one more query."""
        return self.prefetch_related(Prefetch("holders", Holder.objects.at_the_table()))

    def close(self, status: str, *, at: datetime | F, **fields: Any) -> int:
        """Let those that are open leave that state; return how many that were."""
        still_open = self.filter(status=Ask.Status.OPEN)
        return still_open.update(status=status, closed_at=at, **fields)


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
    is_quiet = models.BooleanField(
        default=False, help_text="One of many that came at once: digests alone tell of it."
    )
    asked_by = models.CharField(max_length=120)
    asked_by_key = models.CharField(max_length=12)
    timeout_seconds = models.PositiveIntegerField()
    due_at = models.DateTimeField(null=True)
    escalate_to = JSONText(default=list, help_text="Whom to ask next, in order; each once.")
    escalate_after_seconds = models.PositiveIntegerField(null=True)
    has_workspace_line = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whom to ask next is what the workspace says, not the caller.",
    )
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
    comment_wanted_for = JSONText(
        default=list,
        help_text="Answers that want a comment, as forms send them.",
    )
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
        permissions: ClassVar = [
            ("cancel_ask", "Can withdraw an ask"),
            ("nudge_ask", "Can remind an approver of an ask"),
            ("override_ask", "Can settle an ask in place of its approvers"),
            ("reassign_ask", "Can let somebody else decide an ask"),
            ("resend_ask", "Can send the notice of an ask again"),
        ]
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
            # staff look for the withdrawn, the timed out: few among many; opening one costs nothing
            models.Index(
                "status", F("id").desc(), name="ask_closed_newest", condition=~Q(status="open")
            ),
            # staff look at what one agent has asked …
            models.Index(
                "asked_by_key", F("id").desc(), name="ask_of_key", condition=~Q(asked_by_key="")
            ),
            # … or what came through one connection, which has no key
            models.Index(
                "asked_by", F("id").desc(), name="ask_of_source", condition=Q(asked_by_key="")
            ),
            # staff look at what is of high risk
            models.Index(
                "risk", F("id").desc(), name="ask_of_risk", condition=Q(risk__isnull=False)
            ),
            # staff look at what is wanted soon, or was
            models.Index(
                "due_at", name="ask_wanted", condition=Q(status="open", due_at__isnull=False)
            ),
            # staff look at the asks of a time, and at what became of them
            models.Index("created_at", name="ask_created"),
            # staff look for an ask by the reference that somebody has read to them
            models.Index(Reference("id"), name="ask_reference"),
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
    def acting(self) -> list["Holder"]:
        """Return who may decide now: everybody at the table whose place nobody has taken."""
        return [each for each in self.table if each.relieved_at is None]

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
    def is_overridden(self) -> bool:
        """Tell whether staff has settled it in place of its approvers."""
        return self.status == Ask.Status.ANSWERED and self.answer.override_id is not None

    @property
    def settled_by(self) -> "Decision | Override":
        """Return what made the answer certain: the last decision, or staff."""
        if self.answer.override is not None:
            return self.answer.override
        return next(each for each in self.said if each.pk == self.answer.decision_id)

    def holder_of(self, approver_id: UUID) -> "Holder | None":
        """Return the place from which an approver may decide, if there is one."""
        return next((each for each in self.acting if each.approver_id == approver_id), None)

    def has_seated(self, approver_id: UUID) -> bool:
        """Tell whether an approver has a place at the table, or had one."""
        return any(each.approver_id == approver_id for each in self.table)

    def close(self, status: Status, *, at: datetime, **fields: Any) -> bool:
        """Leave the open state; False when the ask had left it before."""
        changed = Ask.objects.filter(pk=self.pk).close(status, at=at, **fields)
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
        indexes: ClassVar = [
            # staff look for what somebody has commented
            models.Index("ask", name="decision_commented", condition=Q(comment__isnull=False)),
        ]

    @property
    def by(self) -> str:
        """Return who decided, as everybody is told."""
        return self.approver.address


class Override(models.Model):
    """Staff has settled an ask in place of its approvers: who, why, and from where."""

    VERIFIED_BY = "staff_override"

    ask = models.OneToOneField(
        Ask, on_delete=models.PROTECT, primary_key=True, related_name="override"
    )
    by = models.CharField(max_length=254, help_text="The name with which staff signs in.")
    value = JSONText()
    reason = models.TextField()
    at = models.DateTimeField()
    ip = models.CharField(max_length=45)
    user_agent = models.CharField(max_length=400)

    @property
    def comment(self) -> str:
        """Return the reason, which takes the place of an approver's comment."""
        return self.reason

    @property
    def verified_by(self) -> str:
        """Return how the contract names this: nobody has proven a mailbox."""
        return self.VERIFIED_BY

    @property
    def verified_at(self) -> None:
        """Return nothing: nobody has proven a mailbox."""
        return


class Answer(models.Model):
    """The outcome of an answered ask; there can be only one."""

    ask = models.OneToOneField(Ask, on_delete=models.PROTECT, primary_key=True)
    decision = models.OneToOneField(
        Decision, on_delete=models.PROTECT, null=True, help_text="The one that settled it."
    )
    override = models.OneToOneField(
        Override, on_delete=models.PROTECT, null=True, help_text="What settled it instead."
    )
    value = JSONText()

    class Meta:
        constraints: ClassVar = [
            # an outcome comes from the approvers or from staff, never from nowhere or from both
            models.CheckConstraint(
                condition=Q(decision__isnull=False, override=None)
                | Q(decision=None, override__isnull=False),
                name="answer_has_one_origin",
            ),
        ]


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
