"""A decision on its way back into its system."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models import Ask
from mirroring.models.record import Record
from tracks.ids import new_id
from tracks.json_text import JSONText
from tracks.work import Work


class Push(Work):
    """What one ask came to, to be written once: looked at before, read back after."""

    LEASE = timedelta(seconds=90)  # several requests, each of which may take its fifteen seconds

    class Status(models.TextChoices):
        PENDING = "pending"  # not sent, as far as we know
        SENT = "sent"  # sent, and not seen to have worked yet
        CONFIRMED = "confirmed"  # read back
        STALE = "stale"  # nothing was written: it was decided elsewhere, or is gone
        CHANGED = "changed"  # nothing was written: it is not what was decided about
        CONFLICT = "conflict"  # it was written, and the system says otherwise now
        NEEDS_HUMAN = "needs_human"  # the system would not take it

    # Nothing more will come of these.
    OVER: ClassVar = (Status.CONFIRMED, Status.STALE, Status.CHANGED, Status.CONFLICT)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="pushes")
    ask = models.OneToOneField(Ask, on_delete=models.PROTECT, related_name="push")
    status = models.CharField(max_length=11, choices=Status, default=Status.PENDING)
    choice = models.CharField(max_length=255, help_text="The option's code in the connector.")
    label = models.CharField(max_length=255)
    state = models.CharField(max_length=12, help_text="What the choice leads to.")
    decided_by = models.CharField(max_length=254)
    comment = models.TextField(blank=True)
    decided_at = models.DateTimeField()
    digest = models.CharField(max_length=64, help_text="Of the material that was decided about.")
    sent_at = models.DateTimeField(null=True, help_text="When it was last about to be sent.")
    confirmed_at = models.DateTimeField(null=True)
    noted_at = models.DateTimeField(null=True, help_text="When the system was told who decided.")
    looks = models.PositiveSmallIntegerField(default=0, help_text="Taken after it was confirmed.")
    history = JSONText(default=list, help_text="What each attempt did: at, what, detail.")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "pushes"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at", name="push_due", condition=Q(next_attempt_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} to {self.record}"

    @property
    def key(self) -> str:
        """Return what every attempt of this decision has in common."""
        return f"sayso-{self.pk.hex}"
