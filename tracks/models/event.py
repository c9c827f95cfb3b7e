"""The event log: the audit trail, the timeline, the agent's feed and the queue of what follows."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models

from tracks.ids import new_id, public_id
from tracks.json_text import JSONText
from tracks.models.track import Track
from tracks.models.workspace import Workspace
from tracks.work import Work


class Event(models.Model):
    """One thing that happened to a track. Append-only, numbered per track, hash-chained."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # As the track has it, which never moves: lists of a workspace need no look at its tracks.
    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        editable=False,
    )
    track = models.ForeignKey(Track, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=40)
    actor_type = models.CharField(max_length=12)
    actor_name = models.CharField(max_length=254)
    at = models.DateTimeField()
    data_commitment = models.CharField(max_length=64)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["track", "seq"]
        permissions: ClassVar = [("export_event", "Can export the event log")]
        constraints: ClassVar = [
            # a reader that asks for `after=seq` can never miss one
            models.UniqueConstraint("track", "seq", name="event_seq_unique"),
            # the chain cannot fork
            models.UniqueConstraint("track", "prev_hash", name="event_prev_hash_unique"),
        ]
        # All are read from their end. Upwards, because what grows at its end fills its pages.
        indexes: ClassVar = [
            # staff look at what happened in one workspace …
            models.Index("workspace", "id", name="event_newest"),
            # … at what happened there of one type …
            models.Index("workspace", "type", "id", name="event_newest_of_type"),
            # … or anywhere
            models.Index("type", "id", name="event_of_type"),
            # staff look at what somebody did, or somebody of a kind. Without the key, which is what
            # is large in an index: PostgreSQL keeps what is equal once, with a list of its rows.
            models.Index("actor_type", "actor_name", "workspace", name="event_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"

    @property
    def public_id(self) -> str:
        return public_id("evt", self.pk)

    @property
    def data(self) -> dict[str, Any] | None:
        """Return what the event says, or None once it was erased."""
        content: EventData | None = getattr(self, "content", None)
        return None if content is None else content.data


class EventData(models.Model):
    """What an event says. Kept apart so that it can be erased and the chain still verifies."""

    event = models.OneToOneField(
        Event, on_delete=models.CASCADE, primary_key=True, related_name="content"
    )
    data = JSONText()
    salt = models.CharField(max_length=64)


class Dispatch(Work):
    """An event whose consumers have not all run. Born claimed by the process that committed it."""

    LEASE = timedelta(seconds=30)

    event = models.OneToOneField(Event, on_delete=models.CASCADE, primary_key=True)
    done = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "dispatches"
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index("next_attempt_at", name="dispatch_due"),
        ]

    def __str__(self) -> str:
        return str(self.event)
