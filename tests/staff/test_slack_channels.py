"""Who sends a workspace's questions to which Slack is on record, and no secret is."""

from typing import Any

import pytest
from django.test import Client

from approvals import admin
from approvals.models import SlackChannel
from tests.factories import WorkspaceFactory
from tests.staff.conftest import Hire
from tracks.models import Entry, Workspace

pytestmark = pytest.mark.django_db

LIST = "/admin/approvals/slackchannel/"
HOOK = "https://hooks.slack.com/services/T0/B0/"


@pytest.fixture
def integrator(hire: Hire, workspace: Workspace) -> Client:
    return hire("Integrator", workspace)


def lines() -> list[tuple[Any, ...]]:
    rows = Entry.objects.order_by("pk")
    return list(rows.values_list("type", "workspace", "subject", "actor_name", "data"))


def test_each_change_is_on_record_by_the_names_of_its_fields(
    integrator: Client, workspace: Workspace
) -> None:
    typed = {"workspace": str(workspace.pk), "webhook_url": f"{HOOK}x", "enabled": "on"}
    assert integrator.post(f"{LIST}add/", typed).status_code == 302
    page = f"{LIST}{SlackChannel.objects.get().pk}"
    changed = typed | {"webhook_url": f"{HOOK}evil", "channel": "C1"}
    assert integrator.post(f"{page}/change/", changed).status_code == 302
    assert integrator.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    who = (workspace.pk, "slack", "integrator@acme.com")
    assert lines() == [
        ("slack.changed", *who, {"fields": ["workspace", "webhook_url"]}),
        ("slack.changed", *who, {"fields": ["webhook_url", "channel"]}),
        ("slack.removed", *who, {}),
    ]


def test_each_that_is_ticked_and_deleted_is_on_record(
    hire: Hire, workspace: Workspace, boss: Client
) -> None:
    other = WorkspaceFactory(name="Globex")
    channels = [
        SlackChannel.objects.create(workspace=each, webhook_url=f"{HOOK}x")
        for each in (workspace, other)
    ]
    ticked = {"action": "delete_selected", "_selected_action": [str(each.pk) for each in channels]}
    assert boss.post(LIST, ticked | {"post": "yes"}).status_code == 302
    assert not SlackChannel.objects.exists()
    assert {(type, where) for type, where, *_ in lines()} == {
        ("slack.removed", workspace.pk),
        ("slack.removed", other.pk),
    }


def test_one_that_is_there_stays_in_its_workspace(boss: Client, workspace: Workspace) -> None:
    channel = SlackChannel.objects.create(workspace=workspace, webhook_url=f"{HOOK}x")
    typed = {"workspace": str(WorkspaceFactory(name="Globex").pk), "channel": "C1"}
    assert boss.post(f"{LIST}{channel.pk}/change/", typed).status_code == 302
    assert SlackChannel.objects.get().workspace == workspace


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_put_on_record_is_not_done(
    integrator: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = SlackChannel.objects.create(workspace=workspace, webhook_url=f"{HOOK}x", channel="")

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no log")

    monkeypatch.setattr(admin, "note", fails)
    typed = {"workspace": str(workspace.pk), "channel": "C1"}
    for verb, fields in (("change", typed), ("delete", {"post": "yes"})):
        with pytest.raises(RuntimeError, match="no log"):
            integrator.post(f"{LIST}{channel.pk}/{verb}/", fields)
        assert SlackChannel.objects.get().channel == ""
