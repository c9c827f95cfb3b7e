"""`POST /webhooks/{id}`: what systems of record and their pollers push to a connection.

The order is the point: who sends is proven over the raw bytes before anything reads them, what was
sent is checked before it is kept, and it is kept before it is acknowledged.
"""

import hmac
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import (
    DomainError,
    Malformed,
    NotFound,
    RateLimited,
    TooLarge,
    UnsupportedMediaType,
)
from mirroring import posted, received, strict_json
from mirroring.models import Connection, InboundHook
from mirroring.transitions import UNSIGNED_EVERY, take_unsigned_turn, token_hash
from tracks.clock import database_now, rfc3339
from tracks.entries import note
from tracks.ids import parse_public_id
from tracks.transitions import SelfApproval
from tracks.views import AgentView
from webhooks import signing

log = structlog.get_logger(__name__)

LARGEST_UNSIGNED = 64 * 1024


class NotProven(DomainError):
    """One body for every message whose sender is not known, whatever is wrong with it."""

    code, status = "unauthorized", 401
    title = "The message does not prove that this connection's system sent it."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="sayso"'})


class ReceiveHook(AgentView):
    """No API key opens this door: each connection has secrets of its own."""

    authentication_classes = ()
    schema = None  # described in docs/webhooks.md: it is not part of the agent API

    def post(self, request: Request, connection_id: str) -> Response:
        """Take a message of a connection."""
        connection = _find(connection_id)
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType()
        body = _read(request)
        proof, webhook_id = _prove(connection, request, body)
        hook, created = received.known(connection, proof=proof, webhook_id=webhook_id), False
        if hook is None:
            is_hint = _is_hint(connection, body)
            hook, created = received.accept(
                connection, proof=proof, webhook_id=webhook_id, body=body, is_hint=is_hint
            )
        if not created and hook.body_digest != received.digest(body):
            _put_on_record(connection, "inbound.conflict", webhook_id=webhook_id)
        content = {"webhook_id": hook.webhook_id, "received_at": rfc3339(hook.received_at)}
        return Response(content, status=202 if created else 200)


def _find(connection_id: str) -> Connection:
    pk = parse_public_id("con", connection_id)
    found = Connection.objects.filter(pk=pk, enabled=True).first() if pk else None
    if found is None:
        raise NotFound()
    return found


def _read(request: Request) -> bytes:
    try:
        body: bytes = request._request.body
    except RequestDataTooBig:
        raise TooLarge() from None
    return body


def _prove(connection: Connection, request: Request, body: bytes) -> tuple[InboundHook.Proof, str]:
    """Return how the sender is known and the message's id; raise NotProven or RateLimited."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if "webhook-signature" in headers:
        return InboundHook.Proof.SIGNATURE, _prove_signed(connection, headers, body)
    if "authorization" in headers:
        _prove_bearer(connection, headers["authorization"])
        return InboundHook.Proof.BEARER, _own_or_derived_id(headers, body)
    if not connection.allows_unsigned:
        raise NotProven()
    _limit_unsigned(connection, body)
    return InboundHook.Proof.NONE, _derived_id(body)


def _prove_signed(connection: Connection, headers: dict[str, str], body: bytes) -> str:
    now = database_now()
    try:
        return signing.verify(
            connection.keys_at(now), headers=headers, body=body, now=now.timestamp()
        )
    except signing.BadSignature:
        raise NotProven() from None


def _prove_bearer(connection: Connection, authorization: str) -> None:
    scheme, _, token = authorization.partition(" ")
    # A connection without a token is compared, too: the time taken tells nothing.
    stored = connection.bearer_hash or "0" * 64
    fits = hmac.compare_digest(stored, token_hash(token.strip()))
    if scheme.lower() != "bearer" or not fits:
        raise NotProven()


def _own_or_derived_id(headers: dict[str, str], body: bytes) -> str:
    id = headers.get("webhook-id")
    if id is None:
        return _derived_id(body)
    if not signing.is_id(id):
        raise NotProven()
    return id


def _derived_id(body: bytes) -> str:
    # Without an id the content is its own: the same report sent twice is one.
    return f"sha256:{received.digest(body)}"


def _limit_unsigned(connection: Connection, body: bytes) -> None:
    if len(body) > LARGEST_UNSIGNED:
        raise TooLarge("Without a signature the body may have at most 64 kB.")
    if not take_unsigned_turn(connection):
        seconds = int(UNSIGNED_EVERY.total_seconds())
        raise RateLimited(
            headers={
                "Retry-After": str(seconds),
                "RateLimit": f'"unsigned";r=0;t={seconds}',
                "RateLimit-Policy": f'"unsigned";q=1;w={seconds}',
            }
        )


def _is_hint(connection: Connection, body: bytes) -> bool:
    """Refuse what could not be applied, as long as its sender can still be told.

    Tell whether it names an approval to be looked at, and does not bring it along.
    """
    try:
        return isinstance(posted.read(connection, strict_json.read(body)), posted.Hint)
    except strict_json.BadJson as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from None
    except SelfApproval:
        _put_on_record(connection, "inbound.self_approval")
        raise


def _put_on_record(connection: Connection, type: str, **data: Any) -> None:
    log.warning(type, connection=connection.public_id)
    note(
        connection.workspace_id,
        type,
        subject=connection.public_id,
        actor=connection.actor,
        at=database_now(),
        **data,
    )
