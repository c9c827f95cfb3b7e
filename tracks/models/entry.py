"""The log of what belongs to no track: keys, endpoints, connections, staff, and who changed them.

These are not events: an event belongs to a track, and is part of its chain.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F

from tracks.ids import new_id
from tracks.json_text import JSONText
from tracks.models.workspace import Workspace


class Entry(models.Model):
    """Append-only, like the event log; a trigger sees to it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, null=True, help_text="None: about all of this server."
    )
    type = models.CharField(max_length=40)
    subject = models.CharField(max_length=40)  # the public id of what it is about
    actor_type = models.CharField(max_length=12)
    actor_name = models.CharField(max_length=254)
    at = models.DateTimeField()
    data = JSONText(default=dict)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "log entry"
        verbose_name_plural = "log entries"
        indexes: ClassVar = [
            # what happened to one endpoint, key, connection
            models.Index("subject", name="entry_about"),
            # what happened in a workspace, newest first
            models.Index("workspace", F("id").desc(), name="entry_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"
