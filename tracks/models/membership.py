"""Which members of staff work in which workspaces. What they may do there is their groups'."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tracks.models.workspace import Workspace


class Membership(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        constraints: ClassVar = [
            # every page of the admin asks in which workspaces its reader works
            models.UniqueConstraint("user", "workspace", name="membership_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}"
