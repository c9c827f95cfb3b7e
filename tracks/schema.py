"""What the OpenAPI document says of tracks and events, and how a call is described there.

Output is written by plain functions (`serializers.py`); the classes here only describe it, and a
test holds real responses against the document.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

Fields = type[serializers.BaseSerializer[Any]]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tracks.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        return {self.name: [auto_schema.view.scopes[auto_schema.method]]}

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "sk_live_…",
            "description": "An API key of a workspace. Each call names the scope it needs.",
        }


class MetadataSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "tracks.fields.Metadata"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "object", "description": "At most 4,096 bytes of JSON in UTF-8."}


class StrictBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Unknown fields are refused."""

    target_class = "tracks.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, True)
        schema.pop("description", None)
        return schema | {"additionalProperties": False}


class FieldError(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="A path, such as config.options.1.label.")
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """RFC 9457. `code` never changes; prose may."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    errors = FieldError(many=True, required=False)


@extend_schema_serializer(component_name="TrackStep")
class TrackStep(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    title = serializers.CharField()
    status = serializers.ChoiceField(["pending", "active", "completed", "failed"])
    detail = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class Failure(serializers.Serializer[Any]):
    reason = serializers.CharField()
    retryable = serializers.BooleanField()


class Source(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The system of record that the track mirrors.")
    url = serializers.CharField(allow_null=True, help_text="Of the record there.")


@extend_schema_field({"oneOf": [{"$ref": "#/components/schemas/Ask"}, {"type": "null"}]})
class OpenAsk(serializers.JSONField):
    """The layer above describes an ask."""


class Track(serializers.Serializer[Any]):
    id = serializers.CharField()
    url = serializers.CharField(help_text="The page. Whoever knows the address may look.")
    title = serializers.CharField()
    status = serializers.ChoiceField(["active", "completed", "failed"])
    steps = TrackStep(many=True)
    customer_email = serializers.CharField(allow_null=True)
    password_protected = serializers.BooleanField()
    external_id = serializers.CharField(allow_null=True)
    requester = serializers.CharField(allow_null=True)
    metadata = serializers.DictField()
    summary = serializers.CharField(allow_null=True)
    failure = Failure(allow_null=True)
    open_ask = OpenAsk()
    source = Source(allow_null=True)
    seq = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TrackPage(serializers.Serializer[Any]):
    data = Track(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class Who(serializers.Serializer[Any]):
    type = serializers.ChoiceField(["agent", "approver", "staff", "connection", "system"])
    name = serializers.CharField()


class Event(serializers.Serializer[Any]):
    id = serializers.CharField()
    track_id = serializers.CharField()
    seq = serializers.IntegerField()
    type = serializers.CharField()
    actor = Who()
    at = serializers.DateTimeField()
    data = serializers.DictField(allow_null=True)
    hash = serializers.CharField()
    prev_hash = serializers.CharField()
    erased = serializers.BooleanField(required=False)


class EventPage(serializers.Serializer[Any]):
    data = Event(many=True)
    last_seq = serializers.IntegerField(help_text="Pass it as `after` to go on from here.")


def query(
    name: str, kind: Any, description: str, *, enum: Sequence[str] = (), required: bool = False
) -> OpenApiParameter:
    """Describe a query parameter."""
    return OpenApiParameter(
        name,
        kind,
        OpenApiParameter.QUERY,
        required=required,
        description=description,
        enum=list(enum) or None,
    )


CURSOR = query("cursor", OpenApiTypes.STR, "`next_cursor` of the page before.")


def limit(default: int, largest: int) -> OpenApiParameter:
    """Describe the page size."""
    return OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": largest, "default": default},
        OpenApiParameter.QUERY,
    )


WAIT = OpenApiParameter(
    "wait",
    {"type": "integer", "minimum": 0, "maximum": 25, "default": 0},
    OpenApiParameter.QUERY,
    description="Seconds to wait for news before answering.",
)
TRACK_FILTERS = (
    query("status", OpenApiTypes.STR, "Only these.", enum=("active", "completed", "failed")),
    query("external_id", OpenApiTypes.STR, "The track with this id of yours."),
    CURSOR,
    limit(25, 100),
)
FEED_PARAMS = (
    OpenApiParameter(
        "after",
        {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
        OpenApiParameter.QUERY,
        description="Only events with a larger `seq`.",
    ),
    WAIT,
    limit(100, 500),
)
STEP_INDEX = (
    OpenApiParameter(
        "index", {"type": "integer", "minimum": 0, "maximum": 49}, OpenApiParameter.PATH
    ),
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="The same key and body within 7 days: the first response again, no second effect.",
)

_STATUS_OF = {
    "monthly_ask_limit_reached": 402,
    "malformed": 400,
    "key_in_url": 400,
    "unauthorized": 401,
    "missing_scope": 403,
    "not_found": 404,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid": 422,
    "rate_limited": 429,
    "unavailable": 503,
    "self_approval": 422,
    "unsafe_text": 422,
    "endpoint_url_refused": 422,
    "idempotency_mismatch": 422,
    "system_failed": 424,
}
_ALWAYS = (
    "malformed",
    "key_in_url",
    "unauthorized",
    "missing_scope",
    "invalid",
    "rate_limited",
    "unavailable",
)


def call(
    operation_id: str,
    *,
    scope: str,
    returns: Fields | Mapping[int, Fields],
    body: Fields | None = None,
    params: Sequence[OpenApiParameter] = (),
    refuses: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Describe a call: what it takes and returns, its scope and the codes it may refuse with.

    `refuses` names codes beyond those that every call has; the ones not listed above are 409.
    """

    def describe(view: Callable[..., Any]) -> Callable[..., Any]:
        writes = body is not None
        codes = [*_ALWAYS, "not_found", *refuses]
        if writes:
            codes += ["too_large", "unsupported_media_type", "unsafe_text"]
        if view.__name__ == "post":
            codes += ["idempotency_mismatch", "idempotency_in_flight"]
        fine = returns if isinstance(returns, Mapping) else {200: returns}
        described: Callable[..., Any] = extend_schema(
            operation_id=operation_id,
            description=f"{view.__doc__}\n\nScope: `{scope}`.",
            request=body,
            parameters=[*params, *([IDEMPOTENCY_KEY] if view.__name__ == "post" else [])],
            responses={**fine, **_refusals(codes)},
        )(view)
        return described

    return describe


def _refusals(codes: Sequence[str]) -> dict[Any, OpenApiResponse]:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(_STATUS_OF.get(code, 409), []).append(f"`{code}`")
    return {
        (status, "application/problem+json"): OpenApiResponse(Problem, " · ".join(names))
        for status, names in sorted(by_status.items())
    }
