"""No secret is ever in the event log (AU-16), nor where a request's answer is kept (ML-10)."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from approvals import notify, sending
from approvals.models import Challenge, Notification
from approvals.verification import OtherBrowser, WrongCodeTyped
from tests.api.agent import Agent
from tests.approvals.proving import Browser, code_of, token_of
from tests.conftest import Clock
from tests.factories import answer, approver_of, evidence_of, issue_key
from tracks import authentication
from tracks.models import Event, EventData, Track, Workspace

PASSWORD = "correct horse battery"


def everything_in(tables: list[str]) -> str:
    texts = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {table}")
            texts += [repr(row) for row in cursor.fetchall()]
    return "\n".join(texts)


def live_through_it(workspace: Workspace, clock: Clock) -> dict[str, str]:
    """Do everything that has a secret in it, and return the secrets."""
    key = issue_key(workspace)
    agent = Agent(key)
    made = agent.post(
        "/tracks",
        {"title": "A", "customer_email": "cfo@acme.com", "password": PASSWORD},
        Idempotency_Key="k-1",
    ).json()
    track = Track.objects.get()
    agent.patch(f"/tracks/{made['id']}", {"password": PASSWORD + "!"})
    agent.post(
        f"/tracks/{made['id']}/asks", {"kind": "confirm", "prompt": "?"}, Idempotency_Key="k-2"
    )
    notify.on_events([Event.objects.get(type="input_request.created")])
    sending.send(Notification.objects.get(kind="ask").pk)
    notice = Challenge.objects.get(kind="notice")

    browser, stranger = Browser(), Browser("stranger")
    browser.unlock(track, PASSWORD + "!")
    challenge = browser.start(track)
    with pytest.raises(OtherBrowser):
        stranger.follow(challenge)
    with pytest.raises(WrongCodeTyped):
        stranger.type("WRNG-C0DE", track)
    secrets = {
        "API key": key,
        "secret of the API key": key[20:52],
        "password": PASSWORD,
        "code on the page": code_of(challenge),
        "code in the notice": code_of(notice),
        "token of the link": token_of(challenge),
        "nonce": browser.nonces[challenge.pk],
        "cookie before": str(browser.viewer),
        "wrong code": "WRNG",
    }
    browser.follow(challenge)
    secrets["cookie after"] = str(browser.viewer)
    ask = track.asks.get()
    answer(ask, True, evidence=evidence_of(approver_of(ask)))
    agent.post(f"/tracks/{made['id']}/complete")
    return secrets


def test_no_secret_is_in_any_event(workspace: Workspace, clock: Clock, api_quiet: None) -> None:
    """AU-16."""
    secrets = live_through_it(workspace, clock)
    assert len(EventData.objects.all()) >= 6
    log = everything_in(["tracks_event", "tracks_eventdata"])
    said = json.dumps([each.data for each in EventData.objects.all()])
    for name, secret in secrets.items():
        assert secret not in log, name
        assert secret.replace("-", "") not in said, name
    track = Track.objects.get()
    assert track.slug not in log
    assert str(track.password_hash) not in log


def test_no_secret_is_stored_anywhere_in_a_form_that_lets_anyone_in(
    workspace: Workspace, clock: Clock, api_quiet: None
) -> None:
    """ML-10: a dump of the database opens nothing."""
    secrets = live_through_it(workspace, clock)
    tables = [
        model._meta.db_table
        for app in ("tracks", "approvals")
        for model in apps.get_app_config(app).get_models()
    ]
    dump = everything_in(tables)
    for name, secret in secrets.items():
        assert secret not in dump, name
        assert secret.replace("-", "") not in dump, name


@pytest.fixture
def api_quiet(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The note of when a key was last used waits for no lock that the test holds."""
    monkeypatch.setattr(authentication, "run_in_background", lambda *_: None)
