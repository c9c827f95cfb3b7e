"""That beat and the workers live, as the database has last heard of them."""

from typing import ClassVar

from django.db import models


class Heartbeat(models.Model):
    """One row for beat and one for each worker that has finished a task of late."""

    class Kind(models.TextChoices):
        BEAT = "beat"  # a tick that a worker took: proves beat, the broker and a worker
        WORKER = "worker"

    name = models.CharField(max_length=255, primary_key=True)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["kind", "name"]

    def __str__(self) -> str:
        return self.name
