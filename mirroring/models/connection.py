"""A system of record from which approvals come, how it is reached, and what is done about them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from config.crypto import SealedText
from tracks.actors import Actor
from tracks.ids import new_id, public_id
from tracks.json_text import JSONText
from tracks.models import Workspace
from tracks.textpolicy import escaped

PUSH = "push"  # the kind without a connector: the system, or a poller beside it, posts to us
LONGEST_EXPIRY = 30  # days: the longest an ask can be open


class Connection(models.Model):
    class Notices(models.TextChoices):
        """How approvers learn that something waits for them."""

        AT_ONCE = "at_once", "a mail for each request, then digests"
        DIGEST = "digest", "digests alone"
        SILENT = "silent", "nothing: they look into their queue"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    name = models.CharField(max_length=120, help_text="Shown to approvers as who is asking.")
    kind = models.CharField(max_length=32, default=PUSH, help_text="push, or a connector's name.")
    enabled = models.BooleanField(default=True)
    # What the connector is told: the texts of its fields, those that are secret apart.
    config = JSONText(default=dict, blank=True)
    sealed_config = SealedText(default="{}", editable=False)
    interval_seconds = models.PositiveIntegerField(
        default=60, help_text="How often the system is asked what is new."
    )
    requests_per_minute = models.PositiveIntegerField(
        default=120, help_text="The most that are sent to the system; decisions come first."
    )
    notices = models.CharField(max_length=7, choices=Notices, default=Notices.AT_ONCE)
    notices_per_hour = models.PositiveSmallIntegerField(
        default=10, help_text="Mails about single requests to one person; the rest is summed up."
    )
    leaves_marks = models.BooleanField(
        default=True,
        help_text="Note in the system, once, who was asked here. Whoever was asked by another "
        "Sayso, or before a backup was restored, is then not written to again.",
    )
    expiry_days = models.PositiveSmallIntegerField(
        default=LONGEST_EXPIRY, help_text="How long one person is waited for (1 to 30)."
    )
    fallback_approver = models.CharField(
        max_length=254,
        blank=True,
        help_text="Who is asked after that, unless the system knows the approver's manager.",
    )
    allowed_domains = JSONText(
        default=list,
        blank=True,
        help_text="Mail domains of approvers; others are held for staff. Empty: any.",
    )
    bearer_hash = models.CharField(max_length=64, blank=True, editable=False)
    allows_unsigned = models.BooleanField(
        default=False,
        help_text="Unsafe: anybody who knows the URL can open requests. One in ten seconds.",
    )
    unsigned_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering: ClassVar = ["workspace", "name"]
        permissions: ClassVar = [("operate_connection", "Can operate a connection")]
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

    @property
    def is_polled(self) -> bool:
        """Tell whether a connector reaches the system: it is read, and written back to."""
        return self.kind != PUSH

    @property
    def whole_config(self) -> dict[str, str]:
        """Return all that the connector is told, secrets included."""
        return {**self.config, **json.loads(self.sealed_config)}

    def seal(self, secrets: Mapping[str, str]) -> None:
        """Take new secrets; those that are not named stay."""
        known: dict[str, Any] = json.loads(self.sealed_config)
        self.sealed_config = json.dumps({**known, **secrets})

    @property
    def timeout_seconds(self) -> int:
        """Return how long one person is waited for."""
        return int(timedelta(days=self.expiry_days).total_seconds())

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


class Identity(models.Model):
    """Somebody whom a system names without an address, and the address that staff gave them."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="identities")
    external_id = models.CharField(max_length=255, help_text="As the system knows them.")
    name = models.CharField(max_length=255, blank=True)
    address = models.CharField(max_length=254, blank=True, help_text="Empty: not known yet.")
    first_seen_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "identities"
        ordering: ClassVar = ["connection", "external_id"]
        constraints: ClassVar = [
            # a page of records looks all its people up at once
            models.UniqueConstraint("connection", "external_id", name="identity_unique"),
        ]

    def __str__(self) -> str:
        return escaped(self.name or self.external_id)
