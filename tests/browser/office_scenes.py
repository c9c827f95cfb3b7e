"""Pages about keys, people, the log and the second factor, each as a way to get there."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.factories import AskFactory, TrackFactory, WorkspaceFactory, answer, issue_key, say
from tracks.clock import database_now
from tracks.models import ApiKey, Entry, Event, Membership, Workspace
from tracks.people import keep_authenticator
from tracks.staff.reach import actor_of

ADDRESS = "dana@acme.com"


def office() -> Workspace:
    """Return a workspace with an owner, a colleague, keys, tracks and a log."""
    workspace: Workspace = WorkspaceFactory(name="Acme Finance")
    for address, role in ((ADDRESS, "Owner"), ("bo@acme.com", "Operator")):
        user = get_user_model().objects.create_user(address, email=address, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        Membership.objects.create(user=user, workspace=workspace)
    track = TrackFactory(workspace=workspace, steps=["Fetch", "Approve"])
    say(track, "Pulled 47 invoices from Bill.com")
    answer(AskFactory(track=track))
    issue_key(workspace)
    ApiKey.objects.update(last_used_at=database_now())
    return workspace


def owner() -> User:
    found: User = get_user_model().objects.get(username=ADDRESS)
    return found


def sign_in(browser: Any, site: str) -> None:
    """Give a browser the session of the owner."""
    client = Client()
    client.force_login(owner())
    for name, morsel in client.cookies.items():
        browser.context.add_cookies([{"name": name, "value": morsel.value, "url": site}])


def _second_factor() -> str:
    keep_authenticator(owner(), key="00" * 20, step=0, actor=actor_of(owner()))
    return "/admin/second-factor/"


def _key(action: str) -> str:
    return f"/admin/tracks/apikey/{ApiKey.objects.get().pk}/{action}/"


def _colleague(action: str) -> str:
    return f"/admin/auth/user/{get_user_model().objects.get(username='bo@acme.com').pk}/{action}/"


def _entry() -> str:
    person = owner()
    keep_authenticator(person, key="00" * 20, step=0, actor=actor_of(person))
    person.authenticator_set.all().delete()
    return f"/admin/tracks/entry/{Entry.objects.all()[0].pk}/change/"


OFFICE_SCENES: dict[str, Callable[[], str]] = {
    "keys": lambda: "/admin/tracks/apikey/",
    "key": lambda: _key("change"),
    "new-key": lambda: "/admin/tracks/apikey/add/",
    "replace-key": lambda: _key("rotate"),
    "revoke-key": lambda: _key("revoke"),
    "events": lambda: "/admin/tracks/event/",
    "event": lambda: f"/admin/tracks/event/{Event.objects.all()[0].pk}/change/",
    "export": lambda: "/admin/tracks/event/export/?type=action.logged",
    "entry": _entry,
    "people": lambda: "/admin/auth/user/",
    "person": lambda: _colleague("change"),
    "hire": lambda: "/admin/auth/user/add/",
    "workspace": lambda: f"/admin/tracks/workspace/{Workspace.objects.get().pk}/change/",
    "usage": lambda: "/admin/approvals/monthofasks/",
    "set-up": lambda: "/admin/second-factor/set-up/",
    "enter-code": _second_factor,
}
