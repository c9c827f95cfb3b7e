"""Something to tell an approver: planned by a consumer, sent by a worker."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models.ask import Ask
from approvals.models.people import Approver
from approvals.models.verification import Challenge
from tracks.ids import new_id
from tracks.models import Track
from tracks.work import Work


class Notification(Work):
    class Kind(models.TextChoices):
        ASK = "ask"
        REMINDER = "reminder"
        SIGN_IN = "sign_in"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    ordinal = models.PositiveSmallIntegerField(
        default=0, help_text="Which of the reminders of an ask this is: 1, 2, 3."
    )
    track = models.ForeignKey(Track, on_delete=models.CASCADE)
    ask = models.ForeignKey(Ask, on_delete=models.CASCADE, null=True, related_name="notifications")
    approver = models.ForeignKey(Approver, on_delete=models.CASCADE)
    challenge = models.OneToOneField(Challenge, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    skipped_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    message_id = models.CharField(
        max_length=255, blank=True, help_text="As the mail service knows it."
    )
    subject = models.CharField(
        max_length=120, blank=True, help_text="Kept by what follows, so that mails make one thread."
    )

    class Meta:
        constraints: ClassVar = [
            # nobody is told twice of one ask, nor reminded twice at one time
            models.UniqueConstraint(
                "ask",
                "approver",
                "kind",
                "ordinal",
                condition=~Q(kind="sign_in"),
                name="notification_once",
            ),
        ]
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at",
                name="notification_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            # a mail service says what became of a mail
            models.Index("message_id", name="notification_message", condition=~Q(message_id="")),
        ]
