"""The admin shows staff what there is, and lets nobody change it."""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client

from approvals.models import Ask, Decision, Notification, SlackChannel
from tests.factories import AGENT, AskFactory, answer, approver_of, issue_key
from tracks.clock import database_now
from tracks.entries import note
from tracks.models import ApiKey, Event, Track, Workspace

OURS = ("tracks", "approvals")
WRITABLE = ("approvals/slackchannel", "tracks/apikey", "tracks/workspace")
HOOK = "https://hooks.slack.com/services/T000/B000/secret"

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("staff"))
    return client


@pytest.fixture
def ask(track: Track) -> Ask:
    ask: Ask = AskFactory(track=track)
    answer(ask)
    issue_key(track.workspace)
    note(track.workspace_id, "key.revoked", subject="sk_live_x", actor=AGENT, at=database_now())
    SlackChannel.objects.create(workspace=track.workspace, webhook_url=HOOK)
    Notification.objects.create(
        kind="ask", ask=ask, track=track, approver=approver_of(ask), created_at=ask.created_at
    )
    return ask


def _models() -> list[str]:
    registered = (model._meta for model in admin.site._registry)
    return sorted(
        each.label_lower.replace(".", "/") for each in registered if each.app_label in OURS
    )


def test_what_staff_can_look_at() -> None:
    assert _models() == [
        "approvals/approver",
        "approvals/ask",
        "approvals/monthofasks",
        "approvals/notification",
        "approvals/slackchannel",
        "tracks/apikey",
        "tracks/dispatch",
        "tracks/entry",
        "tracks/event",
        "tracks/track",
        "tracks/workspace",
    ]


@pytest.mark.parametrize("model", _models())
def test_lists_and_pages_open(staff: Client, ask: Ask, model: str) -> None:
    listed = staff.get(f"/admin/{model}/")
    assert listed.status_code == 200
    rows = next(
        each for each in admin.site._registry if each._meta.label_lower == model.replace("/", ".")
    )
    row = rows._default_manager.first()
    assert staff.get(f"/admin/{model}/{row.pk}/change/").status_code == 200


@pytest.mark.parametrize("model", [each for each in _models() if each not in WRITABLE])
def test_nothing_can_be_added_changed_or_deleted(staff: Client, ask: Ask, model: str) -> None:
    rows = next(
        each for each in admin.site._registry if each._meta.label_lower == model.replace("/", ".")
    )
    row = rows._default_manager.first()
    assert staff.get(f"/admin/{model}/add/").status_code == 403
    assert staff.post(f"/admin/{model}/{row.pk}/change/", {"name": "x"}).status_code == 403
    assert staff.post(f"/admin/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_secrets_are_not_shown(staff: Client, ask: Ask) -> None:
    key = ApiKey.objects.get()
    page = staff.get(f"/admin/tracks/apikey/{key.pk}/change/").content.decode()
    assert key.secret_hash not in page
    page = staff.get(f"/admin/tracks/track/{ask.track.pk}/change/").content.decode()
    assert ask.track.slug not in page
    assert f"/t/{ask.track.slug[:6]}…" in page


def test_an_ask_shows_what_was_said(staff: Client, ask: Ask) -> None:
    page = staff.get(f"/admin/approvals/ask/{ask.pk}/change/").content.decode()
    assert Decision.objects.get().verified_by in page


def test_an_erased_event_says_so(staff: Client, ask: Ask) -> None:
    event = Event.objects.filter(track=ask.track).first()
    assert event is not None
    event.content.delete()
    assert "erased" in staff.get(f"/admin/tracks/event/{event.pk}/change/").content.decode()


# -- workspaces ------------------------------------------------------------------------------------

POLICIES = {
    "time_zone": "Europe/Berlin",
    "contact_email": "ops@acme.com",
    "plan": "pro",
    "delegation": "none",
    "escalate_to": "ceo@acme.com\r\n\r\nCOO@acme.com",
    "escalate_after_seconds": "3600",
}


def test_staff_set_a_workspace_s_policies(staff: Client, workspace: Workspace) -> None:
    response = staff.post(f"/admin/tracks/workspace/{workspace.pk}/change/", POLICIES)
    assert response.status_code == 302
    workspace.refresh_from_db()
    assert (workspace.name, workspace.plan, workspace.delegation) == ("Acme", "pro", "none")
    assert workspace.escalate_to == ["ceo@acme.com", "COO@acme.com"]
    assert workspace.escalate_after_seconds == 3600
    shown = staff.get(f"/admin/tracks/workspace/{workspace.pk}/change/").content.decode()
    assert "ceo@acme.com\nCOO@acme.com</textarea>" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"escalate_to": "nobody"}, "nobody"),
        ({"escalate_to": "ceo@acme.com\nCEO@acme.com"}, "Each address once."),
        ({"escalate_to": "\n".join(f"a{n}@acme.com" for n in range(21))}, "At most 20 addresses."),
        ({"escalate_to": ""}, "Say who is asked then."),
        ({"escalate_after_seconds": "0"}, "Between 1 and 2,592,000 seconds."),
        ({"escalate_after_seconds": "2592001"}, "Between 1 and 2,592,000 seconds."),
        ({"escalate_after_seconds": "-1"}, "greater than or equal to 0"),
        ({"time_zone": "Nowhere/Land"}, "No such time zone"),
        ({"plan": "gold"}, "gold is not one of the available choices"),
    ],
)
def test_policies_that_make_no_sense_are_refused(
    staff: Client, workspace: Workspace, changes: dict[str, str], words: str
) -> None:
    response = staff.post(f"/admin/tracks/workspace/{workspace.pk}/change/", POLICIES | changes)
    assert response.status_code == 200
    assert words in response.content.decode()
    workspace.refresh_from_db()
    assert (workspace.plan, workspace.escalate_to) == ("unlimited", [])


def test_the_name_that_approvers_have_seen_stays(staff: Client, workspace: Workspace) -> None:
    staff.post(f"/admin/tracks/workspace/{workspace.pk}/change/", POLICIES | {"name": "Evil"})
    workspace.refresh_from_db()
    assert workspace.name == "Acme"
