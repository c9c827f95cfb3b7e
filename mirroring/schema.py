"""What the OpenAPI document says of connections and records."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers

from mirroring.connectors.base import Kind, State
from mirroring.dry_run import Effect
from mirroring.models import Connection as ConnectionRow
from mirroring.models import Record as RecordRow
from mirroring.notices import Manner
from mirroring.serializers import PUSH_WORDS
from mirroring.standing import Standing
from tracks.schema import CURSOR, limit, query


def _nullable(kind: type[Any], help_text: str = "") -> Any:
    return kind(allow_null=True, help_text=help_text)


class FirstLoad(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text="How many approvals so far.")
    since = _nullable(serializers.DateTimeField)


class ConnectionError(serializers.Serializer[Any]):
    kind = serializers.ChoiceField([each.value for each in Kind], allow_null=True)
    detail = serializers.CharField(help_text="In the system's words, without secrets.")
    at = _nullable(serializers.DateTimeField)


class Unreadable(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="In the last run that met any.")
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="Which, and why: the first 20."
    )
    at = serializers.DateTimeField()


class ConnectionHealth(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    account = _nullable(serializers.CharField, "As whom the system knows us.")
    detail = _nullable(serializers.CharField)
    how_to_fix = _nullable(serializers.CharField)
    clock_skew_seconds = _nullable(
        serializers.FloatField, "How far the system's clock is ahead of ours."
    )
    checked_at = _nullable(serializers.DateTimeField)


class ConnectionPolling(serializers.Serializer[Any]):
    first_load = FirstLoad(allow_null=True, help_text="Null once it is over.")
    lag_seconds = _nullable(
        serializers.IntegerField, "For how long something may have happened that is not known here."
    )
    last_success_at = _nullable(serializers.DateTimeField)
    next_poll_at = _nullable(serializers.DateTimeField)
    failures = serializers.IntegerField(help_text="In a row.")
    last_error = ConnectionError(allow_null=True)
    paused_at = _nullable(serializers.DateTimeField)
    pause_reason = _nullable(serializers.CharField)
    warning = _nullable(serializers.CharField, "What somebody should look at.")
    unreadable = Unreadable(
        allow_null=True,
        help_text="Approvals that could not be read within a day; the others are unharmed.",
    )
    health = ConnectionHealth(allow_null=True)


class Connection(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="`push`, or the name of a connector.")
    enabled = serializers.BooleanField()
    status = serializers.ChoiceField([each.value for each in Standing])
    interval_seconds = serializers.IntegerField()
    requests_per_minute = serializers.IntegerField()
    notices = serializers.ChoiceField(ConnectionRow.Notices.values)
    notices_per_hour = serializers.IntegerField()
    expiry_days = serializers.IntegerField()
    records = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many of each status."
    )
    polling = ConnectionPolling(allow_null=True, help_text="Null where nothing is polled.")
    created_at = serializers.DateTimeField()


class ConnectionPage(serializers.Serializer[Any]):
    data = Connection(many=True)
    next_cursor = _nullable(serializers.CharField)


class ConnectionTest(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    account = _nullable(serializers.CharField)
    detail = _nullable(serializers.CharField)
    error = serializers.ChoiceField([each.value for each in Kind], allow_null=True)
    how_to_fix = _nullable(serializers.CharField)
    clock_skew_seconds = _nullable(serializers.FloatField)
    latency_ms = serializers.IntegerField(help_text="Of the check.")
    sample = _nullable(serializers.IntegerField, "How many approvals a short list shows.")
    skipped = serializers.IntegerField(help_text="How many of that list could not be read.")


class DryRunItem(serializers.Serializer[Any]):
    external_id = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField([each.value for each in State])
    effect = serializers.ChoiceField([each.value for each in Effect])
    why = _nullable(serializers.CharField)
    changes = serializers.ListField(child=serializers.CharField())
    approvers = serializers.ListField(child=serializers.CharField())
    told = serializers.ChoiceField([each.value for each in Manner], allow_null=True)
    url = _nullable(serializers.CharField)
    mapped = serializers.DictField(help_text="What was made of it.")
    raw = serializers.DictField(help_text="What the system said, without what looks secret.")


class DryRunSkipped(serializers.Serializer[Any]):
    external_id = serializers.CharField(help_text="Or its place on the page.")
    why = serializers.CharField()


class DryRun(serializers.Serializer[Any]):
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many of each effect."
    )
    items = DryRunItem(many=True)
    skipped = DryRunSkipped(many=True)
    stopped = serializers.ChoiceField(
        ["items", "time"], allow_null=True, help_text="The limit that was reached, if one was."
    )


class RecordPush(serializers.Serializer[Any]):
    status = serializers.ChoiceField(list(PUSH_WORDS.values()))
    attempts = serializers.IntegerField()
    last_error = _nullable(serializers.CharField)
    confirmed_at = _nullable(serializers.DateTimeField)


class Record(serializers.Serializer[Any]):
    id = serializers.CharField()
    connection_id = serializers.CharField()
    external_id = serializers.CharField()
    revision = serializers.CharField()
    status = serializers.ChoiceField(RecordRow.Status.values)
    reason = _nullable(serializers.CharField, "Why a person must look.")
    approvers = serializers.ListField(child=serializers.CharField())
    requester = _nullable(serializers.CharField)
    url = _nullable(serializers.CharField)
    track_id = _nullable(serializers.CharField)
    ask_id = _nullable(serializers.CharField)
    last_seen_at = serializers.DateTimeField()
    push = RecordPush(allow_null=True)


class RecordPage(serializers.Serializer[Any]):
    data = Record(many=True)
    next_cursor = _nullable(serializers.CharField)


CONNECTION_PARAMS = (CURSOR, limit(25, 100))
RECORD_PARAMS = (
    query("connection", OpenApiTypes.STR, "Only those of this connection: `con_…`."),
    query("status", OpenApiTypes.STR, "Only these.", enum=tuple(RecordRow.Status.values)),
    query("external_id", OpenApiTypes.STR, "The record with this id in its system."),
    CURSOR,
    limit(25, 100),
)
