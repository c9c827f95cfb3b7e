"""Proof that a browser belongs to whoever reads a mailbox."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from approvals.models.ask import Ask
from approvals.models.people import Approver
from tracks.ids import new_id
from tracks.models import Track


class Browser(models.Model):
    """A browser that has proven something. Its cookie is stored as a hash."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()


class Grant(models.Model):
    """What a browser may do: look behind a track's password, or act for an address.

    On one track; from the queue, for an address on every track it is asked on.
    """

    class Kind(models.TextChoices):
        UNLOCK = "unlock"
        VERIFIED = "verified"
        QUEUE = "queue"

    class Method(models.TextChoices):
        PASSWORD = "password"  # noqa: S105  the name of a method
        LINK = "email_link"
        CODE = "email_code"

    browser = models.ForeignKey(Browser, on_delete=models.CASCADE, related_name="grants")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    track = models.ForeignKey(Track, on_delete=models.CASCADE, null=True, related_name="grants")
    approver = models.ForeignKey(Approver, on_delete=models.CASCADE, null=True)
    canonical = models.CharField(max_length=254, blank=True, help_text="Of the queue's address.")
    method = models.CharField(max_length=10, choices=Method.choices)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    ip = models.CharField(max_length=45)
    user_agent = models.CharField(max_length=400)

    class Meta:
        permissions: ClassVar = [("revoke_grant", "Can revoke verified browsers")]
        constraints: ClassVar = [
            # a password proves nobody's mailbox; whoever is verified has one
            models.CheckConstraint(
                condition=Q(kind="unlock", approver=None, canonical="")
                | Q(kind="verified", approver__isnull=False, canonical="")
                | (Q(kind="queue", approver=None, track=None) & ~Q(canonical="")),
                name="grant_names_its_holder",
            ),
        ]
        indexes: ClassVar = [
            # revoking what was granted on a track
            models.Index("track", "kind", name="grant_of_track"),
            # revoking an address's sign-ins to the queue
            models.Index("canonical", name="grant_of_address", condition=Q(kind="queue")),
        ]


class Challenge(models.Model):
    """A link and a code on their way to a mailbox. Neither is stored, only what recognizes them."""

    class Kind(models.TextChoices):
        PAGE = "page"  # asked for on the page: a link and a code, 10 minutes
        NOTICE = "notice"  # came with an ask's own notice: a code, 24 hours

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    track = models.ForeignKey(Track, on_delete=models.CASCADE)
    approver = models.ForeignKey(Approver, on_delete=models.CASCADE)
    ask = models.ForeignKey(Ask, on_delete=models.CASCADE, null=True)
    salt = models.CharField(max_length=32)
    code_hmac = models.CharField(max_length=64)
    token_hash = models.CharField(max_length=64, unique=True, null=True)
    nonce_hash = models.CharField(max_length=64, blank=True)
    browser_hash = models.CharField(max_length=64, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            # checking a code, and counting what was sent to an address
            models.Index("track", "approver", "created_at", name="challenge_of_address"),
            # counting what was sent for an address on the net, and purging
            models.Index("created_at", name="challenge_age"),
        ]


class WrongCode(models.Model):
    """A code that fitted no live challenge."""

    track = models.ForeignKey(Track, on_delete=models.CASCADE)
    approver = models.ForeignKey(Approver, on_delete=models.CASCADE)
    browser_hash = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # counting the tries of a day
            models.Index("track", "approver", "at", name="wrong_code_of_address"),
        ]
