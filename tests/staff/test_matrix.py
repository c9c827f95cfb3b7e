"""Each role and each task: who may not is refused by a direct POST, and nothing changes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client

from approvals.models import SlackChannel
from tests.api.refused import OURS, nothing_written
from tests.factories import AskFactory, answer, issue_key
from tests.staff.conftest import Hire
from tracks.models import ApiKey, Entry, Track, Workspace
from tracks.staff.roles import ROLES

pytestmark = pytest.mark.django_db

REASON = {"reason": "Because"}


def _bob() -> int:
    return get_user_model().objects.get(username="bob@acme.com").pk


# What is done: the lowest role that may, its line in the log, the page, and what its form says.
TASKS: dict[str, tuple[str, str | None, Callable[[Workspace], str], dict[str, Any]]] = {
    "export events": (
        "Operator",
        "events.exported",
        lambda workspace: "/admin/tracks/event/export/",
        REASON | {"format": "csv"},
    ),
    "make a key": (
        "Integrator",
        "key.created",
        lambda workspace: "/admin/tracks/apikey/add/",
        {"name": "Agent", "scopes": ["asks:read"], "expires_at_0": "", "expires_at_1": ""},
    ),
    "replace a key": (
        "Integrator",
        "key.rotated",
        lambda workspace: f"/admin/tracks/apikey/{ApiKey.objects.get().pk}/rotate/",
        REASON | {"overlap": "1"},
    ),
    "revoke a key": (
        "Integrator",
        "key.revoked",
        lambda workspace: f"/admin/tracks/apikey/{ApiKey.objects.get().pk}/revoke/",
        REASON,
    ),
    "change the Slack channel": (
        "Integrator",
        "slack.changed",
        lambda workspace: f"/admin/approvals/slackchannel/{SlackChannel.objects.get().pk}/change/",
        {"webhook_url": "", "bot_token": "", "channel": "C1"},
    ),
    "remove the Slack channel": (
        "Integrator",
        "slack.removed",
        lambda workspace: f"/admin/approvals/slackchannel/{SlackChannel.objects.get().pk}/delete/",
        {"post": "yes"},
    ),
    "make a connection": (
        "Integrator",
        "connection.created",
        lambda workspace: "/admin/mirroring/connection/add/?kind=push",
        {
            "name": "SAP",
            "enabled": "on",
            "interval_seconds": "60",
            "requests_per_minute": "120",
            "notices": "at_once",
            "notices_per_hour": "10",
            "expiry_days": "30",
        },
    ),
    "set policies": (
        "Owner",
        "workspace.changed",
        lambda workspace: f"/admin/tracks/workspace/{workspace.pk}/change/",
        {
            "time_zone": "Europe/Berlin",
            "plan": "pro",
            "delegation": "none",
            "contact_email": "",
            "escalate_to": "",
            "escalate_after_seconds": "",
        },
    ),
    "require a second factor": (
        "Owner",
        "workspace.changed",
        lambda workspace: f"/admin/tracks/workspace/{workspace.pk}/change/",
        {
            "time_zone": "UTC",
            "plan": "unlimited",
            "delegation": "any",
            "contact_email": "",
            "escalate_to": "",
            "escalate_after_seconds": "",
            "requires_totp": "on",
        },
    ),
    "hire somebody": (
        "Owner",
        "person.added",
        lambda workspace: "/admin/auth/user/add/",
        {"email": "new@acme.com", "first_name": "", "workspaces": []},
    ),
    "set a password": (
        "Owner",
        "person.password_set",
        lambda workspace: f"/admin/auth/user/{_bob()}/set_password/",
        REASON,
    ),
}


@pytest.fixture
def ready(hire: Hire, track: Track) -> Workspace:
    """A workspace in which there is one of everything the tasks are about."""
    hire("Viewer", track.workspace, name="bob@acme.com")
    issue_key(track.workspace)
    SlackChannel.objects.create(
        workspace=track.workspace, webhook_url="https://hooks.slack.com/services/T0/B0/x"
    )
    return track.workspace


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("task", TASKS)
def test_who_may_do_what(hire: Hire, ready: Workspace, task: str, role: str) -> None:
    lowest, line, where, fields = TASKS[task]
    client, page = hire(role, ready), where(ready)
    fields = {"workspace": str(ready.pk)} | fields
    if "workspaces" in fields:
        fields["workspaces"] = [str(ready.pk)]
    if ROLES.index(role) < ROLES.index(lowest):
        with nothing_written():
            assert client.post(page, fields).status_code == 403
        return
    assert client.get(page).status_code == 200
    done = client.post(page, fields)
    if line is None:
        assert done.status_code == 302
    else:
        entry = Entry.objects.get()
        assert (entry.type, entry.actor_name) == (line, f"{role.lower()}@acme.com")


@pytest.mark.parametrize("role", ROLES)
def test_every_list_and_page_opens_for_whoever_may_look(
    hire: Hire, ready: Workspace, track: Track, role: str
) -> None:
    answer(AskFactory(track=track))
    client = hire(role, ready)
    opened = 0
    for model, pages in admin.site._registry.items():
        if model._meta.app_label not in OURS:
            continue
        base = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
        assert client.get(base).status_code == 200, base
        for row in pages.get_queryset(client.get(base).wsgi_request)[:1]:
            opened += 1
            assert client.get(f"{base}{row.pk}/change/").status_code == 200, base
    assert opened >= 6


def test_whoever_is_no_staff_is_led_to_sign_in(client: Client, ready: Workspace) -> None:
    client.force_login(get_user_model().objects.create_user("customer@acme.com"))
    for _, _, where, fields in TASKS.values():
        with nothing_written():
            assert "/admin/login/" in client.post(where(ready), fields)["Location"]
