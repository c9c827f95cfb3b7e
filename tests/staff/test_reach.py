"""Staff see their workspaces. Of others there is nothing: no row, no name, no choice, no action."""

from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.test import Client

from approvals.models import SlackChannel
from tests.api.refused import OURS, nothing_written
from tests.factories import AskFactory, TrackFactory, WorkspaceFactory, answer, issue_key
from tests.staff.conftest import Hire
from tracks.models import ApiKey, Track, Workspace
from tracks.staff.base import StaffAdmin

pytestmark = pytest.mark.django_db

PAGES = {model: page for model, page in admin.site._registry.items() if page.opts.app_label in OURS}


@pytest.fixture
def other(db: None) -> Workspace:
    """A workspace with one row of each kind, in which nobody here works."""
    workspace: Workspace = WorkspaceFactory(name="Umbrella")
    answer(AskFactory(track=TrackFactory(workspace=workspace, title="Theirs")))
    issue_key(workspace, name="Their agent")
    SlackChannel.objects.create(workspace=workspace, webhook_url="https://hooks.slack.com/x")
    return workspace


@pytest.fixture
def owner(hire: Hire, workspace: Workspace, other: Workspace) -> Client:
    return hire("Owner", workspace)


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model._meta.label_lower)
def test_every_page_knows_the_way_to_the_workspace(model: Any) -> None:
    pages = PAGES[model]
    assert isinstance(pages, StaffAdmin)
    *path, last = pages.workspace_path.split("__")
    for step in path:
        model = model._meta.get_field(step).related_model
    try:
        field = model._meta.get_field(last)
    except FieldDoesNotExist:
        field = model._meta.pk
    assert Workspace in (field.related_model, model)


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model._meta.label_lower)
def test_a_row_of_another_workspace_is_not_there(owner: Client, model: Any) -> None:
    base = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
    listed = owner.get(base)
    assert listed.status_code == 200
    assert "Umbrella" not in listed.content.decode()
    row = model._default_manager.filter(**{f"{PAGES[model].workspace_path}__isnull": False})
    theirs = [each for each in row if each not in PAGES[model].get_queryset(listed.wsgi_request)]
    for each in theirs:
        assert owner.get(f"{base}{each.pk}/change/").status_code == 302
        assert owner.get(f"{base}{each.pk}/history/").status_code == 404
        with nothing_written():
            assert owner.post(f"{base}{each.pk}/change/", {"name": "x"}).status_code in (302, 403)


def test_nor_is_it_found_by_a_filter_in_the_address(owner: Client, other: Workspace) -> None:
    shown = owner.get(f"/admin/tracks/track/?workspace__id__exact={other.pk}")
    assert shown.context["cl"].result_count == 0


def test_filters_offer_the_workspaces_within_reach(owner: Client, boss: Client) -> None:
    def offered(client: Client) -> str:
        return client.get("/admin/approvals/slackchannel/add/").content.decode()

    assert "Umbrella" in offered(boss)
    assert "Umbrella" not in offered(owner)
    assert "Acme" in offered(owner)
    assert "Umbrella" in boss.get("/admin/tracks/track/").content.decode()


def test_a_form_cannot_name_another_workspace(owner: Client, other: Workspace) -> None:
    fields = {"workspace": str(other.pk), "webhook_url": "https://hooks.slack.com/y", "channel": ""}
    with nothing_written():
        shown = owner.post("/admin/approvals/slackchannel/add/", fields)
    assert shown.status_code == 200
    assert "Select a valid choice" in shown.content.decode()


def test_an_action_on_a_row_of_another_workspace_finds_nothing(owner: Client) -> None:
    key = ApiKey.objects.get(name="Their agent")
    page = f"/admin/tracks/apikey/{key.pk}/revoke/"
    with nothing_written():
        assert owner.get(page).status_code == 404
        assert owner.post(page, {"reason": "Mine now"}).status_code == 404


def test_a_member_of_no_workspace_sees_nothing(hire: Hire, track: Track) -> None:
    assert hire("Owner").get("/admin/tracks/track/").context["cl"].result_count == 0


def test_a_superuser_sees_every_workspace(boss: Client, track: Track, other: Workspace) -> None:
    assert boss.get("/admin/tracks/track/").context["cl"].result_count == 2
