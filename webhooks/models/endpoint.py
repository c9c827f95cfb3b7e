"""A URL that wants to hear of events, and the keys with which it can tell that we speak."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from config.crypto import SealedText
from tracks.ids import new_id, public_id
from tracks.models import Workspace


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def of(self, *workspace_ids: object) -> Self:
        """Keep those that a workspace, or one of several, has and sees."""
        return self.filter(workspace_id__in=workspace_ids, deleted_at=None)


class Endpoint(models.Model):
    class Scheme(models.TextChoices):
        SYMMETRIC = "v1"
        ASYMMETRIC = "v1a"

    class Why(models.TextChoices):
        """Why an endpoint is switched off; empty while it is on."""

        REQUESTED = "requested"
        GONE = "gone"
        FAILING = "failing"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    url = models.CharField("URL", max_length=2048)
    event_types = models.JSONField(default=list, help_text="None means all.")
    description = models.CharField(max_length=500, blank=True)
    scheme = models.CharField(max_length=3, choices=Scheme.choices, default=Scheme.SYMMETRIC)
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=9, choices=Why.choices, blank=True)
    disabled_at = models.DateTimeField(null=True)
    # Since when every attempt has failed, and how many have.
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [
            ("operate_endpoint", "Can pause, resume, test, rotate and recover an endpoint"),
        ]
        indexes: ClassVar = [
            # every event asks who in its workspace listens
            models.Index("workspace", name="endpoint_live", condition=Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def public_id(self) -> str:
        return public_id("whe", self.pk)

    def listens_to(self, type: str) -> bool:
        """Tell whether events of a type are wanted here."""
        return not self.event_types or type in self.event_types


class SigningKey(models.Model):
    """A `whsec_…` or `whsk_…` of an endpoint; one is current, others may overlap with it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="signing_keys")
    key = SealedText()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)  # null: the current one

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # two rotations at once leave one current key
            models.UniqueConstraint(
                "endpoint", condition=Q(expires_at=None), name="signing_key_one_current"
            ),
        ]

    def signs_at(self, moment: datetime) -> bool:
        """Tell whether the key is in use at a moment."""
        return self.expires_at is None or self.expires_at > moment
