"""What the OpenAPI document says of asks."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals import bodies
from tracks.schema import CURSOR, WAIT, limit, query

_COMMON = {
    "description": {"type": "string", "minLength": 1, "maxLength": 500},
    "summary": {
        "oneOf": [
            {
                "type": "object",
                "maxProperties": 20,
                "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 200},
            },
            {
                "type": "array",
                "maxItems": 20,
                "items": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 2,
                    "items": {"type": "string", "minLength": 1, "maxLength": 200},
                },
            },
        ]
    },
    "details": {"type": "string", "minLength": 1, "maxLength": 8000},
    "risk": {"type": "string", "enum": ["low", "medium", "high"]},
}
_CONFIRM = {
    "accept_label": {"type": "string", "minLength": 1, "maxLength": 80, "default": "Yes"},
    "reject_label": {"type": "string", "minLength": 1, "maxLength": 80, "default": "No"},
    "if_accepted": {"type": "string", "minLength": 1, "maxLength": 200},
    "if_rejected": {"type": "string", "minLength": 1, "maxLength": 200},
}
_OPTION = {
    "type": "object",
    "required": ["value", "label"],
    "additionalProperties": False,
    "properties": {
        "value": {"type": "string", "minLength": 1, "maxLength": 200},
        "label": {"type": "string", "minLength": 1, "maxLength": 200},
    },
}
_CONFIG = {
    "description": "The fields of the ask's kind: labels for confirm, validate for text, options "
    "for choice; description, summary, details and risk for all.",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **_COMMON,
        **_CONFIRM,
        "validate": {"type": "string", "enum": list(bodies.VALIDATIONS), "default": "short"},
        "options": {"type": "array", "minItems": 2, "maxItems": 8, "items": _OPTION},
    },
}
_VALUE = {"oneOf": [{"type": "boolean"}, {"type": "string"}]}


@extend_schema_field(_CONFIG)
class ConfigField(serializers.JSONField):
    """The display metadata of an ask."""


@extend_schema_field(_VALUE)
class ValueField(serializers.JSONField):
    """A boolean, a text, or a chosen option's value."""


class AskRequest(bodies.AskBody):
    config = ConfigField(required=False)


class AnswerBody(serializers.Serializer[Any]):
    value = ValueField()
    comment = serializers.CharField(allow_null=True)
    answered_by = serializers.CharField()
    answered_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    verified_by = serializers.CharField()
    overridden = serializers.BooleanField(
        required=False,
        help_text="Only where staff has settled it in place of its approvers, and true there.",
    )


class DecisionBody(serializers.Serializer[Any]):
    approver = serializers.CharField()
    on_behalf_of = serializers.CharField(allow_null=True)
    value = ValueField()
    comment = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    verified_by = serializers.CharField()


class Ask(serializers.Serializer[Any]):
    id = serializers.CharField()
    track_id = serializers.CharField()
    url = serializers.CharField(help_text="The page on which it is answered.")
    key = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(["confirm", "text", "choice"])
    prompt = serializers.CharField()
    config = ConfigField()
    status = serializers.ChoiceField(["open", "answered", "timeout", "cancelled"])
    answer = AnswerBody(allow_null=True)
    approvers = serializers.ListField(child=serializers.CharField())
    needed = serializers.IntegerField()
    decisions = DecisionBody(many=True)
    asked_by = serializers.CharField()
    timeout_seconds = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    cancel_reason = serializers.CharField(allow_null=True)
    escalated_from = serializers.CharField(allow_null=True)
    escalated_to = serializers.CharField(allow_null=True)
    display_digest = serializers.CharField()
    action_digest = serializers.CharField(allow_null=True)
    receipt_url = serializers.CharField(allow_null=True)


class AskPage(serializers.Serializer[Any]):
    data = Ask(many=True)
    next_cursor = serializers.CharField(allow_null=True)


@extend_schema_field({"type": "object", "additionalProperties": True})
class ReceiptContent(serializers.JSONField):
    """Described field by field in docs/receipts.md."""


class ReceiptSignature(serializers.Serializer[Any]):
    algorithm = serializers.CharField()
    key_id = serializers.CharField()
    public_key = serializers.CharField()
    value = serializers.CharField()


class Receipt(serializers.Serializer[Any]):
    receipt = ReceiptContent()
    signature = ReceiptSignature()


class Queue(serializers.Serializer[Any]):
    approver = serializers.CharField()
    count = serializers.IntegerField()
    overdue = serializers.IntegerField()
    text = serializers.CharField(help_text="One plain sentence that an assistant can say.")
    asks = Ask(many=True)


class Grace(serializers.Serializer[Any]):
    asks_left = serializers.IntegerField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null before it has begun.")


class Usage(serializers.Serializer[Any]):
    plan = serializers.ChoiceField(["unlimited", "free", "pro"])
    month = serializers.CharField(help_text="In UTC: 2026-11.")
    asks = serializers.IntegerField()
    limit = serializers.IntegerField(allow_null=True)
    grace = Grace(allow_null=True)


ASK_WAIT = (WAIT,)
QUEUE_PARAMS = (query("approver", OpenApiTypes.EMAIL, "Whose queue.", required=True),)
ASK_FILTERS = (
    query(
        "status",
        OpenApiTypes.STR,
        "Only these.",
        enum=("open", "answered", "timeout", "cancelled"),
    ),
    query("approver", OpenApiTypes.EMAIL, "Only those that ask this address."),
    query("track", OpenApiTypes.STR, "Only those of this track."),
    query("kind", OpenApiTypes.STR, "Only these.", enum=("confirm", "text", "choice")),
    query("risk", OpenApiTypes.STR, "Only these.", enum=("low", "medium", "high")),
    CURSOR,
    limit(25, 100),
)
