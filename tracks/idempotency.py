"""The Idempotency-Key header: a repeated POST gets the first response again and has no effect."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.db import connection
from rest_framework.request import Request
from rest_framework.response import Response

from config.crypto import decrypt, encrypt
from config.errors import DomainError, Malformed
from tracks.clock import database_now
from tracks.fingerprints import fingerprint, is_fingerprint_of
from tracks.models import IdempotencyKey
from tracks.rows import one_or_none
from tracks.transactions import transition

KEPT = timedelta(days=7)
LONGEST = 255


class IdempotencyMismatch(DomainError):
    code, status = "idempotency_mismatch", 422
    title = "This key was used before with another request."


class IdempotencyInFlight(DomainError):
    code, status = "idempotency_in_flight", 409
    title = "The first request with this key is still running."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


View = Callable[..., Response]


def idempotent(view: View) -> View:
    """Let a POST view honour the Idempotency-Key header. The key and its effect commit together."""
    return _idempotent(view, sealed=False)


def idempotent_with_secret(view: View) -> View:
    """Do the same for a view whose response holds a secret: it is kept encrypted."""
    return _idempotent(view, sealed=True)


def idempotent_read(view: View) -> View:
    """Do the same for a view that changes nothing and takes its time.

    No transaction is open while it runs. Two at once both run, and both get the first response.
    """

    @wraps(view)
    def run(self: Any, request: Request, **kwargs: Any) -> Response:
        key = _read_key(request)
        if key is None:
            return view(self, request, **kwargs)
        said = {"path": request.path, "body": request.data}
        workspace_id = self.identity.workspace_id
        kept = _kept(workspace_id, key)
        if kept is not None:
            return _replay(kept, said)
        response = view(self, request, **kwargs)
        return _once(key, workspace_id, said, lambda: response, sealed=False)

    return run


def _idempotent(view: View, *, sealed: bool) -> View:
    @wraps(view)
    def run(self: Any, request: Request, **kwargs: Any) -> Response:
        key = _read_key(request)
        if key is None:
            return view(self, request, **kwargs)
        said = {"path": request.path, "body": request.data}
        workspace_id = self.identity.workspace_id
        return _once(key, workspace_id, said, lambda: view(self, request, **kwargs), sealed=sealed)

    return run


def _read_key(request: Request) -> str | None:
    text: str | None = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    # The draft standard makes it a structured-field string, in quotes; most clients send it bare.
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not 0 < len(text) <= LONGEST or not text.isascii() or not text.isprintable():
        raise Malformed("Idempotency-Key must have 1 to 255 printable ASCII characters.")
    return text


@transition
def _once(
    key: str,
    workspace_id: UUID,
    said: dict[str, Any],
    answer: Callable[[], Response],
    *,
    sealed: bool,
) -> Response:
    _lock(workspace_id, key)
    kept = _kept(workspace_id, key)
    if kept is not None:
        return _replay(kept, said)
    response = answer()
    if 200 <= response.status_code < 300:
        IdempotencyKey.objects.create(
            workspace_id=workspace_id,
            key=key,
            fingerprint=fingerprint(said),
            status=response.status_code,
            body=encrypt(json.dumps(response.data)) if sealed else response.data,
            is_sealed=sealed,
            created_at=database_now(),
        )
    return response


def _kept(workspace_id: UUID, key: str) -> IdempotencyKey | None:
    return one_or_none(IdempotencyKey.objects.filter(workspace_id=workspace_id, key=key))


def _replay(kept: IdempotencyKey, said: dict[str, Any]) -> Response:
    if not is_fingerprint_of(kept.fingerprint, said):
        raise IdempotencyMismatch()
    body = json.loads(decrypt(kept.body)) if kept.is_sealed else kept.body
    return Response(body, status=kept.status, headers={"Idempotency-Replayed": "true"})


def _lock(workspace_id: UUID, key: str) -> None:
    # SQLite needs none: its transaction has the whole database, and a second request waits.
    if connection.vendor != "postgresql":
        return
    digest = hashlib.sha256(workspace_id.bytes + key.encode()).digest()
    with connection.cursor() as cursor:
        number = int.from_bytes(digest[:8], "big", signed=True)
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise IdempotencyInFlight()


def purge_idempotency_keys() -> int:
    """Forget keys older than seven days; return how many."""
    rows = IdempotencyKey.objects.filter(created_at__lt=database_now() - KEPT)
    return rows.delete()[0]
