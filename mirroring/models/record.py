"""One approval in a system of record, mirrored here."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models import Ask
from mirroring.models.connection import Connection
from tracks.ids import new_id, public_id
from tracks.models import Track


class Record(models.Model):
    """Exactly one track, and one ask per approver tried; neither while a person must look first."""

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

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="records")
    external_id = models.CharField(max_length=255)
    revision = models.CharField(max_length=128)
    status = models.CharField(max_length=11, choices=Status.choices, default=Status.PENDING)
    reason = models.TextField(blank=True, help_text="Why a person must look.")
    approvers = models.JSONField(default=list)
    requester = models.CharField(max_length=254, null=True)
    url = models.CharField(max_length=2048, null=True)
    track = models.OneToOneField(Track, on_delete=models.PROTECT, null=True, related_name="record")
    ask = models.ForeignKey(Ask, on_delete=models.PROTECT, null=True)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # the same approval, however often it is sent, is one record
            models.UniqueConstraint("connection", "external_id", name="record_external_id_unique"),
            models.CheckConstraint(
                condition=Q(status="needs_human") | Q(track__isnull=False, ask__isnull=False),
                name="record_has_track_and_ask",
            ),
        ]

    def __str__(self) -> str:
        return self.external_id

    @property
    def public_id(self) -> str:
        return public_id("rec", self.pk)
