"""One approval in a system of record, mirrored here."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models import Ask
from mirroring.connectors.base import State
from mirroring.models.connection import Connection
from tracks.ids import new_id, public_id
from tracks.json_text import JSONText
from tracks.models import Track
from tracks.textpolicy import escaped
from tracks.work import Work


class Record(Work):
    """Exactly one track, and one ask per approver tried; neither while a person must look first.

    As work it is due when what was seen of it has not been followed up yet.
    """

    LEASE = timedelta(seconds=30)
    # An ask that was answered or passed a moment ago: its own news settles the record first.
    SOON = timedelta(seconds=5)

    class Status(models.TextChoices):
        PENDING = "pending"
        DECIDING = "deciding"
        APPROVED = "approved"
        REJECTED = "rejected"
        CANCELLED = "cancelled"
        EXPIRED = "expired"
        CHANGED = "changed"
        CONFLICT = "conflict"
        NEEDS_HUMAN = "needs_human"

    # Somebody is asked: for the first time, or again because it changed after they had answered.
    WAITING: ClassVar = (Status.PENDING, Status.CHANGED)
    DECIDED: ClassVar = (Status.APPROVED, Status.REJECTED, Status.CONFLICT)
    # The system may still end these without telling us.
    UNSETTLED: ClassVar = (*WAITING, Status.DECIDING, Status.EXPIRED, Status.NEEDS_HUMAN)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="records")
    external_id = models.CharField(max_length=255)
    revision = models.CharField(max_length=128)
    state = models.CharField(
        max_length=12, default=State.PENDING.value, help_text="As the system had it last."
    )
    seen = JSONText(default=dict, help_text="What the system says of it (mirroring/seen.py).")
    material_digest = models.CharField(max_length=128, blank=True)
    asked = JSONText(default=dict, help_text="The same, as it was put before the approver last.")
    asked_digest = models.CharField(max_length=128, blank=True, help_text="Of its material.")
    status = models.CharField(max_length=11, choices=Status.choices, default=Status.PENDING)
    reason = models.TextField(blank=True, help_text="Why a person must look.")
    approvers = models.JSONField(default=list)
    requester = models.CharField(max_length=254, null=True)
    url = models.CharField(max_length=2048, null=True)
    track = models.OneToOneField(Track, on_delete=models.PROTECT, null=True, related_name="record")
    ask = models.ForeignKey(Ask, on_delete=models.PROTECT, null=True)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True, help_text="When it was last read by itself.")
    settled_at = models.DateTimeField(null=True, help_text="Since when nothing is waited for.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # the same approval, however often it is sent, is one record
            models.UniqueConstraint("connection", "external_id", name="record_external_id_unique"),
            # nothing waits for nobody, unless it was only just seen
            models.CheckConstraint(
                condition=~Q(status__in=("pending", "changed", "deciding"))
                | Q(next_attempt_at__isnull=False)
                | Q(track__isnull=False, ask__isnull=False),
                name="record_has_track_and_ask",
            ),
        ]
        indexes: ClassVar = [
            # what was seen and is not followed up yet
            models.Index(
                "next_attempt_at", name="record_due", condition=Q(next_attempt_at__isnull=False)
            ),
            # the sweep: what may have ended unseen, the longest unseen first
            models.Index(
                "connection",
                "last_seen_at",
                name="record_unsettled",
                condition=Q(
                    status__in=("pending", "changed", "deciding", "expired", "needs_human")
                ),
            ),
            # tracks of records that were settled some days ago are closed
            models.Index(
                "settled_at", name="record_settled", condition=Q(settled_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return escaped(self.external_id)

    @property
    def public_id(self) -> str:
        return public_id("rec", self.pk)

    @property
    def title(self) -> str:
        """Return what the system calls it."""
        title: str = self.seen.get("title", self.external_id)
        return title
