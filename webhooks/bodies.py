"""The request bodies of webhook endpoints, as contract §2.3 has them."""

from typing import Any

from rest_framework import serializers

from tracks.event_types import EVENT_TYPES
from tracks.fields import Flag, Moment, StrictSerializer, Text, Whole
from webhooks.models import Endpoint

DEFAULT_OVERLAP, LONGEST_OVERLAP = 86_400, 604_800


class EventTypes(serializers.ListField):
    """Which events are wanted; none means all."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            child=serializers.ChoiceField(EVENT_TYPES), max_length=len(EVENT_TYPES), **options
        )

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        if len(set(found)) != len(found):
            raise serializers.ValidationError("The types must be distinct.", code="distinct")
        return found


class Url(serializers.CharField):
    """A string; whether it may be called is decided by the transition."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a string.", code="type")
        return data


class EndpointBody(StrictSerializer):
    url = Url(trim_whitespace=False)
    event_types = EventTypes(required=False, default=list)
    enabled = Flag(required=False, default=True)
    description = Text(max_length=500, min_length=0, required=False, default="")
    signing = serializers.ChoiceField(
        Endpoint.Scheme.values, required=False, default=Endpoint.Scheme.SYMMETRIC.value
    )


class EndpointChange(StrictSerializer):
    url = Url(trim_whitespace=False, required=False)
    event_types = EventTypes(required=False)
    enabled = Flag(required=False)
    description = Text(max_length=500, min_length=0, required=False)


class RotateBody(StrictSerializer):
    overlap_seconds = Whole(
        min_value=0, max_value=LONGEST_OVERLAP, required=False, default=DEFAULT_OVERLAP
    )
    force = Flag(required=False, default=False)


class RecoverBody(StrictSerializer):
    since = Moment()


class NoBody(StrictSerializer):
    """Nothing."""
