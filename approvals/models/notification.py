"""Something to tell an approver: planned by a consumer, sent by a worker."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models.ask import Approver, Ask
from approvals.models.verification import Challenge
from tracks.ids import new_id
from tracks.models import Track
from tracks.work import Work


class Notification(Work):
    class Kind(models.TextChoices):
        ASK = "ask"
        SIGN_IN = "sign_in"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    track = models.ForeignKey(Track, on_delete=models.CASCADE)
    ask = models.ForeignKey(Ask, on_delete=models.CASCADE, null=True, related_name="notifications")
    approver = models.ForeignKey(Approver, on_delete=models.CASCADE)
    challenge = models.OneToOneField(Challenge, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    skipped_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            # nobody is told twice of one ask
            models.UniqueConstraint(
                "ask", "approver", condition=Q(kind="ask"), name="notification_once"
            ),
        ]
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at",
                name="notification_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
        ]
