"""The second factor of a member of staff: an app that shows codes, and codes for when it is lost.

`django_otp` keeps the count of wrong tries and ties a session to a device. Its own devices store
their secrets in the clear, ours does not.
"""

import hashlib
import secrets
from typing import ClassVar

from django.db import models
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from config.crypto import SealedText
from tracks.clock import database_now

RECOVERY_CODES = 10
MOST_FAILURES = 10  # further ones do not lengthen the pause, which is then 2^9 s: eight minutes
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 without l and o, 0 and 1


class Authenticator(ThrottlingMixin, Device):  # type: ignore[misc]  # django_otp has no types
    """Whoever loads one to verify a code locks its row: `django_otp.verify_token` does."""

    throttling_failure_count: int
    key = SealedText()  # hexadecimal, 160 bits (RFC 4226 §4)
    last_step = models.BigIntegerField(default=-1)
    added_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            # a member of staff has one; the next takes its place
            models.UniqueConstraint("user", name="authenticator_one_each"),
        ]

    def verify_token(self, token: str) -> bool:
        """Take a code of the app, or a recovery code; each is taken once."""
        allowed, _ = self.verify_is_allowed()
        if not allowed:
            return False
        typed = "".join(token.split()).replace("-", "").lower()
        if self._takes(typed) or self._takes_recovery_code(typed):
            self.throttle_reset()
            return True
        self.throttle_increment()
        return False

    def _takes(self, typed: str) -> bool:
        step = step_of(self.key, typed, after=self.last_step)
        if step is not None:
            self.last_step = step
        return step is not None

    def _takes_recovery_code(self, typed: str) -> bool:
        used, _ = self.recovery_codes.filter(digest=_digest(typed)).delete()
        return bool(used)

    def throttle_increment(self, commit: bool = True) -> None:
        """Count a wrong try; the pauses double, but not for ever."""
        super().throttle_increment(commit=False)
        self.throttling_failure_count = min(self.throttling_failure_count, MOST_FAILURES)
        if commit:
            self.save()

    def get_throttle_factor(self) -> int:
        """Return the first pause in seconds."""
        return 1

    def new_recovery_codes(self) -> list[str]:
        """Make new recovery codes in place of those there are, and return them."""
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        digests = [_digest(code.replace("-", "")) for code in codes]
        self.recovery_codes.all().delete()
        RecoveryCode.objects.bulk_create(
            RecoveryCode(authenticator=self, digest=digest) for digest in digests
        )
        return codes


class RecoveryCode(models.Model):
    """80 bits, of which the hash is kept until it is used."""

    authenticator = models.ForeignKey(
        Authenticator, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)


def step_of(key: str, typed: str, *, after: int = -1) -> int | None:
    """Return for which 30 seconds a code is right, of those behind `after`; None if for none."""
    if not (typed.isascii() and typed.isdigit() and len(typed) == 6):
        return None
    totp = TOTP(bytes.fromhex(key))
    totp.time = database_now().timestamp()
    right = totp.verify(int(typed), tolerance=1, min_t=after + 1)
    return totp.t() if right else None


def _recovery_code() -> str:
    text = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
