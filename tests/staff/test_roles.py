"""Four roles, each with all that the one before it may do."""

import pytest
from django.contrib.auth.models import Group, Permission

from tracks.staff.roles import ADDED, ROLES, added_up_to, install_roles

pytestmark = pytest.mark.django_db


def permissions_of(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role)
    return {
        f"{label}.{codename}"
        for label, codename in rows.values_list("content_type__app_label", "codename")
    }


def test_every_permission_of_the_table_exists() -> None:
    rows = Permission.objects.values_list("content_type__app_label", "codename")
    existing = {f"{label}.{codename}" for label, codename in rows}
    assert added_up_to("Owner") - existing == set()


def test_a_viewer_sees_everything_and_changes_nothing() -> None:
    found = permissions_of("Viewer")
    assert {"tracks.view_event", "approvals.view_ask", "webhooks.view_delivery"} <= found
    assert all(".view_" in name for name in found)
    assert found.isdisjoint({"auth.view_user", "tracks.view_membership"})


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_the_table_says_and_what_the_role_before_it_may(role: str) -> None:
    found = {name for name in permissions_of(role) if name not in permissions_of("Viewer")}
    assert found == added_up_to(role)
    assert ADDED[role] <= added_up_to("Owner")


def test_the_table_is_what_counts_however_often_it_is_installed() -> None:
    before = permissions_of("Viewer")
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.add(Permission.objects.get(codename="change_workspace"))
    viewer.permissions.remove(Permission.objects.get(codename="view_event"))
    install_roles()
    install_roles()
    assert permissions_of("Viewer") == before
    assert Group.objects.count() == 4
