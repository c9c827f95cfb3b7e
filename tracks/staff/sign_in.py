"""Signing in with a password, as often as a person needs and no more."""

import hashlib
from datetime import timedelta
from typing import Any

import structlog
from django.core.cache import cache
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

log = structlog.get_logger(__name__)

WITHIN = timedelta(minutes=15)
PER_NAME_AND_CLIENT = 5
PER_CLIENT = 30
PER_NAME = 100  # high: a stranger must not lock a member of staff out


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # unfold has no types
    """Refuses, without looking at the password, once too many have been wrong."""

    def clean(self) -> dict[str, Any]:
        """Check the password, and count it if it is wrong."""
        counters = self._counters()
        if any(cache.get(key, 0) >= most for key, most in counters.items()):
            log.warning("staff.sign_in_limited")
            raise ValidationError(
                "Too many wrong passwords. Wait a quarter of an hour.", code="limited"
            )
        try:
            typed: dict[str, Any] = super().clean()
        except ValidationError:
            for key in counters:
                cache.add(key, 0, WITHIN.total_seconds())
                cache.incr(key)
            raise
        cache.delete(next(iter(counters)))
        return typed

    def _counters(self) -> dict[str, int]:
        client = self.request.META.get("REMOTE_ADDR", "")
        name = self.cleaned_data.get("username", "").casefold()
        return {
            _key(f"{name} {client}"): PER_NAME_AND_CLIENT,
            _key(f"client {client}"): PER_CLIENT,
            _key(f"name {name}"): PER_NAME,
        }


def _key(text: str) -> str:
    return f"sign-in:{hashlib.sha256(text.encode()).hexdigest()}"
