"""What was posted to a connection: kept before it is acknowledged, applied after."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from mirroring.models.connection import Connection
from mirroring.models.record import Record
from tracks.clock import database_now
from tracks.ids import new_id
from tracks.textpolicy import escaped
from tracks.work import Work


class InboundHook(Work):
    """One message. The same id again, with whatever body, is the same message."""

    LEASE = timedelta(seconds=30)

    class Proof(models.TextChoices):
        """How its sender was known. Ids of one kind cannot take the place of another's."""

        SIGNATURE = "signature"
        BEARER = "bearer"
        NONE = "none"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="hooks")
    proof = models.CharField(max_length=9, choices=Proof.choices)
    webhook_id = models.CharField(max_length=256)
    body = models.TextField()
    body_digest = models.CharField(max_length=64)
    is_hint = models.BooleanField(
        default=False, help_text="It names an approval that is to be looked at in its system."
    )
    record = models.ForeignKey(Record, on_delete=models.SET_NULL, null=True)
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # fifty copies at once are one message
            models.UniqueConstraint("connection", "proof", "webhook_id", name="inbound_hook_once"),
        ]
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at",
                name="inbound_hook_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            # the purge
            models.Index("received_at", name="inbound_hook_age"),
        ]

    def __str__(self) -> str:
        return escaped(self.webhook_id)


class HintedHook(InboundHook):
    """The same row, as work for those who may talk to the system."""

    LEASE = timedelta(seconds=60)  # longer than one request takes

    class Meta:
        proxy = True
        default_permissions = ()

    @classmethod
    def due(cls, *, limit: int) -> list[Any]:
        """Return the messages that name an approval to be looked at, the oldest first."""
        rows = cls._default_manager.filter(is_hint=True, next_attempt_at__lte=database_now())
        return list(rows.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])
