"""Something to tell an approver: planned by a consumer, sent by a worker."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models.ask import Ask
from approvals.models.people import Approver
from approvals.models.verification import Challenge
from tracks.ids import new_id
from tracks.json_text import JSONText
from tracks.models import Track
from tracks.work import MAIL_LEASE, Work


class Notification(Work):
    LEASE = MAIL_LEASE

    class Kind(models.TextChoices):
        ASK = "ask"
        REMINDER = "reminder"
        NUDGE = "nudge"  # a reminder that staff wanted now
        SIGN_IN = "sign_in"
        UPDATE = "update"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    ordinal = models.PositiveSmallIntegerField(
        default=0,
        help_text="Which of its kind this is: 1, 2, 3. The first notice of an ask is 0.",
    )
    about = models.CharField(max_length=40, blank=True, help_text="Which of the updates this is.")
    content = JSONText(null=True, help_text="What an update says: approvals.updates.")
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
            # nobody is told twice of one ask or one piece of news, nor reminded twice at one time
            models.UniqueConstraint(
                "ask",
                "approver",
                "kind",
                "ordinal",
                "about",
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
            # staff look for asks of which somebody could not be told
            models.Index(
                "ask",
                name="notification_undelivered",
                condition=Q(failed_at__isnull=False) | Q(bounced_at__isnull=False),
            ),
            # a mail service says what became of a mail
            models.Index("message_id", name="notification_message", condition=~Q(message_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.approver}"
