"""The agent API of tracks: parse, call one transition, render."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import NotFound
from config.paging import page_of
from config.params import choice_param, whole_param
from tracks import schema, transitions
from tracks.fields import Address, Flag, Items, Metadata, StrictSerializer, Text, Whole
from tracks.idempotency import idempotent
from tracks.models import Step, Track
from tracks.serializers import event_json, feed_json, track_json, tracks_json
from tracks.views import AgentView, key_or_404

DEFAULT_FEED, LARGEST_FEED, LONGEST_WAIT = 100, 500, 25


def password_field(**options: Any) -> Text:
    return Text(min_length=8, max_length=128, **options)


class TrackBody(StrictSerializer):
    title = Text(max_length=200)
    steps = Items(child=Text(max_length=120), max_length=50, required=False, default=list)
    customer_email = Address(required=False, allow_null=True)
    password = password_field(required=False, allow_null=True)
    external_id = Text(max_length=255, required=False, allow_null=True)
    requester = Address(required=False, allow_null=True)
    metadata = Metadata(required=False, default=dict)


class TrackChange(StrictSerializer):
    title = Text(max_length=200, required=False)
    customer_email = Address(required=False, allow_null=True)
    metadata = Metadata(required=False)
    password = password_field(required=False, allow_null=True)


class StepChange(StrictSerializer):
    detail = Text(max_length=500, required=False, allow_null=True, default=None)


class ActionBody(StrictSerializer):
    text = Text(max_length=500)
    step = Whole(required=False, allow_null=True, default=None)


class CompleteBody(StrictSerializer):
    summary = Text(max_length=2000, multiline=True, required=False, allow_null=True, default=None)


class FailBody(StrictSerializer):
    reason = Text(max_length=2000, multiline=True)
    retryable = Flag(required=False, default=False)


class TrackView(AgentView):
    """What is done to one track of the caller's workspace."""

    def locate(self, track_id: str) -> dict[str, Any]:
        """Return what every transition needs to find the track and to say who acts."""
        return {
            "track_id": key_or_404("trk", track_id),
            "workspace_id": self.identity.workspace_id,
            "actor": self.identity.actor,
        }

    def one(self, track_id: str) -> Track:
        tracks = Track.objects.filter(workspace_id=self.identity.workspace_id)
        track = tracks.prefetch_related("steps").filter(pk=key_or_404("trk", track_id)).first()
        if track is None:
            raise NotFound()
        return track


