"""Staff choose a system, fill in what its connector asks for, and are told what is wrong."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from mirroring.connection_form import TYPE_AGAIN
from mirroring.models import Connection, Poll
from tests.api.refused import nothing_written
from tests.factories import WorkspaceFactory
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, plain
from tests.staff.conftest import Hire
from tracks.models import Entry, Workspace

pytestmark = pytest.mark.django_db

ADD = "/admin/mirroring/connection/add/"
SETTINGS = {
    "enabled": "on",
    "interval_seconds": "60",
    "requests_per_minute": "120",
    "notices": "at_once",
    "notices_per_hour": "10",
    "leaves_marks": "on",
    "expiry_days": "30",
    "fallback_approver": "",
    "allowed_domains": "",
}
AIRFLOW = {
    "connector_base_url": "https://airflow.acme.com",
    "connector_username": "sayso",
    "connector_password": "pa55word",
    "connector_mail_domain": "acme.com",
    "connector_default_approver": "",
    "connector_amount_param": "amount",
}


EVIL = "https://evil.example"
TOKEN_LOGIN = {"type": "token_login", "url": f"{EVIL}/token", "body": {"key": "{secret.token}"}}
CLIENT = {
    "type": "client_credentials",
    "token_url": f"{EVIL}/token",
    "client_id": "sayso",
    "client_secret": "{secret.token}",
}


def as_json(url: str, **changes: Any) -> str:
    return json.dumps(plain(base_url=url, **changes))


def as_yaml(base_url: str) -> str:
    others = {name: value for name, value in plain().items() if name != "base_url"}
    lines = [f"{name}: {json.dumps(value)}" for name, value in others.items()]
    return "\n".join((f"base_url: {base_url}", *lines))


# Definitions that lead away from the URL that is given, each by another way of writing it.
ASTRAY: dict[str, Callable[[str], str]] = {
    "plain": lambda url: as_json(EVIL),
    "a slash that is escaped": lambda url: as_json(EVIL).replace("://", r":\/\/"),
    "a letter by its number": lambda url: as_json(EVIL).replace("https:", r"\u0068ttps:"),
    "capitals": lambda url: as_json(EVIL.upper()),
    "YAML": lambda url: as_yaml(EVIL),
    "YAML with escapes": lambda url: as_yaml(r'"https:\x2f\x2fevil.example"'),
    "YAML over two lines": lambda url: as_yaml('"https:/\\\n  /evil.example"'),
    "another port": lambda url: as_json(f"{url.rpartition(':')[0]}:1"),
    "a longer name": lambda url: as_json("https://127.0.0.1.evil.example"),
    "a client's token": lambda url: as_json(url, auth=CLIENT),
    "a login": lambda url: as_json(url, auth=TOKEN_LOGIN),
    "a secret in a host": lambda url: as_json(
        url, auth={**CLIENT, "token_url": "https://{secret.token}.evil.example"}
    ),
}
led_astray = pytest.mark.parametrize("definition", ASTRAY.values(), ids=ASTRAY.keys())


def change(connection: Connection) -> str:
    return f"/admin/mirroring/connection/{connection.pk}/change/"


def errors_in(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


@pytest.fixture
def filled(workspace: Workspace) -> dict[str, str]:
    return {"workspace": str(workspace.pk), "name": "Pipelines", **SETTINGS, **AIRFLOW}


@pytest.fixture
def airflow(integrator: Client, filled: dict[str, str]) -> Connection:
    assert integrator.post(f"{ADD}?kind=airflow", filled).status_code == 302
    return Connection.objects.get()


def test_the_kind_is_chosen_first(integrator: Client) -> None:
    for where in (ADD, f"{ADD}?kind=nonsense"):
        shown = integrator.get(where).content.decode()
        for kind in ("airflow", "request_tracker", "rest", "push"):
            assert f'href="?kind={kind}"' in shown


def test_the_form_asks_what_the_connector_asks(integrator: Client) -> None:
    shown = integrator.get(f"{ADD}?kind=airflow").content.decode()
    for name in AIRFLOW:
        assert f'name="{name}"' in shown
    assert re.search(r'type="password"[^>]*name="connector_password"', shown) or re.search(
        r'name="connector_password"[^>]*type="password"', shown
    )
    assert "Makes addresses of user names that are none" in shown
    assert 'name="connector_base_url"' not in integrator.get(f"{ADD}?kind=push").content.decode()


def test_a_system_is_connected(
    integrator: Client, airflow: Connection, workspace: Workspace
) -> None:
    assert (airflow.kind, airflow.name, airflow.workspace) == ("airflow", "Pipelines", workspace)
    assert airflow.whole_config == {
        "base_url": "https://airflow.acme.com",
        "username": "sayso",
        "mail_domain": "acme.com",
        "amount_param": "amount",
        "password": "pa55word",
    }
    assert "password" not in airflow.config
    assert Poll.objects.get().connection == airflow
    entry = Entry.objects.get()
    assert (entry.type, entry.subject) == ("connection.created", airflow.public_id)
    assert entry.actor_name == "integrator@acme.com"


def test_a_secret_is_never_shown_again_and_kept_when_left_empty(
    integrator: Client, airflow: Connection, filled: dict[str, str]
) -> None:
    assert "pa55word" not in integrator.get(change(airflow)).content.decode()
    done = integrator.post(
        change(airflow), {**filled, "connector_password": "", "interval_seconds": "90"}
    )
    assert done.status_code == 302
    airflow.refresh_from_db()
    assert (airflow.interval_seconds, airflow.whole_config["password"]) == (90, "pa55word")
    entry = Entry.objects.latest("pk")
    assert (entry.type, entry.data) == ("connection.changed", {"fields": ["interval_seconds"]})


def test_a_new_secret_takes_its_place(
    integrator: Client, airflow: Connection, filled: dict[str, str]
) -> None:
    integrator.post(change(airflow), {**filled, "connector_password": "another"})
    airflow.refresh_from_db()
    assert airflow.whole_config["password"] == "another"
    assert "another" not in str(Entry.objects.latest("pk").data)


def test_a_secret_does_not_follow_to_another_place(
    integrator: Client, airflow: Connection, filled: dict[str, str]
) -> None:
    """PO-08: whoever may change the URL may not learn the password by it."""
    elsewhere = {"connector_base_url": "https://evil.example", "connector_password": ""}
    with nothing_written():
        refused = integrator.post(change(airflow), {**filled, **elsewhere})
    assert list(errors_in(refused)) == ["connector_password"]
    again = {**elsewhere, "connector_password": "typed"}
    assert integrator.post(change(airflow), {**filled, **again}).status_code == 302


@led_astray
def test_a_definition_that_leads_elsewhere_wants_its_secrets_again(
    integrator: Client, erp: Connection, api: Api, definition: Callable[[str], str]
) -> None:
    """PO-08: what counts is where it leads, and not how that is written."""
    moved = {"connector_definition": definition(api.url)}
    with nothing_written():
        refused = integrator.post(change(erp), {**SETTINGS, **moved, "connector_secrets": ""})
    assert errors_in(refused) == {"connector_secrets": [TYPE_AGAIN]}
    again = {**SETTINGS, **moved, "connector_secrets": "token: typed"}
    assert integrator.post(change(erp), again).status_code == 302


def test_a_definition_that_leads_to_the_same_place_keeps_its_secrets(
    integrator: Client, erp: Connection, api: Api
) -> None:
    url = api.url.upper().replace("/", r"\/")
    edited = as_json("", item__title="title").replace('"base_url": ""', f'"base_url": "{url}"')
    said = {"connector_definition": edited, "connector_secrets": ""}
    assert integrator.post(change(erp), {**SETTINGS, **said}).status_code == 302
    erp.refresh_from_db()
    assert erp.whole_config["secrets"] == f"token: {SECRET}"


def test_a_place_that_begins_like_the_one_before_is_another(
    integrator: Client, erp: Connection, api: Api
) -> None:
    before = {**CLIENT, "token_url": "https://login.acme.com/token"}
    said = {"connector_definition": as_json(api.url, auth=before)}
    typed = {**SETTINGS, **said, "connector_secrets": f"token: {SECRET}"}
    assert integrator.post(change(erp), typed).status_code == 302
    for host in ("login.acme.com{secret.token}.evil.example", "login.acme.com.evil.example"):
        after = as_json(api.url, auth={**CLIENT, "token_url": f"https://{host}/token"})
        said = {"connector_definition": after, "connector_secrets": ""}
        with nothing_written():
            refused = integrator.post(change(erp), {**SETTINGS, **said})
        assert errors_in(refused) == {"connector_secrets": [TYPE_AGAIN]}


@pytest.mark.parametrize(
    "url", ["//evil.example", "{}@evil.example", "{}\\@evil.example", "{}{{@e"]
)
def test_what_is_no_url_is_told_as_that(
    integrator: Client, erp: Connection, api: Api, url: str
) -> None:
    said = {"connector_definition": as_json(url.format(api.url)), "connector_secrets": ""}
    with nothing_written():
        refused = integrator.post(change(erp), {**SETTINGS, **said})
    assert list(errors_in(refused)) == ["connector_definition"]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"connector_base_url": ""}, {"connector_base_url"}),
        ({"connector_base_url": "http://169.254.169.254/"}, {"connector_base_url"}),
        ({"connector_password": ""}, {"connector_password"}),
        ({"name": " "}, {"name"}),
        ({"name": "a\u202eb"}, {"name"}),
        ({"interval_seconds": "1"}, {"interval_seconds"}),
        ({"requests_per_minute": "99999"}, {"requests_per_minute"}),
        ({"expiry_days": "31"}, {"expiry_days"}),
        ({"fallback_approver": "x"}, {"fallback_approver"}),
        ({"allowed_domains": "@"}, {"allowed_domains"}),
        ({"notices": "loudly"}, {"notices"}),
        ({"workspace": ""}, {"workspace"}),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    integrator: Client, filled: dict[str, str], fields: dict[str, str], errors: set[str]
) -> None:
    with nothing_written():
        refused = integrator.post(f"{ADD}?kind=airflow", {**filled, **fields})
    assert set(errors_in(refused)) == errors


def test_a_name_is_taken_once_in_a_workspace(
    integrator: Client, airflow: Connection, filled: dict[str, str]
) -> None:
    with nothing_written():
        refused = integrator.post(f"{ADD}?kind=airflow", filled)
    assert refused.status_code == 200
    assert errors_in(refused)


def test_a_definition_is_told_its_mistakes_by_line(
    integrator: Client, filled: dict[str, str]
) -> None:
    definition = "base_url: https://erp.example\r\nlist:\r\n  itmes: rows\r\n"
    with nothing_written():
        refused = integrator.post(
            f"{ADD}?kind=rest",
            {**filled, "connector_definition": definition, "connector_secrets": ""},
        )
    told = errors_in(refused)["connector_definition"]
    assert "line 3, list.itmes: There is no such setting. Did you mean 'items'?" in told


def test_a_system_that_posts_gets_its_secret_shown_once(
    integrator: Client, filled: dict[str, str]
) -> None:
    shown = integrator.post(f"{ADD}?kind=push", {**filled, "connector_mapping": ""})
    row = Connection.objects.get()
    secret = row.secrets.get().key
    assert secret in shown.content.decode()
    assert secret not in integrator.get(change(row)).content.decode()
    assert (row.kind, row.config) == ("push", {})


def test_another_workspace_cannot_be_named(integrator: Client, filled: dict[str, str]) -> None:
    other = WorkspaceFactory(name="Umbrella")
    with nothing_written():
        refused = integrator.post(f"{ADD}?kind=airflow", {**filled, "workspace": str(other.pk)})
    assert list(errors_in(refused)) == ["workspace"]


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_without_the_permission_nothing_is_changed(
    hire: Hire, airflow: Connection, filled: dict[str, str], role: str
) -> None:
    client = hire(role, airflow.workspace)
    assert client.get(change(airflow)).status_code == 200
    with nothing_written():
        assert client.get(ADD).status_code == 403
        assert client.post(f"{ADD}?kind=airflow", filled).status_code == 403
        assert client.post(change(airflow), filled).status_code == 403
