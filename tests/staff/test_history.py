"""The log is the history; Django's own, which knows little of it, is nowhere."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tracks.models import Workspace
from tracks.staff.base import StaffAdmin

pytestmark = pytest.mark.django_db
OURS = [model for model, pages in admin.site._registry.items() if isinstance(pages, StaffAdmin)]


def test_no_page_leads_to_djangos_history(boss: Client, workspace: Workspace) -> None:
    shown = boss.get(reverse("admin:tracks_workspace_change", args=(workspace.pk,)))
    assert "/history/" not in shown.content.decode()


@pytest.mark.parametrize("model", OURS, ids=lambda model: str(model._meta.label_lower))
def test_there_is_no_such_page(boss: Client, workspace: Workspace, model: type) -> None:
    name = f"admin:{model._meta.label_lower.replace('.', '_')}_history"  # type: ignore[attr-defined]
    assert boss.get(reverse(name, args=(workspace.pk,))).status_code == 404
