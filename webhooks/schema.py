"""What the OpenAPI document says of webhook endpoints."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers

from tracks.event_types import EVENT_TYPES
from tracks.schema import CURSOR, limit, query
from webhooks.models import Delivery as DeliveryRow
from webhooks.models import Endpoint as EndpointRow


class WebhookEndpoint(serializers.Serializer[Any]):
    id = serializers.CharField()
    url = serializers.CharField()
    event_types = serializers.ListField(
        child=serializers.ChoiceField(EVENT_TYPES), help_text="None means all."
    )
    description = serializers.CharField()
    signing = serializers.ChoiceField(EndpointRow.Scheme.values)
    public_key = serializers.CharField(allow_null=True, help_text="`whpk_…` of a v1a endpoint.")
    enabled = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField(EndpointRow.Why.values, allow_null=True)
    disabled_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    previous_secret_expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WebhookEndpointWithSecret(WebhookEndpoint):
    secret = serializers.CharField(
        allow_null=True, help_text="`whsec_…`, shown this once; null for a v1a endpoint."
    )


class WebhookEndpointPage(serializers.Serializer[Any]):
    data = WebhookEndpoint(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeliveryAttempt(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    status_code = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(
        allow_null=True,
        help_text="`endpoint_unreachable`, `tls_failed`, `timeout`, `connection_lost`, "
        "`invalid_response` or `failed`; null when a whole response came back.",
    )
    excerpt = serializers.CharField(help_text="The first 4 kB of the response.")
    trigger = serializers.ChoiceField(DeliveryRow.Trigger.values)


class Delivery(serializers.Serializer[Any]):
    id = serializers.CharField()
    event_id = serializers.CharField(help_text="The `webhook-id` of every attempt.")
    type = serializers.CharField()
    status = serializers.ChoiceField(DeliveryRow.Status.values)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    attempts = DeliveryAttempt(many=True)


class DeliveryPage(serializers.Serializer[Any]):
    data = Delivery(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class Recovered(serializers.Serializer[Any]):
    deliveries = serializers.IntegerField(help_text="How many are sent again.")


NO_CONTENT: Any = {204: None}
ENDPOINT_PARAMS = (CURSOR, limit(25, 100))
DELIVERY_PARAMS = (
    query("status", OpenApiTypes.STR, "Only these.", enum=tuple(DeliveryRow.Status.values)),
    CURSOR,
    limit(25, 100),
)
