"""One mail that sums up what waits for somebody: in the morning, or after many came at once."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models.people import Approver
from tracks.ids import new_id
from tracks.work import MAIL_LEASE, Work


class Digest(Work):
    LEASE = MAIL_LEASE

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    approver = models.ForeignKey(Approver, on_delete=models.CASCADE, related_name="digests")
    day = models.DateField(help_text="In the zone of the workspace.")
    hour = models.DateTimeField(
        null=True, help_text="Of a prompt one: the hour that it is for. The daily one has none."
    )
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    skipped_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    message_id = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints: ClassVar = [
            # one a day
            models.UniqueConstraint(
                "approver", "day", condition=Q(hour=None), name="digest_once_a_day"
            ),
            # however many come at once, one an hour
            models.UniqueConstraint(
                "approver",
                "hour",
                condition=Q(hour__isnull=False),
                name="digest_once_an_hour",
            ),
        ]
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at", name="digest_due", condition=Q(next_attempt_at__isnull=False)
            ),
            # a mail service says what became of a mail
            models.Index("message_id", name="digest_message", condition=~Q(message_id="")),
        ]

    @property
    def is_prompt(self) -> bool:
        """Tell whether it was asked for, and does not wait for the morning."""
        return self.hour is not None
