"""How many requests were sent to a system lately, whichever process sent them."""

from typing import ClassVar

from django.db import models

from mirroring.models.connection import Connection
from tracks.ids import new_id


class RequestCount(models.Model):
    """Ten seconds of a connection; `said_at` and what follows is the system's own word, if any."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="request_counts"
    )
    at = models.DateTimeField(help_text="When the ten seconds begin.")
    sent = models.PositiveIntegerField(default=0)
    said_at = models.DateTimeField(null=True)
    remaining = models.PositiveIntegerField(null=True, help_text="What is left of its limit.")
    most = models.PositiveIntegerField(null=True, help_text="Its limit.")
    resets_at = models.DateTimeField(null=True, help_text="When it counts anew.")
    paused_until = models.DateTimeField(null=True, help_text="It asked for a pause (Retry-After).")

    class Meta:
        constraints: ClassVar = [
            # processes add to one row; the page of a connection reads its last hour
            models.UniqueConstraint("connection", "at", name="request_count_unique"),
        ]
        indexes: ClassVar = [
            # the purge, and the metrics of all connections
            models.Index("at", name="request_count_age"),
        ]

    def __str__(self) -> str:
        return f"{self.sent} from {self.at:%Y-%m-%d %H:%M:%S}"
