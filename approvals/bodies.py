"""The request bodies of asks, as contract §2.2 has them."""

import re
from typing import Any

from rest_framework import serializers

from approvals.models import Ask
from approvals.opening import DEFAULT_TIMEOUT
from tracks.addresses import canonical_address
from tracks.fields import Address, Flag, Items, Moment, StrictSerializer, Text, Whole
from tracks.lookalikes import find_lookalikes
from tracks.models import Delegation

LONGEST_TIMEOUT = 2_592_000
SUMMARY_ENTRIES, SUMMARY_LENGTH = 20, 200
OPTIONS = (2, 8)
VALIDATIONS = ("short", "long", "email", "url")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(Text):
    """`sha256:` and 64 hex digits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=71, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _DIGEST.fullmatch(text):
            raise serializers.ValidationError(
                "This must be sha256: and 64 lower-case hex digits.", code="pattern"
            )
        return text


class Summary(serializers.Field[Any, Any, Any, Any]):
    """An object or a list of pairs; keys distinct, order kept, everything a string."""

    text = Text(max_length=SUMMARY_LENGTH)

    def to_internal_value(self, data: Any) -> Any:
        pairs = list(data.items()) if isinstance(data, dict) else data
        if not isinstance(pairs, list) or not all(_is_pair(each) for each in pairs):
            raise serializers.ValidationError(
                "This must be an object or a list of [key, value].", code="type"
            )
        if len(pairs) > SUMMARY_ENTRIES:
            raise serializers.ValidationError(
                f"This must have at most {SUMMARY_ENTRIES} entries.", code="max_length"
            )
        clean = [self._clean(pair, index, data) for index, pair in enumerate(pairs)]
        if len({key for key, _ in clean}) != len(clean):
            raise serializers.ValidationError("The keys must be distinct.", code="distinct")
        return dict(clean) if isinstance(data, dict) else [list(pair) for pair in clean]

    def _clean(self, pair: Any, index: int, data: Any) -> tuple[str, str]:
        key, value = pair
        try:
            return self.text.run_validation(key), self.text.run_validation(value)
        except serializers.ValidationError as error:
            name = key if isinstance(data, dict) and isinstance(key, str) else str(index)
            raise serializers.ValidationError({name: error.detail}) from None

    def to_representation(self, value: Any) -> Any:
        return value


def _is_pair(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and len(item) == 2


class Config(StrictSerializer):
    """What every kind of ask can show beside its prompt."""

    description = Text(max_length=500, multiline=True, required=False)
    summary = Summary(required=False)
    details = Text(max_length=8000, multiline=True, required=False)
    risk = serializers.ChoiceField(Ask.Risk.values, required=False)

    def refuse_lookalikes(self, labels: dict[str, str]) -> None:
        """Refuse two labels that a reader could take for each other."""
        pair = find_lookalikes(list(labels.values()))
        if pair is not None:
            names = list(labels)
            message = f"This looks the same as {names[pair[0]]}."
            raise serializers.ValidationError(_nested(names[pair[1]], message))


def _nested(path: str, message: str) -> Any:
    details: Any = [serializers.ErrorDetail(message, "lookalike")]
    for name in reversed(path.split(".")):
        details = {name: details}
    return details


class ConfirmConfig(Config):
    accept_label = Text(max_length=80, required=False, default="Yes")
    reject_label = Text(max_length=80, required=False, default="No")
    if_accepted = Text(max_length=200, required=False)
    if_rejected = Text(max_length=200, required=False)

    def validate(self, attrs: Any) -> Any:
        self.refuse_lookalikes({name: attrs[name] for name in ("accept_label", "reject_label")})
        return attrs


class TextConfig(Config):
    validate_as = serializers.ChoiceField(VALIDATIONS, required=False, default="short")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # The contract's name for it is the name of a method of every serializer.
        fields = super().get_fields()
        fields["validate"] = fields.pop("validate_as")
        return fields


class Option(StrictSerializer):
    value = Text(max_length=200)
    label = Text(max_length=200)


class ChoiceConfig(Config):
    options = Items(child=Option(), min_length=OPTIONS[0], max_length=OPTIONS[1])

    def validate(self, attrs: Any) -> Any:
        values = [option["value"] for option in attrs["options"]]
        if len(set(values)) != len(values):
            raise serializers.ValidationError(
                {"options": [serializers.ErrorDetail("The values must be distinct.", "distinct")]}
            )
        self.refuse_lookalikes(
            {f"options.{index}.label": each["label"] for index, each in enumerate(attrs["options"])}
        )
        return attrs


CONFIG_OF_KIND: dict[str, type[Config]] = {
    Ask.Kind.CONFIRM: ConfirmConfig,
    Ask.Kind.TEXT: TextConfig,
    Ask.Kind.CHOICE: ChoiceConfig,
}


class AskBody(StrictSerializer):
    kind = serializers.ChoiceField(Ask.Kind.values)
    prompt = Text(max_length=1000, multiline=True)
    config = serializers.JSONField(required=False, default=dict)
    timeout_seconds = Whole(
        min_value=1, max_value=LONGEST_TIMEOUT, required=False, default=DEFAULT_TIMEOUT
    )
    key = Text(max_length=255, required=False, allow_null=True)
    approvers = Items(child=Address(), min_length=1, max_length=20, required=False, allow_null=True)
    needed = Whole(min_value=1, max_value=20, required=False, default=1)
    notify = Flag(required=False, default=True)
    due_at = Moment(required=False, allow_null=True)
    escalate_to = Items(child=Address(), max_length=20, required=False, allow_null=True)
    escalate_after_seconds = Whole(
        min_value=1, max_value=LONGEST_TIMEOUT, required=False, allow_null=True
    )
    delegation = serializers.ChoiceField(Delegation.values, required=False, allow_null=True)
    action_digest = Digest(required=False, allow_null=True)

    def validate_approvers(self, value: list[str] | None) -> list[str] | None:
        if value and len({canonical_address(each) for each in value}) != len(value):
            raise serializers.ValidationError("The addresses must be distinct.", code="distinct")
        return value

    def validate_escalate_to(self, value: list[str] | None) -> list[str] | None:
        return self.validate_approvers(value)

    def validate(self, attrs: Any) -> Any:
        if not isinstance(attrs["config"], dict):
            raise serializers.ValidationError(
                {"config": [serializers.ErrorDetail("This must be an object.", "type")]}
            )
        _check_people(attrs)
        config = CONFIG_OF_KIND[attrs["kind"]](data=attrs["config"])
        if not config.is_valid():
            raise serializers.ValidationError({"config": config.errors})
        # As sent, with the defaults filled in: what was sent keeps its place.
        checked = config.validated_data
        names = [*attrs["config"], *(name for name in checked if name not in attrs["config"])]
        return attrs | {"config": {name: _plain(checked[name]) for name in names}}


def _check_people(attrs: Any) -> None:
    """Refuse a count that cannot be reached, and a turn that would never come."""
    asked = len(attrs.get("approvers") or [None])
    if attrs["needed"] > asked:
        raise _wrong("needed", f"Only {asked} {'is' if asked == 1 else 'are'} asked.", "max_value")
    if attrs["needed"] > 1 and attrs["kind"] != Ask.Kind.CONFIRM:
        raise _wrong("needed", "Only a yes or no can need several.", "max_value")
    if attrs.get("escalate_after_seconds") is not None and not attrs.get("escalate_to"):
        raise _wrong("escalate_to", "Say who is asked then.", "required")


def _wrong(field: str, message: str, code: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [serializers.ErrorDetail(message, code)]})


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [dict(each) if isinstance(each, dict) else each for each in value]
    return value


class CancelBody(StrictSerializer):
    reason = Text(max_length=500, multiline=True, required=False, allow_null=True, default=None)
