"""What staff do with API keys. Each leaves a line in the log."""

from datetime import timedelta

from config.errors import DomainError
from tracks.actors import Actor
from tracks.clock import database_now
from tracks.entries import note
from tracks.models import ApiKey
from tracks.transactions import transition

LONGEST_OVERLAP = timedelta(days=7)


class KeyReplaced(DomainError):
    code, status, title = "key_replaced", 409, "Another key has taken this one's place already."


class KeyEnded(DomainError):
    code, status, title = "key_ended", 409, "This key is refused already; make another instead."


@transition
def create_key(key: ApiKey, *, actor: Actor) -> str:
    """Save a new key, and return its text, which nobody can read again."""
    key.created_at = database_now()
    text = key.save_with_secret()
    note(
        key.workspace_id,
        "key.created",
        subject=key.public_id,
        actor=actor,
        at=key.created_at,
        name=key.name,
        scopes=sorted(key.scopes),
    )
    return text


@transition
def rotate_key(key: ApiKey, *, actor: Actor, reason: str, overlap: timedelta) -> tuple[ApiKey, str]:
    """Make the key that takes another's place, and return it with its text.

    The one before works for as long as they overlap, unless it ends earlier by itself.
    """
    old = ApiKey.objects.select_for_update().get(pk=key.pk)
    now = database_now()
    if ApiKey.objects.filter(replaces=old).exists():
        raise KeyReplaced()
    if not is_good(old):
        raise KeyEnded()
    new = ApiKey(
        workspace_id=old.workspace_id,
        name=old.name,
        scopes=old.scopes,
        expires_at=old.expires_at,
        replaces=old,
        created_at=now,
    )
    text = new.save_with_secret()
    ends_at = now + min(overlap, LONGEST_OVERLAP)
    old.expires_at = min(old.expires_at or ends_at, ends_at)
    old.save(update_fields=["expires_at"])
    note(
        old.workspace_id,
        "key.rotated",
        subject=old.public_id,
        actor=actor,
        at=now,
        reason=reason,
        new_key=new.public_id,
        overlap_seconds=int(overlap.total_seconds()),
    )
    return new, text


@transition
def revoke_key(key: ApiKey, *, actor: Actor, reason: str) -> str:
    """Let a key in no longer: it stops within five seconds. Revoking it twice is harmless."""
    now = database_now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        note(
            key.workspace_id,
            "key.revoked",
            subject=key.public_id,
            actor=actor,
            at=now,
            reason=reason,
        )
    return f"Revoked {key}."


def is_good(key: ApiKey) -> bool:
    """Tell whether a key still lets its holder in."""
    now = database_now()
    return not any(end is not None and end <= now for end in (key.expires_at, key.revoked_at))
