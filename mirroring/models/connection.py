"""A system of record from which approvals come, and what it must show to be let in."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from config.crypto import SealedText
from tracks.actors import Actor
from tracks.ids import new_id, public_id
from tracks.models import Workspace

LONGEST_TIMEOUT = 2_592_000  # 30 days


class Connection(models.Model):
    class Kind(models.TextChoices):
        PUSH = "push"  # the system, or a poller beside it, posts to us

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    name = models.CharField(max_length=120, help_text="Shown to approvers as who is asking.")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PUSH)
    enabled = models.BooleanField(default=True)
    bearer_hash = models.CharField(max_length=64, blank=True, editable=False)
    allows_unsigned = models.BooleanField(
        default=False,
        help_text="Unsafe: anybody who knows the URL can open requests. One in ten seconds.",
    )
    unsigned_at = models.DateTimeField(null=True, editable=False)
    timeout_seconds = models.PositiveIntegerField(default=LONGEST_TIMEOUT)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering: ClassVar = ["workspace", "name"]
        constraints: ClassVar = [
            # commands and the audit log name a connection by its name
            models.UniqueConstraint("workspace", "name", name="connection_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return public_id("con", self.pk)

    @property
    def url(self) -> str:
        """Return where its records are posted."""
        return f"{settings.PUBLIC_BASE_URL}/webhooks/{self.public_id}"

    @property
    def actor(self) -> Actor:
        return Actor("connection", self.name)

    def keys_at(self, moment: datetime) -> list[str]:
        """Return the secrets with which its messages may be signed."""
        live = self.secrets.filter(Q(expires_at=None) | Q(expires_at__gt=moment))
        return [row.key for row in live]


class ConnectionSecret(models.Model):
    """A `whsec_…` that the system signs with; one is current, others may overlap with it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="secrets")
    key = SealedText()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)  # null: the current one

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # two rotations at once leave one current secret
            models.UniqueConstraint(
                "connection", condition=Q(expires_at=None), name="connection_secret_one_current"
            ),
        ]
