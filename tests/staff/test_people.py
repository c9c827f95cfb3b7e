"""Owners say who works in their workspaces and as what, within what they have themselves."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.api.refused import nothing_written
from tests.factories import WorkspaceFactory
from tests.staff.conftest import Hire
from tracks.models import Entry, Membership, Workspace
from tracks.people import keep_authenticator
from tracks.staff.reach import actor_of

pytestmark = pytest.mark.django_db

ADD = "/admin/auth/user/add/"


@pytest.fixture
def owner(hire: Hire, workspace: Workspace) -> Client:
    return hire("Owner", workspace)


@pytest.fixture
def bob(hire: Hire, workspace: Workspace) -> User:
    hire("Viewer", workspace, name="bob@acme.com")
    return person("bob@acme.com")


def person(name: str) -> User:
    found: User = get_user_model().objects.get(username=name)
    return found


def role(name: str) -> str:
    return str(Group.objects.get(name=name).pk)


def page_of(someone: User, action: str = "change") -> str:
    return f"/admin/auth/user/{someone.pk}/{action}/"


def post(roles: list[str], *workspaces: Workspace, is_active: bool = True) -> dict[str, Any]:
    ticked = {"is_active": "on"} if is_active else {}
    return {
        "roles": [role(each) for each in roles],
        "workspaces": [str(each.pk) for each in workspaces],
        **ticked,
    }


def held(someone: User) -> set[str]:
    return set(someone.groups.values_list("name", flat=True))


def test_an_owner_hires_somebody(owner: Client, workspace: Workspace) -> None:
    fields = {"email": "New@Acme.com", "first_name": "Nia"} | post(["Operator"], workspace)
    shown = owner.post(ADD, fields)
    assert shown.status_code == 200
    password = re.search(r"<code[^>]*>([^<]+)</code>", shown.content.decode())
    assert password
    new = person("new@acme.com")
    assert (new.is_staff, new.is_superuser, held(new)) == (True, False, {"Operator"})
    assert list(Membership.objects.filter(user=new).values_list("workspace", flat=True)) == [
        workspace.pk
    ]
    client = Client()
    signing = {"username": "new@acme.com", "password": password[1]}
    assert client.post("/admin/login/", signing).status_code == 302
    entry = Entry.objects.get()
    assert (entry.type, entry.workspace, entry.actor_name) == (
        "person.added",
        workspace,
        "owner@acme.com",
    )
    assert entry.data == {
        "person": "new@acme.com",
        "roles": ["Operator"],
        "is_active": True,
    }
    assert password[1] not in str(entry.data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": "OWNER@acme.com"}, "There is somebody with this address already."),
        ({"email": "nobody"}, "nobody"),
        ({"workspaces": []}, "This field is required."),
        ({"first_name": "N\u202eia"}, "cannot be taken"),
    ],
)
def test_a_hire_that_makes_no_sense_is_refused(
    owner: Client, workspace: Workspace, changes: dict[str, Any], words: str
) -> None:
    before = get_user_model().objects.count()
    fields = {"email": "new@acme.com", "first_name": ""} | post(["Viewer"], workspace) | changes
    assert words in owner.post(ADD, fields).content.decode()
    assert get_user_model().objects.count() == before


def test_nobody_is_put_into_a_workspace_of_others(owner: Client, bob: User) -> None:
    other = WorkspaceFactory()
    for page, fields in ((ADD, {"email": "new@acme.com"}), (page_of(bob), {})):
        with nothing_written():
            shown = owner.post(page, fields | post(["Viewer"], other))
        assert "Select a valid choice" in shown.content.decode()


def test_nobody_becomes_a_superuser_here(owner: Client, bob: User, workspace: Workspace) -> None:
    more = {"is_superuser": "on", "user_permissions": ["1"], "password": "x", "username": "x"}
    owner.post(page_of(bob), post(["Viewer"], workspace) | more)
    bob.refresh_from_db()
    assert (bob.is_superuser, bob.username, bob.user_permissions.count()) == (
        False,
        "bob@acme.com",
        0,
    )


def test_nobody_gives_more_than_they_have(hire: Hire, bob: User, workspace: Workspace) -> None:
    client = hire("Operator", workspace)
    chief = person("operator@acme.com")
    for codename in ("view_user", "change_user"):
        permission = Group.objects.get(name="Owner").permissions.get(codename=codename)
        chief.user_permissions.add(permission)
    shown = client.post(page_of(bob), post(["Owner"], workspace)).content.decode()
    assert "Select a valid choice" in shown
    client.post(page_of(bob), post(["Operator"], workspace))
    assert held(bob) == {"Operator"}


def test_nobody_changes_somebody_who_is_more(
    hire: Hire, owner: Client, workspace: Workspace
) -> None:
    client = hire("Operator", workspace)
    chief = person("operator@acme.com")
    for codename in ("view_user", "change_user"):
        permission = Group.objects.get(name="Owner").permissions.get(codename=codename)
        chief.user_permissions.add(permission)
    above = person("owner@acme.com")
    with nothing_written():
        assert client.post(page_of(above), post(["Viewer"], workspace)).status_code == 403
        assert client.post(page_of(above, "set_password"), {"reason": "x"}).status_code == 403
    assert person("owner@acme.com").password == above.password


def test_an_owner_changes_what_somebody_may_do(
    owner: Client, bob: User, workspace: Workspace
) -> None:
    owner.post(page_of(bob), post(["Viewer", "Integrator"], workspace))
    assert held(bob) == {"Viewer", "Integrator"}
    owner.post(page_of(bob), post(["Viewer"], workspace, is_active=False))
    bob.refresh_from_db()
    assert not bob.is_active
    changes = Entry.objects.order_by("id").values_list("type", "data")
    assert [(type, data["roles"], data["is_active"]) for type, data in changes] == [
        ("person.changed", ["Viewer", "Integrator"], True),
        ("person.changed", ["Viewer"], False),
    ]


@pytest.mark.parametrize("way", ["role", "sign_in"])
def test_the_last_owner_stays(owner: Client, workspace: Workspace, way: str) -> None:
    alone = person("owner@acme.com")
    fields = post(["Viewer"], workspace)
    if way == "sign_in":
        fields = post(["Owner"], workspace, is_active=False)
    with nothing_written():
        shown = owner.post(page_of(alone), fields, follow=True)
    assert "Acme would be left without an owner." in shown.content.decode()
    assert held(person("owner@acme.com")) == {"Owner"}
    assert person("owner@acme.com").is_active


def test_an_owner_may_go_once_there_is_another(
    owner: Client, bob: User, workspace: Workspace
) -> None:
    owner.post(page_of(bob), post(["Owner"], workspace))
    owner.post(page_of(person("owner@acme.com")), post(["Viewer"], workspace))
    assert held(person("owner@acme.com")) == {"Viewer"}
    with nothing_written():
        assert owner.post(page_of(bob), post(["Viewer"], workspace)).status_code == 403


def test_an_owner_who_may_not_sign_in_is_none(
    owner: Client, bob: User, workspace: Workspace
) -> None:
    owner.post(page_of(bob), post(["Owner"], workspace, is_active=False))
    with nothing_written():
        owner.post(page_of(person("owner@acme.com")), post(["Viewer"], workspace))


def test_whoever_also_works_elsewhere_is_seen_and_not_changed(
    owner: Client, bob: User, workspace: Workspace
) -> None:
    other = WorkspaceFactory(name="Umbrella")
    Membership.objects.create(user=bob, workspace=other)
    page = owner.get(page_of(bob)).content.decode()
    assert "bob@acme.com" in page
    assert "Umbrella" not in page
    before = person("bob@acme.com").password
    with nothing_written():
        assert owner.post(page_of(bob), post(["Owner"], workspace)).status_code == 403
        for action in ("set_password", "remove_second_factor"):
            assert owner.get(page_of(bob, action)).status_code == 403
            assert owner.post(page_of(bob, action), {"reason": "x"}).status_code == 403
    assert person("bob@acme.com").password == before


def test_superusers_and_strangers_are_not_seen(owner: Client, hire: Hire, boss: Client) -> None:
    hire("Owner", WorkspaceFactory(), name="else@umbrella.com")
    Membership.objects.create(user=person("boss"), workspace=Workspace.objects.get(name="Acme"))
    listed = owner.get("/admin/auth/user/").content.decode()
    assert "else@umbrella.com" not in listed
    for name in ("boss", "else@umbrella.com"):
        assert owner.get(page_of(person(name))).status_code == 302
        assert owner.post(page_of(person(name), "set_password"), {"reason": "x"}).status_code == 404
    assert "else@umbrella.com" in boss.get("/admin/auth/user/").content.decode()


@pytest.mark.parametrize("name", ["Viewer", "Operator", "Integrator"])
def test_others_do_not_see_people(hire: Hire, bob: User, workspace: Workspace, name: str) -> None:
    client = hire(name, workspace)
    with nothing_written():
        assert client.get("/admin/auth/user/").status_code == 403
        assert client.get(ADD).status_code == 403
        assert client.post(ADD, {"email": "new@acme.com"}).status_code == 403
        assert client.post(page_of(bob), post(["Owner"], workspace)).status_code == 403
        assert client.post(page_of(bob, "set_password"), {"reason": "x"}).status_code == 403
    assert client.get("/admin/auth/group/").status_code == 404


def test_a_new_password_is_shown_once_and_ends_the_sessions(owner: Client, bob: User) -> None:
    session = Client()
    session.force_login(bob)
    shown = owner.post(page_of(bob, "set_password"), {"reason": "Forgotten"})
    password = re.search(r"<code[^>]*>([^<]+)</code>", shown.content.decode())
    assert password
    assert person("bob@acme.com").check_password(password[1])
    assert session.get("/admin/")["Location"].startswith("/admin/login/")
    assert Entry.objects.get().data == {"person": "bob@acme.com", "reason": "Forgotten"}


def test_a_lost_second_factor_is_removed(owner: Client, bob: User) -> None:
    keep_authenticator(bob, key="00" * 20, step=0, actor=actor_of(bob))
    done = owner.post(page_of(bob, "remove_second_factor"), {"reason": "Lost phone"})
    assert done.status_code == 302
    assert Entry.objects.filter(type="second_factor.removed").get().data["reason"] == "Lost phone"
    assert page_of(bob, "remove_second_factor") not in owner.get(page_of(bob)).content.decode()


def test_nobody_is_deleted(owner: Client, boss: Client, bob: User) -> None:
    for client in (owner, boss):
        assert client.post(page_of(bob, "delete"), {"post": "yes"}).status_code == 403
