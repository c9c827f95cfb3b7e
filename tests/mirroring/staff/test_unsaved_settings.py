"""Staff try settings out before they save them: the system is asked, and nothing is kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from pytest_django import Settings

from mirroring import trying
from mirroring.connectors.http import Session
from mirroring.models import Connection, RequestCount
from tests.api.refused import nothing_written
from tests.factories import WorkspaceFactory
from tests.mirroring.connections.declared import ACCOUNT, LIST, connect
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, plain, row
from tests.mirroring.staff.test_connection_form import ADD, SETTINGS, change, led_astray
from tests.staff.conftest import Hire
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

ADD_REST = f"{ADD}?kind=rest"
TEST = {"_test": ""}
BUTTON = 'name="_test"'


@pytest.fixture
def typed(workspace: Workspace, api: Api) -> dict[str, str]:
    """What somebody has typed about a system that answers, and then pressed the button."""
    api.on("GET /me", {"name": "sayso"})
    api.on(LIST, {"rows": [row(1), row(2), {"key": 3}]})
    return {
        "workspace": str(workspace.pk),
        "name": "Ledger",
        **SETTINGS,
        "connector_definition": json.dumps(plain(base_url=api.url, **ACCOUNT)),
        "connector_secrets": f"token: {SECRET}",
        **TEST,
    }


def tried(client: Client, where: str, typed: dict[str, str]) -> Any:
    with nothing_written():
        response = client.post(where, typed)
    assert response.status_code == 200
    return response


# -- a new connection ------------------------------------------------------------------------------


def test_what_is_typed_is_tried_and_not_saved(
    integrator: Client, typed: dict[str, str], api: Api
) -> None:
    shown = tried(integrator, ADD_REST, typed).content.decode()
    assert "It works" in shown
    assert "<dt>Account</dt><dd>sayso</dd>" in shown
    assert "<dt>Approvals in a short list</dt><dd>2</dd>" in shown
    assert "<dt>Of which could not be read</dt><dd>1</dd>" in shown
    assert [seen.headers["authorization"] for seen in api.asked("GET /me")] == [f"Bearer {SECRET}"]
    assert not Connection.objects.exists()


def test_what_was_typed_is_still_there_to_be_saved(
    integrator: Client, typed: dict[str, str]
) -> None:
    shown = tried(integrator, ADD_REST, typed)
    form = shown.context["adminform"].form
    again = {name: form[name].value() for name in form.fields if name in typed}
    assert again == {name: typed[name] for name in form.fields if name in typed} | {
        "enabled": True,
        "leaves_marks": True,
    }
    del typed["_test"]
    assert integrator.post(ADD_REST, typed).status_code == 302
    assert Connection.objects.get().whole_config["secrets"] == f"token: {SECRET}"


def test_a_password_that_was_typed_comes_back_in_its_field(
    integrator: Client, workspace: Workspace, api: Api
) -> None:
    api.on("POST /auth/token", {}, status=401)
    airflow = {
        "connector_base_url": api.url,
        "connector_username": "sayso",
        "connector_password": "pa55word",
        "connector_mail_domain": "acme.com",
    }
    said = {"workspace": str(workspace.pk), "name": "Pipelines", **SETTINGS, **airflow, **TEST}
    shown = tried(integrator, f"{ADD}?kind=airflow", said).content.decode()
    assert "It does not work: auth" in shown
    assert "Enter new credentials" in shown
    assert shown.count("pa55word") == 1
    assert 'value="pa55word"' in shown


def test_what_is_wrong_in_the_form_is_told_and_nobody_is_asked(
    integrator: Client, typed: dict[str, str], api: Api
) -> None:
    shown = tried(integrator, ADD_REST, typed | {"interval_seconds": "1", "name": ""})
    assert set(shown.context["adminform"].form.errors) == {"interval_seconds", "name"}
    assert "Nothing was tested yet" in shown.content.decode()
    assert api.asked() == []


def test_a_network_that_the_operator_has_not_admitted_is_not_asked(
    integrator: Client, typed: dict[str, str], api: Api, settings: Settings
) -> None:
    settings.EGRESS_ALLOW = []
    shown = tried(integrator, ADD_REST, typed).content.decode()
    assert "It works" not in shown
    assert api.asked() == []


def test_a_test_has_an_end(
    integrator: Client, typed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "LONGEST", 0.0)
    shown = tried(integrator, ADD_REST, typed).content.decode()
    assert "It does not work: timeout" in shown
    assert "GET /me: there was no time left for it." in shown.replace(_base(typed), "")


def _base(typed: dict[str, str]) -> str:
    base: str = json.loads(typed["connector_definition"])["base_url"]
    return base


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_system_is_asked(
    integrator: Client, typed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    send = Session.send

    def watched(self: Session, *args: Any, **options: Any) -> Any:
        seen.append(database.in_atomic_block)
        return send(self, *args, **options)

    monkeypatch.setattr(Session, "send", watched)
    tried(integrator, ADD_REST, typed)
    assert seen == [False, False]


def test_a_system_that_posts_cannot_be_tried(integrator: Client, typed: dict[str, str]) -> None:
    assert BUTTON not in integrator.get(f"{ADD}?kind=push").content.decode()
    with nothing_written():
        refused = integrator.post(f"{ADD}?kind=push", {**typed, "connector_mapping": ""})
    assert refused.status_code == 409
    assert "Nothing is read from this connection" in refused.content.decode()


# -- one that is there -----------------------------------------------------------------------------


@pytest.fixture
def changed(erp: Connection, api: Api) -> dict[str, str]:
    """What the form of a connection says, with another list to read and no secret typed."""
    definition = plain(base_url=api.url, list__request__path="/others", **ACCOUNT)
    said = {"connector_definition": json.dumps(definition), "connector_secrets": ""}
    return {**SETTINGS, **said, **TEST}


def test_an_empty_secret_is_the_one_that_is_stored(
    integrator: Client, erp: Connection, changed: dict[str, str], api: Api
) -> None:
    api.on("GET /others", {"rows": [row(number) for number in range(4)]})
    shown = tried(integrator, change(erp), changed).content.decode()
    assert "<dt>Approvals in a short list</dt><dd>4</dd>" in shown
    (seen,) = api.asked("GET /others")
    assert seen.headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in shown
    assert api.asked(LIST) == []


@led_astray
def test_a_stored_secret_is_tried_nowhere_else(
    integrator: Client,
    erp: Connection,
    changed: dict[str, str],
    api: Api,
    definition: Callable[[str], str],
) -> None:
    """PO-08: a test would send it as well as a poll does."""
    moved = definition(api.url)
    shown = tried(integrator, change(erp), changed | {"connector_definition": moved})
    assert list(shown.context["adminform"].form.errors) == ["connector_secrets"]
    assert api.asked() == []


def test_a_test_that_fails_is_no_failure_of_the_connection(
    integrator: Client, erp: Connection, changed: dict[str, str], api: Api
) -> None:
    api.on("GET /others", {"message": f"{SECRET}?"}, status=500)
    shown = tried(integrator, change(erp), changed).content.decode()
    assert "It does not work: server" in shown
    assert SECRET not in shown
    assert "Now: loading" in shown


# -- who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["Integrator", "Owner"])
def test_whoever_may_save_may_try(
    hire: Hire, erp: Connection, typed: dict[str, str], changed: dict[str, str], role: str
) -> None:
    client = hire(role, erp.workspace)
    for where in (ADD_REST, change(erp)):
        assert client.get(where).content.decode().count(BUTTON) == 1
    assert "It works" in tried(client, ADD_REST, typed).content.decode()
    assert "It does not work" in tried(client, change(erp), changed).content.decode()


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_whoever_may_not_save_may_not_try(
    hire: Hire,
    erp: Connection,
    typed: dict[str, str],
    changed: dict[str, str],
    api: Api,
    role: str,
) -> None:
    client = hire(role, erp.workspace)
    assert BUTTON not in client.get(change(erp)).content.decode()
    with nothing_written():
        assert client.post(ADD_REST, typed).status_code == 403
        assert client.post(change(erp), changed).status_code == 403
    assert api.asked() == []


def test_a_stranger_finds_nothing(
    hire: Hire, erp: Connection, typed: dict[str, str], changed: dict[str, str], api: Api
) -> None:
    client = hire("Owner", WorkspaceFactory(name="Umbrella"))
    with nothing_written():
        assert client.post(change(erp), changed).status_code == 404
        refused = client.post(ADD_REST, typed)
    assert list(refused.context["adminform"].form.errors) == ["workspace"]
    assert api.asked() == []


def test_looking_at_a_form_tries_nothing(integrator: Client, erp: Connection, api: Api) -> None:
    for where in (f"{change(erp)}?_test=", f"{ADD_REST}&_test="):
        assert "Nothing was tested yet" not in integrator.get(where).content.decode()
    assert api.asked() == []


def test_a_request_without_the_token_of_the_page_is_refused(
    integrator: Client, typed: dict[str, str], api: Api
) -> None:
    integrator.handler.enforce_csrf_checks = True
    assert integrator.post(ADD_REST, typed).status_code == 403
    assert api.asked() == []


def test_only_what_is_tried_for_a_connection_counts_as_sent_by_it(
    integrator: Client, erp: Connection, typed: dict[str, str], changed: dict[str, str], api: Api
) -> None:
    tried(integrator, ADD_REST, typed)
    assert not RequestCount.objects.exists()
    tried(integrator, change(erp), changed)
    (counted,) = RequestCount.objects.all()
    assert (counted.connection, counted.sent) == (erp, 2)


def test_the_budget_of_a_connection_holds_for_its_tests(
    integrator: Client, workspace: Workspace, api: Api, changed: dict[str, str]
) -> None:
    tight = connect(workspace, api, name="Tight", requests_per_minute=1)
    said = changed | {"requests_per_minute": "1"}
    assert "rate_limited" in tried(integrator, change(tight), said).content.decode()
    assert len(api.asked()) == 1
