"""The JSON of endpoints and deliveries. A secret is in none of it but where one was just made."""

from typing import Any

from tracks.clock import rfc3339, rfc3339_or_none
from webhooks import signing
from webhooks.models import Attempt, Delivery, Endpoint


def endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    """Return the JSON of an endpoint whose `signing_keys` are at hand or will be fetched."""
    keys = list(endpoint.signing_keys.all())
    current = next((each for each in keys if each.expires_at is None), None)
    earlier = [each.expires_at for each in keys if each.expires_at is not None]
    is_asymmetric = endpoint.scheme == Endpoint.Scheme.ASYMMETRIC
    return {
        "id": endpoint.public_id,
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "description": endpoint.description,
        "signing": endpoint.scheme,
        "public_key": signing.public_key(current.key) if is_asymmetric and current else None,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason or None,
        "disabled_at": rfc3339_or_none(endpoint.disabled_at),
        "failing_since": rfc3339_or_none(endpoint.failing_since),
        "previous_secret_expires_at": rfc3339_or_none(max(earlier, default=None)),
        "created_at": rfc3339(endpoint.created_at),
        "updated_at": rfc3339(endpoint.updated_at),
    }


def endpoint_with_secret(endpoint: Endpoint, key: str) -> dict[str, Any]:
    """Return the JSON of an endpoint with the secret just made; a private key is never shown."""
    is_shared = endpoint.scheme == Endpoint.Scheme.SYMMETRIC
    return endpoint_json(endpoint) | {"secret": key if is_shared else None}


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """Return the JSON of a delivery whose `tried` are at hand or will be fetched."""
    return {
        "id": delivery.public_id,
        "event_id": delivery.webhook_id,
        "type": delivery.type,
        "status": delivery.status,
        "next_attempt_at": rfc3339_or_none(delivery.next_attempt_at),
        "created_at": rfc3339(delivery.created_at),
        "attempts": [_attempt_json(attempt) for attempt in delivery.tried.all()],
    }


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": rfc3339(attempt.at),
        "status_code": attempt.status_code,
        "latency_ms": attempt.latency_ms,
        "error": attempt.error,
        "excerpt": attempt.excerpt,
        "trigger": attempt.trigger,
    }
