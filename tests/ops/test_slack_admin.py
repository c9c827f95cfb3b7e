"""Staff say where a workspace's Slack is. Secrets are written, checked, kept, and never shown."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from approvals.models import SlackChannel
from tests.api.refused import nothing_written
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

ADD = "/admin/approvals/slackchannel/add/"
HOOK = "https://hooks.slack.com/services/T000/B000/secret"
TOKEN = "xoxb-1-2-secret"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("staff"))
    return client


@pytest.fixture
def hook(workspace: Workspace) -> SlackChannel:
    return SlackChannel.objects.create(workspace=workspace, webhook_url=HOOK)


def form(workspace: Workspace, **fields: str) -> dict[str, str]:
    """Return what a browser sends: fields that are left empty, too."""
    empty = {"webhook_url": "", "bot_token": "", "channel": ""}
    return {"workspace": str(workspace.pk), "enabled": "on"} | empty | fields


def ways(channel: SlackChannel) -> tuple[str, str, str]:
    channel.refresh_from_db()
    return channel.webhook_url, channel.bot_token, channel.channel


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"webhook_url": HOOK}, (HOOK, "", "")),
        ({"bot_token": TOKEN, "channel": "C0123456789"}, ("", TOKEN, "C0123456789")),
    ],
)
def test_staff_add_one_or_the_other(
    staff: Client, workspace: Workspace, fields: Any, expected: Any
) -> None:
    assert staff.post(ADD, form(workspace, **fields)).status_code == 302
    assert ways(SlackChannel.objects.get()) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"bot_token": TOKEN},
        {"bot_token": "xoxp-1", "channel": "C0123456789"},
        {"bot_token": TOKEN, "channel": "C0123456789", "webhook_url": HOOK},
        *(
            {"webhook_url": url}
            for url in (
                "http://hooks.slack.com/services/T000/B000/x",
                "https://hooks.slack.com.evil.example/services/T000/B000/x",
                "https://hooks.slack.com@evil.example/x",
                "https://evil.example/https://hooks.slack.com/",
                "https://hooks.slack.com:8443/x",
                "https://user@hooks.slack.com/x",
                "https://hooks.slack.com\\@evil.example/x",
                "https://hooks.slack.com/a b",
                "https://hooks.slack.com:99999/x",
                "https://hooks.slack.com/",
                "https://h\u043e\u043eks.slack.com/x",
                "//hooks.slack.com/x",
                "file:///etc/passwd",
            )
        ),
    ],
)
def test_what_leads_anywhere_else_is_refused(
    staff: Client, workspace: Workspace, fields: Any
) -> None:
    with nothing_written():
        assert staff.post(ADD, form(workspace, **fields)).status_code == 200


def test_a_secret_is_kept_when_nothing_is_typed(
    staff: Client, workspace: Workspace, hook: SlackChannel
) -> None:
    page = f"/admin/approvals/slackchannel/{hook.pk}/change/"
    assert staff.post(page, form(workspace, channel="C1")).status_code == 302
    assert ways(hook) == (HOOK, "", "C1")


def test_what_is_typed_last_counts(staff: Client, workspace: Workspace, hook: SlackChannel) -> None:
    page = f"/admin/approvals/slackchannel/{hook.pk}/change/"
    staff.post(page, form(workspace, bot_token=TOKEN, channel="C0123456789"))
    assert ways(hook) == ("", TOKEN, "C0123456789")


def test_a_secret_is_never_shown(staff: Client, hook: SlackChannel) -> None:
    for path in ("", f"{hook.pk}/change/", f"{hook.pk}/delete/"):
        page = staff.get(f"/admin/approvals/slackchannel/{path}")
        assert page.status_code == 200
        assert "B000" not in page.content.decode()
