"""A list without rows says so, and offers what helps."""

import pytest
from django.test import Client

from tests.staff.conftest import Hire
from tracks.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(hire: Hire, workspace: Workspace) -> Client:
    return hire("Viewer", workspace)


@pytest.mark.parametrize(
    ("query", "offers"), [("", False), ("?q=nobody", True), ("?status=open", True)]
)
def test_filters_are_reset_where_some_are_set(viewer: Client, query: str, offers: bool) -> None:
    shown = viewer.get(f"/admin/approvals/ask/{query}").content.decode()
    assert ">Nothing here</h2>" in shown
    assert (">Reset filters</a>" in shown) is offers


@pytest.mark.parametrize(("role", "may"), [("Viewer", False), ("Integrator", True)])
def test_who_may_add_something_is_led_there(
    hire: Hire, workspace: Workspace, role: str, may: bool
) -> None:
    shown = hire(role, workspace).get("/admin/tracks/apikey/").content.decode()
    assert ">Nothing here</h2>" in shown
    assert (">Add API key</a>" in shown) is may
