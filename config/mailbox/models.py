"""The mail that the embedded run would have sent."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Message(models.Model):
    """One mail, taken apart for showing."""

    to = models.JSONField()
    sender = models.TextField()
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    headers = models.JSONField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.subject
