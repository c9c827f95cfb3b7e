"""Something to tell the owner of a workspace by mail."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tracks.ids import new_id
from tracks.work import MAIL_LEASE, Work
from webhooks.models.endpoint import Endpoint


class OwnerNotice(Work):
    LEASE = MAIL_LEASE

    class Kind(models.TextChoices):
        GONE = "gone"
        FAILING = "failing"
        EXHAUSTED = "exhausted"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at",
                name="owner_notice_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.endpoint}"
