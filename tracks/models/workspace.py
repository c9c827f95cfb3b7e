"""A tenant and the keys with which its agents come in."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import ClassVar

from django.db import models
from django.utils import timezone

from tracks.ids import BASE62, new_id, random_base62
from tracks.json_text import JSONText

KEY_PREFIX = "sk_live_"
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 12, 32, 6

SCOPES = (
    "tracks:read",
    "tracks:write",
    "asks:read",
    "asks:write",
    "audit:read",
    "webhooks:read",
    "webhooks:write",
    "connections:read",
    "connections:write",
)


class Delegation(models.TextChoices):
    """To whom an approver may pass a request on."""

    NONE = "none", "nobody"
    SAME_DOMAIN = "same_domain", "colleagues with the same mail domain"
    ANY = "any", "anybody"


class Workspace(models.Model):
    """A tenant: owns keys, tracks and everything on them."""

    class Plan(models.TextChoices):
        UNLIMITED = "unlimited"
        FREE = "free"
        PRO = "pro"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    contact_email = models.EmailField(
        max_length=254, blank=True, help_text="Who is told when something here needs looking after."
    )
    plan = models.CharField(max_length=9, choices=Plan, default=Plan.UNLIMITED)
    delegation = models.CharField(
        max_length=11,
        choices=Delegation,
        default=Delegation.SAME_DOMAIN,
        help_text="To whom an approver may pass a request on, unless the request says otherwise.",
    )
    escalate_to = JSONText(
        default=list,
        blank=True,
        help_text="Addresses that are asked next, in order, where a request names none.",
    )
    escalate_after_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="When they are asked; empty: once the request has expired."
    )
    requires_totp = models.BooleanField(
        default=False,
        help_text="Staff see this workspace only after a code of their authenticator app.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


def all_scopes() -> list[str]:
    """Return every scope: what a key has when none is named."""
    return list(SCOPES)


@dataclass(frozen=True, slots=True)
class KeyParts:
    """An API key's text, taken apart."""

    key_id: str
    secret: str

    @property
    def text(self) -> str:
        body = f"{KEY_PREFIX}{self.key_id}{self.secret}"
        return body + _checksum(body)

    @property
    def secret_hash(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @classmethod
    def generate(cls) -> "KeyParts":
        """Return a new key: 190 bits of secret behind a public id."""
        return cls(random_base62(ID_LENGTH), random_base62(SECRET_LENGTH))

    @classmethod
    def parse(cls, text: str) -> "KeyParts | None":
        """Take a key apart, or return None if it cannot be one: no lookup is needed then."""
        body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
        if len(body) != len(KEY_PREFIX) + ID_LENGTH + SECRET_LENGTH or not text.isascii():
            return None
        if not body.startswith(KEY_PREFIX) or checksum != _checksum(body):
            return None
        key_id = body[len(KEY_PREFIX) : -SECRET_LENGTH]
        return cls(key_id, body[-SECRET_LENGTH:])


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(BASE62))
        digits = BASE62[digit] + digits
    return digits


class ApiKey(models.Model):
    """A key of a workspace. Only its public id and the hash of its secret are stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120, help_text="Shown to approvers as who is asking.")
    key_id = models.CharField(max_length=ID_LENGTH, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = models.JSONField(default=all_scopes)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    # One key takes another's place once: unique, so that a button pressed twice makes one.
    replaces = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, related_name="replaced_by", editable=False
    )

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name = "API key"
        permissions: ClassVar = [
            ("rotate_apikey", "Can replace an API key"),
            ("revoke_apikey", "Can revoke an API key"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({KEY_PREFIX}{self.key_id}…{self.last_four})"

    @property
    def public_id(self) -> str:
        """Return the part of the key that may be known."""
        return f"{KEY_PREFIX}{self.key_id}"

    @classmethod
    def issue(
        cls, *, workspace: Workspace, name: str, scopes: list[str] | None = None
    ) -> tuple["ApiKey", str]:
        """Create a key and return it with its text, which nobody can read again."""
        key = cls(workspace=workspace, name=name)
        if scopes is not None:
            key.scopes = scopes
        return key, key.save_with_secret()

    def save_with_secret(self) -> str:
        """Save a new key, and return its text."""
        parts = KeyParts.generate()
        self.key_id, self.secret_hash = parts.key_id, parts.secret_hash
        self.last_four = parts.text[-4:]
        self.save(force_insert=True)
        return parts.text
