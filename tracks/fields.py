"""Serializer fields that take what the contract allows and nothing that merely looks like it.

DRF's own fields coerce (`"5"` is a number, `1` a text, white space is trimmed); these refuse.
"""

import json
import re
from typing import Any

from rest_framework import serializers

from tracks import textpolicy
from tracks.addresses import NotAnAddress, check_address
from tracks.clock import whole_milliseconds

METADATA_BYTES = 4096
MOST_UNKNOWN = 20  # so many unknown fields are named; the answer is not longer than the request
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)


class UnsafeTextError(serializers.ValidationError):
    """Marks the refusal that has a code of its own in the contract."""

    default_code = "unsafe_text"


class Text(serializers.CharField):
    """Text from outside: NFC, nothing deceptive, nothing trimmed; lengths in code points."""

    def __init__(self, *, multiline: bool = False, min_length: int = 1, **options: Any) -> None:
        self.multiline, self.shortest, self.longest = (
            multiline,
            min_length,
            options.pop("max_length"),
        )
        super().__init__(
            trim_whitespace=False,
            allow_blank=min_length == 0,
            # For the OpenAPI document; what is checked is the length after normalization.
            min_length=self.shortest,
            max_length=self.longest,
            **options,
        )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # DRF's CharField takes numbers for text and trims before it looks for blanks.
        is_empty, value = self.validate_empty_values(data)
        return value if is_empty else self.to_internal_value(value)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a string.", code="type")
        try:
            text = textpolicy.clean(data, multiline=self.multiline)
        except textpolicy.UnsafeText as error:
            raise UnsafeTextError(
                f"{error.label} at offset {error.offset} is not allowed here."
            ) from None
        if self.shortest and textpolicy.is_blank(text):
            raise serializers.ValidationError("This must not be blank.", code="blank")
        if len(text) < self.shortest:
            raise serializers.ValidationError(
                f"This must have at least {self.shortest} characters.", code="min_length"
            )
        if len(text) > self.longest:
            raise serializers.ValidationError(
                f"This must have at most {self.longest} characters.", code="max_length"
            )
        return text


class Address(serializers.EmailField):
    """Exactly one e-mail address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)
        self.validators = []

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a string.", code="type")
        try:
            return check_address(data)
        except NotAnAddress as error:
            raise serializers.ValidationError(str(error), code="email") from None


class Whole(serializers.IntegerField):
    """A JSON number without a fraction; neither a string nor a boolean."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("This must be a whole number.", code="type")
        return data


class Flag(serializers.BooleanField):
    """true or false; nothing that merely sounds like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("This must be true or false.", code="type")
        return data


class Moment(serializers.DateTimeField):
    """An RFC 3339 time with its offset, cut to the milliseconds that are shown."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or not _RFC3339.fullmatch(data):
            raise serializers.ValidationError(
                "This must be an RFC 3339 time with an offset.", code="type"
            )
        return whole_milliseconds(super().to_internal_value(data.upper()))


class Metadata(serializers.JSONField):
    """A JSON object of at most 4 kB (4,096 bytes of UTF-8)."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.", code="type")
        try:
            size = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
        except UnicodeEncodeError:
            raise serializers.ValidationError(
                "This contains half of a surrogate pair.", code="invalid"
            ) from None
        if size > METADATA_BYTES:
            raise serializers.ValidationError("This must have at most 4 kB.", code="max_length")
        if _holds_nul(data):
            raise serializers.ValidationError("This contains U+0000.", code="invalid")
        return data


def _holds_nul(value: Any) -> bool:
    # PostgreSQL cannot store U+0000 in JSON.
    if isinstance(value, dict):
        return any("\0" in name or _holds_nul(item) for name, item in value.items())
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\0" in value


class Items(serializers.ListField):
    """A list whose length is checked before its items: a long one is no work."""

    def to_internal_value(self, data: Any) -> list[Any]:
        longest = self.max_length
        if isinstance(data, list) and longest is not None and len(data) > longest:
            raise serializers.ValidationError(
                f"This must have at most {longest} items.", code="max_length"
            )
        items: list[Any] = super().to_internal_value(data)
        return items


class StrictSerializer(serializers.Serializer[Any]):
    """A request body: an object without unknown fields."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError(
                {
                    name: [serializers.ErrorDetail("This field is unknown.", "unknown_field")]
                    for name in unknown[:MOST_UNKNOWN]
                }
            )
        return super().to_internal_value(data)
