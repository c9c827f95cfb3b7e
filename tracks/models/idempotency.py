"""Answers kept so that a repeated POST has no second effect."""

from typing import ClassVar

from django.db import models

from tracks.json_text import JSONText
from tracks.models.workspace import Workspace


class IdempotencyKey(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = JSONText()
    is_sealed = models.BooleanField(default=False, help_text="The body is encrypted.")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            # the second request of a pair finds the first, or waits for it
            models.UniqueConstraint("workspace", "key", name="idempotency_key_unique"),
        ]
        indexes: ClassVar = [
            # the purge looks for what is older than seven days
            models.Index("created_at", name="idempotency_key_age"),
        ]
