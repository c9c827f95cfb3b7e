"""An action wants a reason, a permission and a press of its button; then it is on record."""

import pytest
from django.test import Client

from tests.api.refused import UNSAFE, nothing_written
from tests.factories import issue_key
from tests.staff.conftest import Hire
from tracks.models import ApiKey, Entry, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(workspace: Workspace) -> ApiKey:
    issue_key(workspace)
    return ApiKey.objects.get()


@pytest.fixture
def integrator(hire: Hire, workspace: Workspace) -> Client:
    return hire("Integrator", workspace)


def page_of(key: ApiKey) -> str:
    return f"/admin/tracks/apikey/{key.pk}/revoke/"


def test_looking_at_the_page_changes_nothing(integrator: Client, key: ApiKey) -> None:
    with nothing_written():
        shown = integrator.get(page_of(key))
    assert shown.status_code == 200
    assert "It cannot be undone" in shown.content.decode()


def test_it_is_done_and_on_record_with_who_and_why(integrator: Client, key: ApiKey) -> None:
    done = integrator.post(page_of(key), {"reason": "Leaked.\r\nIn a chat."})
    assert (done.status_code, done["Location"]) == (302, f"/admin/tracks/apikey/{key.pk}/change/")
    key.refresh_from_db()
    entry = Entry.objects.get()
    assert entry.at == key.revoked_at
    assert (entry.type, entry.subject) == ("key.revoked", f"sk_live_{key.key_id}")
    assert (entry.actor_type, entry.actor_name) == ("staff", "integrator@acme.com")
    assert (entry.workspace, entry.data) == (key.workspace, {"reason": "Leaked.\nIn a chat."})


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "This field is required."),
        (" \n\t", "This field is required."),
        ("x" * 501, "at most 500 characters"),
        (f"Leaked{UNSAFE}", "Character 7 (U+202E) cannot be taken"),
        ("\0", "U+0000"),
    ],
)
def test_a_reason_is_wanted(integrator: Client, key: ApiKey, reason: str, words: str) -> None:
    with nothing_written():
        shown = integrator.post(page_of(key), {"reason": reason})
    assert shown.status_code == 200
    assert words in shown.content.decode()


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_without_the_permission_there_is_no_button_and_no_page(
    hire: Hire, key: ApiKey, role: str
) -> None:
    client = hire(role, key.workspace)
    assert page_of(key) not in client.get(f"/admin/tracks/apikey/{key.pk}/change/").content.decode()
    with nothing_written():
        assert client.get(page_of(key)).status_code == 403
        assert client.post(page_of(key), {"reason": "Why not"}).status_code == 403


def test_the_button_goes_when_it_makes_no_sense(integrator: Client, key: ApiKey) -> None:
    change = f"/admin/tracks/apikey/{key.pk}/change/"
    assert page_of(key) in integrator.get(change).content.decode()
    integrator.post(page_of(key), {"reason": "Leaked"})
    assert page_of(key) not in integrator.get(change).content.decode()
    integrator.post(page_of(key), {"reason": "Leaked again"})
    assert Entry.objects.count() == 1


def test_a_stranger_is_led_to_sign_in(client: Client, key: ApiKey) -> None:
    with nothing_written():
        assert "/admin/login/" in client.post(page_of(key), {"reason": "x"})["Location"]
