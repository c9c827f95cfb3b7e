"""`manage.py connection` (contract §7)."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mirroring.models import Connection, ConnectionSecret
from tracks.models import Workspace

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("connection", *arguments, stdout=out)
    return out.getvalue()


def create(name: str = "Expenses", *more: str) -> Any:
    return json.loads(
        run("create", "--workspace", "Acme", "--kind", "push", "--name", name, "--json", *more)
    )


def test_it_prints_the_url_and_the_secret_once(workspace: Workspace) -> None:
    made = create()
    connection = Connection.objects.get()
    assert made == {
        "id": connection.public_id,
        "workspace": "Acme",
        "kind": "push",
        "name": "Expenses",
        "url": f"http://127.0.0.1:8000/webhooks/{connection.public_id}",
        "secret": ConnectionSecret.objects.get().key,
    }
    assert made["secret"].startswith("whsec_")
    assert not connection.allows_unsigned


def test_the_secret_is_encrypted_where_it_is_stored(workspace: Workspace) -> None:
    from django.db import connection

    secret = create()["secret"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM mirroring_connectionsecret")
        assert secret not in cursor.fetchone()[0]


def test_people_read_prose(workspace: Workspace) -> None:
    text = run("create", "--workspace", "Acme", "--kind", "push", "--name", "Expenses")
    assert "/webhooks/con_" in text
    assert "whsec_" in text
    assert "only time" in text


def test_a_bearer_token_is_made_on_request_and_only_its_hash_is_kept(
    workspace: Workspace,
) -> None:
    made = create("Expenses", "--bearer")
    assert len(made["bearer_token"]) == len("cbt_") + 43
    assert made["bearer_token"] not in str(Connection.objects.values())


def test_a_secret_is_replaced(workspace: Workspace) -> None:
    made = create()
    new = json.loads(run("rotate-secret", made["id"], "--overlap-seconds", "60", "--json"))
    assert new["secret"] != made["secret"]
    assert ConnectionSecret.objects.count() == 2
    run("rotate-secret", made["id"], "--overlap-seconds", "0")
    assert ConnectionSecret.objects.count() == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--workspace", "Nobody", "--kind", "push", "--name", "N"],
        ["create", "--workspace", "Acme", "--kind", "pull", "--name", "N"],
        ["create", "--workspace", "Acme", "--kind", "push", "--name", " "],
        ["create", "--workspace", "Acme", "--kind", "push", "--name", "x" * 121],
        ["create", "--workspace", "Acme", "--kind", "push", "--name", "a\u202eb"],
        ["create", "--workspace", "Acme", "--kind", "push", "--name", "Taken"],
        ["rotate-secret", "con_1"],
        ["rotate-secret", "con_" + "0" * 32],
    ],
)
def test_what_is_wrong_is_refused(arguments: list[str], workspace: Workspace) -> None:
    create("Taken")
    with pytest.raises(CommandError):
        run(*arguments)
    assert Connection.objects.count() == 1
