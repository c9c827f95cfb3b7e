"""One piece of work that an outside person can watch at a URL, and its steps."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from tracks.ids import new_id, public_id, random_base62
from tracks.json_text import JSONText
from tracks.models.workspace import Workspace
from tracks.sources import Source

SLUG_LENGTH = 22  # 131 bits: whoever knows the slug may look
GENESIS = "0" * 64


def new_slug() -> str:
    """Return the secret part of a track's address."""
    return random_base62(SLUG_LENGTH)


class Track(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "active"
        COMPLETED = "completed"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="tracks")
    slug = models.CharField(max_length=SLUG_LENGTH, unique=True, default=new_slug, editable=False)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.ACTIVE)
    customer_email = models.CharField(max_length=254, null=True)
    password_hash = models.CharField(max_length=128, null=True)
    external_id = models.CharField(max_length=255, null=True)
    creation_digest = models.CharField(max_length=64, editable=False)
    requester = models.CharField(max_length=254, null=True)
    metadata = JSONText(default=dict)
    source = JSONText(null=True, help_text="The system of record it mirrors: tracks.sources.")
    summary = models.TextField(null=True)
    failure_reason = models.TextField(null=True)
    failure_retryable = models.BooleanField(default=False)
    seq = models.PositiveIntegerField(default=0)
    head_hash = models.CharField(max_length=64, default=GENESIS, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [
            ("set_track_password", "Can set, change and clear the password of a track"),
        ]
        constraints: ClassVar = [
            # create_track(external_id=…) of a restarted agent finds its track again
            models.UniqueConstraint("workspace", "external_id", name="track_external_id_unique"),
            # there is no other state
            models.CheckConstraint(
                condition=Q(status__in=("active", "completed", "failed")),
                name="track_status_is_known",
            ),
        ]
        indexes: ClassVar = [
            # GET /tracks, newest first
            models.Index("workspace", F("id").desc(), name="track_newest"),
            # GET /tracks?status=
            models.Index("workspace", "status", F("id").desc(), name="track_newest_by_status"),
            # staff look at the tracks of every workspace by their status
            models.Index("status", F("id").desc(), name="track_by_status"),
            # staff look for the tracks of a customer
            models.Index(
                Lower("customer_email"),
                name="track_of_customer",
                condition=Q(customer_email__isnull=False),
            ),
            # waiting processes ask what has changed since they last looked
            models.Index("updated_at", name="track_changed"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def public_id(self) -> str:
        return public_id("trk", self.pk)

    @property
    def is_closed(self) -> bool:
        return self.status != self.Status.ACTIVE

    @property
    def comes_from(self) -> Source | None:
        """Return the system of record whose approval this is; None for an agent's work."""
        return Source.of(self.source)

    @property
    def is_protected(self) -> bool:
        return self.password_hash is not None


class Step(models.Model):
    """A named stage of a track."""

    class Status(models.TextChoices):
        PENDING = "pending"
        ACTIVE = "active"
        COMPLETED = "completed"
        FAILED = "failed"

    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="steps")
    index = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=120)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    detail = models.TextField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["index"]
        constraints: ClassVar = [
            # the steps of a track, in order
            models.UniqueConstraint("track", "index", name="step_index_unique"),
        ]

    def __str__(self) -> str:
        return self.title
