"""Signing in to the queue: a link and a code for an address, on no track."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tracks.ids import new_id
from tracks.work import MAIL_LEASE, Work


class QueueMail(Work):
    """A link and a code on their way to whoever reads a mailbox. Neither is stored.

    A row is written for every address that is typed; the worker mails to known ones alone, so that
    the page does not tell which are known.
    """

    LEASE = MAIL_LEASE

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    canonical = models.CharField(max_length=254)
    salt = models.CharField(max_length=32)
    code_hmac = models.CharField(max_length=64)
    token_hash = models.CharField(max_length=64, unique=True)
    nonce_hash = models.CharField(max_length=64)
    browser_hash = models.CharField(max_length=64)
    ip = models.CharField(max_length=45)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            # checking a code, and counting what was asked for an address
            models.Index("canonical", "created_at", name="queue_mail_of_address"),
            # counting what an address on the net has asked for, and purging
            models.Index("created_at", name="queue_mail_age"),
            # the sweep looks for what is due
            models.Index(
                "next_attempt_at", name="queue_mail_due", condition=Q(next_attempt_at__isnull=False)
            ),
        ]


class WrongQueueCode(models.Model):
    """A code that fitted no live mail to an address."""

    canonical = models.CharField(max_length=254)
    browser_hash = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # counting the tries of a day
            models.Index("canonical", "at", name="wrong_queue_code_of_address"),
        ]