class Tracks(AgentView):
    scopes = {"GET": "tracks:read", "POST": "tracks:write"}

    @schema.call(
        "list_tracks", scope="tracks:read", returns=schema.TrackPage, params=schema.TRACK_FILTERS
    )
    def get(self, request: Request) -> Response:
        """List tracks, newest first."""
        params = request.query_params
        tracks = Track.objects.filter(workspace_id=self.identity.workspace_id)
        if status := choice_param(params, "status", among=Track.Status.values):
            tracks = tracks.filter(status=status)
        if "external_id" in params:
            tracks = tracks.filter(external_id=_external_id(params["external_id"]))
        page, next_cursor = page_of(tracks.prefetch_related("steps"), params)
        return Response({"data": tracks_json(page), "next_cursor": next_cursor})

    @schema.call(
        "create_track",
        scope="tracks:write",
        body=TrackBody,
        returns={201: schema.Track, 200: schema.Track},
        refuses=("external_id_taken", "self_approval"),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a track. The same external_id with the same body returns the existing track."""
        new = transitions.NewTrack(**self.body(TrackBody))
        track, created = transitions.create_track(
            workspace_id=self.identity.workspace_id, new=new, actor=self.identity.actor
        )
        return Response(track_json(track), status=201 if created else 200)


def _external_id(text: str) -> str:
    # As it was stored: in NFC, and nothing that a database cannot take.
    try:
        clean: str = Text(max_length=255).run_validation(text)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"external_id": error.detail}) from None
    return clean


class OneTrack(TrackView):
    scopes = {"GET": "tracks:read", "PATCH": "tracks:write"}

    @schema.call("get_track", scope="tracks:read", returns=schema.Track)
    def get(self, request: Request, track_id: str) -> Response:
        """Read a track."""
        return Response(track_json(self.one(track_id)))

    @schema.call(
        "update_track",
        scope="tracks:write",
        body=TrackChange,
        returns=schema.Track,
        refuses=("track_closed", "already_awaiting", "self_approval"),
    )
    def patch(self, request: Request, track_id: str) -> Response:
        """Change title, customer_email, metadata or password of an active track."""
        changes = self.body(TrackChange)
        return Response(
            track_json(transitions.update_track(changes=changes, **self.locate(track_id)))
        )


class ChangeStep(TrackView):
    """Move a step; each verb is a path of its own and names the status it leads to."""

    scopes = {"POST": "tracks:write"}
    to: Step.Status

    def _post(self, track_id: str, index: str) -> Response:
        detail = self.body(StepChange)["detail"]
        number = _step_index(index)
        track = transitions.change_step(
            index=number, to=self.to, detail=detail, **self.locate(track_id)
        )
        return Response(track_json(track))


def _step_index(text: str) -> int:
    return whole_param({"index": text}, "index", lowest=0, highest=49, default=0)


class StartStep(ChangeStep):
    to = Step.Status.ACTIVE

    @schema.call(
        "start_step",
        scope="tracks:write",
        body=StepChange,
        returns=schema.Track,
        params=schema.STEP_INDEX,
        refuses=("track_closed",),
    )
    @idempotent
    def post(self, request: Request, track_id: str, index: str) -> Response:
        """Start a step. Starting it again changes nothing."""
        return self._post(track_id, index)


class CompleteStep(ChangeStep):
    to = Step.Status.COMPLETED

    @schema.call(
        "complete_step",
        scope="tracks:write",
        body=StepChange,
        returns=schema.Track,
        params=schema.STEP_INDEX,
        refuses=("track_closed",),
    )
    @idempotent
    def post(self, request: Request, track_id: str, index: str) -> Response:
        """Complete a step, started or not. Completing it again changes nothing."""
        return self._post(track_id, index)


class FailStep(ChangeStep):
    to = Step.Status.FAILED

    @schema.call(
        "fail_step",
        scope="tracks:write",
        body=StepChange,
        returns=schema.Track,
        params=schema.STEP_INDEX,
        refuses=("track_closed",),
    )
    @idempotent
    def post(self, request: Request, track_id: str, index: str) -> Response:
        """Fail a step, started or not. Failing it again changes nothing."""
        return self._post(track_id, index)


class Actions(TrackView):
    scopes = {"POST": "tracks:write"}

    @schema.call(
        "log_action",
        scope="tracks:write",
        body=ActionBody,
        returns={201: schema.Event},
        refuses=("track_closed",),
    )
    @idempotent
    def post(self, request: Request, track_id: str) -> Response:
        """Write a line of narration on a track or on one of its steps."""
        body = self.body(ActionBody)
        event = transitions.log_action(
            text=body["text"], step=body["step"], **self.locate(track_id)
        )
        return Response(event_json(event, track_id=track_id), status=201)


class CompleteTrack(TrackView):
    scopes = {"POST": "tracks:write"}

    @schema.call(
        "complete_track",
        scope="tracks:write",
        body=CompleteBody,
        returns=schema.Track,
        refuses=("track_closed",),
    )
    @idempotent
    def post(self, request: Request, track_id: str) -> Response:
        """Close a track that reached its end; its open ask is cancelled."""
        summary = self.body(CompleteBody)["summary"]
        return Response(
            track_json(transitions.complete_track(summary=summary, **self.locate(track_id)))
        )


class FailTrack(TrackView):
    scopes = {"POST": "tracks:write"}

    @schema.call(
        "fail_track",
        scope="tracks:write",
        body=FailBody,
        returns=schema.Track,
        refuses=("track_closed",),
    )
    @idempotent
    def post(self, request: Request, track_id: str) -> Response:
        """Close a track that did not reach its end; its open ask is cancelled."""
        body = self.body(FailBody)
        return Response(track_json(transitions.fail_track(**body, **self.locate(track_id))))


class Feed(TrackView):
    scopes = {"GET": "tracks:read"}

    @schema.call(
        "list_events", scope="tracks:read", returns=schema.EventPage, params=schema.FEED_PARAMS
    )
    def get(self, request: Request, track_id: str) -> Response:
        """Read a track's events in order. With `wait`, wait for the next one."""
        window = feed_window(request.query_params)
        return Response(
            feed_json(key_or_404("trk", track_id), self.identity.workspace_id, **window)
        )


def feed_window(params: Any) -> dict[str, int]:
    """Return which events a request for a feed wants; `wait` is checked here, too."""
    whole_param(params, "wait", lowest=0, highest=LONGEST_WAIT, default=0)
    return {
        "after": whole_param(params, "after", lowest=0, highest=2**31 - 1, default=0),
        "limit": whole_param(params, "limit", lowest=1, highest=LARGEST_FEED, default=DEFAULT_FEED),
    }
