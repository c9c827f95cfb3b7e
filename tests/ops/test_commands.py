"""`manage.py workspace` and `manage.py api_key`, for people and for scripts."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from config.errors import Unauthorized
from tests.conftest import Clock
from tests.factories import AGENT
from tracks.authentication import authenticate, forget_identities
from tracks.models import ApiKey, Authenticator, Entry, Workspace
from tracks.models.workspace import SCOPES
from tracks.people import keep_authenticator

pytestmark = pytest.mark.django_db


def _run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def _json(*arguments: str) -> Any:
    return json.loads(_run(*arguments, "--json"))


def test_a_workspace_is_created() -> None:
    created = _json("workspace", "create", "Acme Finance")
    workspace = Workspace.objects.get()
    assert created == {"id": str(workspace.pk), "name": "Acme Finance"}


def test_a_workspace_has_the_plan_that_is_named() -> None:
    _run("workspace", "create", "Small", "--plan", "free")
    _run("workspace", "create", "Large")
    plans = Workspace.objects.values_list("name", "plan")
    assert set(plans) == {("Small", "free"), ("Large", "unlimited")}


def test_people_read_a_sentence() -> None:
    assert _run("workspace", "create", "Acme") == "Created the workspace 'Acme'.\n"


def test_a_name_is_taken_once(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="There is a workspace 'Acme' already"):
        _run("workspace", "create", "Acme")
    assert Workspace.objects.count() == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_a_name_has_1_to_120_characters(name: str) -> None:
    with pytest.raises(CommandError, match="1 to 120 characters"):
        _run("workspace", "create", name)
    assert not Workspace.objects.exists()


def test_a_key_without_scopes_has_all(workspace: Workspace) -> None:
    created = _json("api_key", "create", "--workspace", "Acme", "--name", "Bookkeeper")
    key = ApiKey.objects.get()
    text = created.pop("api_key")
    assert created == {
        "id": f"sk_live_{key.key_id}",
        "workspace": "Acme",
        "name": "Bookkeeper",
        "scopes": list(SCOPES),
    }
    identity = authenticate(headers={"authorization": f"Bearer {text}"}, query="")
    assert (identity.name, identity.workspace_id) == ("Bookkeeper", workspace.pk)


def test_a_key_has_the_scopes_that_are_named(workspace: Workspace) -> None:
    scopes = ["asks:read", "tracks:read"]
    arguments = [part for scope in scopes for part in ("--scope", scope)]
    assert _json("api_key", "create", "--workspace", "Acme", *arguments)["scopes"] == scopes
    assert ApiKey.objects.get().scopes == scopes


def test_people_read_the_key_and_that_it_is_the_only_time(workspace: Workspace) -> None:
    key, sentence = _run("api_key", "create", "--workspace", "Acme").splitlines()
    assert key.startswith("sk_live_")
    assert sentence == "This is the only time the key is shown."


def test_a_key_needs_a_workspace_that_exists() -> None:
    with pytest.raises(CommandError, match="There is no workspace 'Acme'"):
        _run("api_key", "create", "--workspace", "Acme")


def test_an_unknown_scope_is_refused(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="invalid choice: 'asks:answer'"):
        _run("api_key", "create", "--workspace", "Acme", "--scope", "asks:answer")
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("length", [20, 58])
def test_a_revoked_key_no_longer_works(workspace: Workspace, clock: Clock, length: int) -> None:
    text = _json("api_key", "create", "--workspace", "Acme")["api_key"]
    revoked = _json("api_key", "revoke", text[:length])
    assert revoked == {"id": text[:20], "revoked_at": "2026-11-22T10:00:00.000Z"}
    forget_identities()
    with pytest.raises(Unauthorized):
        authenticate(headers={"authorization": f"Bearer {text}"}, query="")


def test_an_unknown_key_cannot_be_revoked() -> None:
    with pytest.raises(CommandError, match="There is no such key"):
        _run("api_key", "revoke", "sk_live_000000000000")


def test_a_lost_second_factor_is_removed(workspace: Workspace) -> None:
    person = get_user_model().objects.create_superuser("admin")
    keep_authenticator(person, key="00" * 20, step=0, actor=AGENT)
    assert _run("second_factor", "remove", "admin") == "admin has no second factor any more.\n"
    assert not Authenticator.objects.exists()
    entry = Entry.objects.get(type="second_factor.removed")
    assert (entry.workspace, entry.actor_type) == (None, "system")
    for name, words in (("admin", "admin has no second factor."), ("x", "Nobody signs in as 'x'.")):
        with pytest.raises(CommandError, match=words):
            _run("second_factor", "remove", name)
