"""Passwords of tracks and of staff."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class PinnedArgon2(Argon2PasswordHasher):
    """Argon2id with OWASP's parameters: 19 MiB, two passes, one lane (security.md PG-01)."""

    memory_cost = 19456
    time_cost = 2
    parallelism = 1
