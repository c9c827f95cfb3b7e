"""How many asks a workspace has opened in a calendar month."""

from typing import ClassVar

from django.db import models

from tracks.models import Workspace


class MonthOfAsks(models.Model):
    """The counter of a month in UTC. Changed under its own row lock, the last in the order."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    month = models.CharField(max_length=7)  # 2026-11
    asks = models.PositiveIntegerField(default=0)
    grace_ends_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "months of asks"
        constraints: ClassVar = [
            # one counter a month, whoever counts first
            models.UniqueConstraint("workspace", "month", name="month_of_asks_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.month}: {self.asks}"
