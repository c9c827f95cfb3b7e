"""Where a workspace wants to see its asks beside the mail."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models.ask import Ask
from config.crypto import SealedText
from tracks.models import Workspace
from tracks.work import Work


class SlackChannel(models.Model):
    """An incoming webhook, or a bot's token and a channel; the bot can change its cards later."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="slack")
    webhook_url = SealedText(blank=True, default="")
    bot_token = SealedText(blank=True, default="")
    channel = models.CharField(max_length=80, blank=True, help_text="For the bot: C0123456789.")
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"Slack of {self.workspace}"


class SlackCard(Work):
    """The card of an ask in its workspace's channel; due when it must be posted or changed."""

    LEASE = timedelta(seconds=60)

    ask = models.OneToOneField(
        Ask, on_delete=models.CASCADE, primary_key=True, related_name="slack_card"
    )
    message_id = models.CharField(
        max_length=64, blank=True, help_text="Slack's channel and `ts` of the card."
    )
    posted_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True, help_text="When it was changed to the outcome.")
    failed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at", name="slack_card_due", condition=Q(next_attempt_at__isnull=False)
            ),
        ]
