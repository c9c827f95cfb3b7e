"""The security log of webhooks: what happened to endpoints, keys and deliveries, and by whom.

These are not events: an event belongs to a track, and these belong to none.
"""

from typing import ClassVar

from django.db import models

from tracks.ids import new_id
from tracks.json_text import JSONText
from tracks.models import Workspace


class Entry(models.Model):
    """Append-only, like the event log; a trigger sees to it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    type = models.CharField(max_length=40)
    subject = models.CharField(max_length=40)  # the public id of an endpoint, delivery, connection
    actor_type = models.CharField(max_length=12)
    actor_name = models.CharField(max_length=254)
    at = models.DateTimeField()
    data = JSONText(default=dict)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "entries"
        indexes: ClassVar = [
            # what happened to one endpoint
            models.Index("subject", name="entry_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"
