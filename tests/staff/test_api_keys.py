"""Staff make, replace and revoke API keys. The text of one is seen once."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.api.agent import Agent
from tests.api.refused import UNSAFE, nothing_written
from tests.conftest import Clock
from tests.factories import WorkspaceFactory, issue_key
from tests.staff.conftest import Hire
from tracks.authentication import forget_identities
from tracks.models import ApiKey, Entry, Workspace

pytestmark = pytest.mark.django_db

ADD = "/admin/tracks/apikey/add/"
KEY = re.compile(r"sk_live_[0-9A-Za-z]{50}")


@pytest.fixture
def integrator(hire: Hire, workspace: Workspace) -> Client:
    return hire("Integrator", workspace)


@pytest.fixture
def key(clock: Clock, workspace: Workspace) -> ApiKey:
    issue_key(workspace, scopes=["tracks:read"])
    return ApiKey.objects.get()


def fields(workspace: Workspace, **changes: object) -> dict[str, object]:
    filled: dict[str, object] = {
        "workspace": str(workspace.pk),
        "name": "Bookkeeper",
        "scopes": ["tracks:read", "asks:write"],
        "expires_at_0": "",
        "expires_at_1": "",
    }
    return filled | changes


def lets_in(text: str) -> bool:
    forget_identities()
    return bool(Agent(text).get("/tracks").status_code == 200)


def replace(client: Client, key: ApiKey, *, hours: object = 24) -> str:
    """Replace a key, and return the text of the new one."""
    page = f"/admin/tracks/apikey/{key.pk}/rotate/"
    shown = client.post(page, {"reason": "Every quarter", "overlap": hours})
    assert shown.status_code == 200, shown
    return KEY.findall(shown.content.decode())[0]


def test_a_new_key_is_shown_once_and_works(integrator: Client, workspace: Workspace) -> None:
    shown = integrator.post(ADD, fields(workspace))
    assert shown.status_code == 200
    (text,) = set(KEY.findall(shown.content.decode()))
    assert lets_in(text)
    key = ApiKey.objects.get()
    assert (key.name, key.scopes) == ("Bookkeeper", ["tracks:read", "asks:write"])
    page = integrator.get(f"/admin/tracks/apikey/{key.pk}/change/").content.decode()
    assert text not in page
    assert f"sk_live_{key.key_id}" in page
    assert "tracks:read, asks:write" in page
    assert key.secret_hash not in page
    entry = Entry.objects.get()
    assert (entry.type, entry.subject) == ("key.created", f"sk_live_{key.key_id}")
    assert entry.data == {"name": "Bookkeeper", "scopes": ["asks:write", "tracks:read"]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["admin"]}, "Select a valid choice"),
        ({"name": f"Book{UNSAFE}keeper"}, "Character 5 (U+202E) cannot be taken"),
        ({"name": "x" * 121}, "at most 120 characters"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "This has passed."),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    integrator: Client, workspace: Workspace, changes: dict[str, object], words: str
) -> None:
    with nothing_written():
        shown = integrator.post(ADD, fields(workspace, **changes))
    assert words in shown.content.decode()


def test_a_key_for_another_workspace_is_refused(integrator: Client) -> None:
    other = WorkspaceFactory()
    with nothing_written():
        assert "Select a valid choice" in integrator.post(ADD, fields(other)).content.decode()


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_without_the_permission_there_is_no_new_key(hire: Hire, key: ApiKey, role: str) -> None:
    client = hire(role, key.workspace)
    with nothing_written():
        assert client.get(ADD).status_code == 403
        assert client.post(ADD, fields(key.workspace)).status_code == 403
        page = f"/admin/tracks/apikey/{key.pk}/rotate/"
        assert client.post(page, {"reason": "x", "overlap": 1}).status_code == 403


def test_both_keys_work_while_they_overlap(
    integrator: Client, key: ApiKey, workspace: Workspace, clock: Clock
) -> None:
    old = issue_key(workspace, name="Other")
    before = ApiKey.objects.get(name="Other")
    new = replace(integrator, before, hours=168)
    assert lets_in(old)
    assert lets_in(new)
    clock.move(days=7, milliseconds=-1)
    assert lets_in(old)
    clock.move(milliseconds=1)
    assert not lets_in(old)
    assert lets_in(new)
    made = ApiKey.objects.get(replaces=before)
    assert (made.name, made.scopes) == (before.name, before.scopes)
    entry = Entry.objects.get(type="key.rotated")
    assert entry.data == {
        "reason": "Every quarter",
        "new_key": made.public_id,
        "overlap_seconds": 604800,
    }


def test_without_an_overlap_the_old_key_ends_at_once(
    integrator: Client, clock: Clock, workspace: Workspace
) -> None:
    old = issue_key(workspace)
    assert lets_in(replace(integrator, ApiKey.objects.get(), hours=0))
    assert not lets_in(old)


def test_an_overlap_gives_no_key_a_longer_life(
    integrator: Client, key: ApiKey, clock: Clock
) -> None:
    key.expires_at = clock.now + timedelta(hours=1)
    key.save()
    replace(integrator, key, hours=24)
    key.refresh_from_db()
    assert key.expires_at == clock.now + timedelta(hours=1)


@pytest.mark.parametrize("hours", [-1, 169, "", "x"])
def test_an_overlap_is_at_most_seven_days(integrator: Client, key: ApiKey, hours: object) -> None:
    page = f"/admin/tracks/apikey/{key.pk}/rotate/"
    with nothing_written():
        shown = integrator.post(page, {"reason": "Why not", "overlap": hours})
    assert not KEY.search(shown.content.decode())


def test_a_button_pressed_twice_makes_one_key(integrator: Client, key: ApiKey) -> None:
    replace(integrator, key)
    page = f"/admin/tracks/apikey/{key.pk}/rotate/"
    with nothing_written():
        shown = integrator.post(page, {"reason": "Again", "overlap": 1})
    assert shown.status_code == 409
    assert "Another key has taken this one&#x27;s place already." in shown.content.decode()


def test_a_key_that_has_ended_is_not_replaced(
    integrator: Client, key: ApiKey, clock: Clock
) -> None:
    key.revoked_at = clock.now
    key.save()
    page = f"/admin/tracks/apikey/{key.pk}/rotate/"
    with nothing_written():
        assert integrator.post(page, {"reason": "x", "overlap": 1}).status_code == 409
    assert page not in integrator.get(f"/admin/tracks/apikey/{key.pk}/change/").content.decode()


def test_a_revoked_key_is_refused(integrator: Client, workspace: Workspace) -> None:
    text = issue_key(workspace)
    assert lets_in(text)
    integrator.post(f"/admin/tracks/apikey/{ApiKey.objects.get().pk}/revoke/", {"reason": "Leaked"})
    assert not lets_in(text)
