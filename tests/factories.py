"""Rows as the transitions make them, with their events."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from approvals.models import Approver, Ask, Decision
from approvals.opening import NewAsk, approver_at
from approvals.transitions import Evidence, answer_ask, open_ask
from tracks.actors import Actor
from tracks.clock import database_now
from tracks.models import ApiKey, Event, Track, Workspace
from tracks.transitions import NewTrack, create_track, log_action

AGENT = Actor("agent", "Bookkeeper")
KEY_ID = "0123456789ab"
CFO = "cfo@acme.com"


class WorkspaceFactory(DjangoModelFactory[Workspace]):
    class Meta:
        model = Workspace

    name = factory.Sequence("Workspace {}".format)


class TrackFactory(factory.Factory[Track]):
    """An active track. Takes the fields of NewTrack, and `workspace`."""

    class Meta:
        model = Track

    workspace = factory.SubFactory(WorkspaceFactory)
    title = "Vendor invoice batch"
    customer_email = CFO

    @classmethod
    def _create(cls, model_class: type[Track], *args: Any, **fields: Any) -> Track:
        workspace = fields.pop("workspace")
        new = NewTrack(**fields)
        return create_track(workspace_id=workspace.pk, new=new, actor=AGENT)[0]


class AskFactory(factory.Factory[Ask]):
    """An open ask. Takes the fields of NewAsk, and `track`."""

    class Meta:
        model = Ask

    track = factory.SubFactory(TrackFactory)
    kind = "confirm"
    prompt = "Approve the new rate?"
    config = factory.LazyAttribute(lambda ask: config_of(ask.kind))

    @classmethod
    def _create(cls, model_class: type[Ask], *args: Any, **fields: Any) -> Ask:
        track = fields.pop("track")
        return open_ask(
            track_id=track.pk,
            workspace_id=track.workspace_id,
            new=NewAsk(**fields),
            actor=AGENT,
            asked_by_key=KEY_ID,
        )[0]


def config_of(kind: str) -> dict[str, Any]:
    """Return the least config of a kind, as the API would have filled it in."""
    return {
        "confirm": {"accept_label": "Yes", "reject_label": "No"},
        "text": {"validate": "short"},
        "choice": {"options": [{"value": "a", "label": "Air"}, {"value": "s", "label": "Sea"}]},
    }[kind]


def issue_key(workspace: Workspace, *, name: str = AGENT.name, **options: Any) -> str:
    """Issue an API key and return its text."""
    return ApiKey.issue(workspace=workspace, name=name, **options)[1]


def say(track: Track, text: str) -> Event:
    """Log an action on a track."""
    return log_action(
        track_id=track.pk, workspace_id=track.workspace_id, text=text, step=None, actor=AGENT
    )


def approver_of(ask: Ask) -> Approver:
    """Return who sits at an ask's first seat."""
    return ask.seats.select_related("approver")[0].approver


def evidence_of(approver: Approver, **changes: Any) -> Evidence:
    """Return what a browser of this approver has proven, by the link and just now."""
    proven: dict[str, Any] = {
        "approver": approver,
        "verified_by": "email_link",
        "verified_at": database_now(),
        "ip": "192.0.2.7",
        "user_agent": "Firefox",
    }
    return Evidence(**proven | changes)


def answer(ask: Ask, value: bool | str = True, **changes: Any) -> Decision:
    """Answer an ask as its first approver would on the page."""
    said: dict[str, Any] = {
        "ask_id": ask.pk,
        "track_id": ask.track_id,
        "value": value,
        "comment": None,
        "display_digest": ask.display_digest,
        "form_nonce": "form-1",
    }
    if "evidence" not in changes:
        said["evidence"] = evidence_of(approver_of(ask))
    return answer_ask(**said | changes)


def someone(workspace: Workspace, address: str) -> Approver:
    """Return the approver of a workspace at an address."""
    return approver_at(workspace.pk, address)


def kinds(track: Track) -> list[str]:
    """Return the types of a track's events, in order."""
    return list(Event.objects.filter(track=track).order_by("seq").values_list("type", flat=True))
