"""The API of webhook endpoints (contract §2.3; WH-07, WH-25, WH-26; SS-01)."""

from typing import Any

import pytest

from config import crypto
from tests.api.agent import Agent
from tests.factories import WorkspaceFactory, issue_key
from tests.receivers import Receiver
from tests.webhooks.conftest import V1, Hook, add_hook
from tracks.models import Entry, IdempotencyKey, Workspace
from webhooks import signing
from webhooks.models import Endpoint, SigningKey

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.com/sayso"


def entries(hook: Hook) -> list[str]:
    rows = Entry.objects.filter(subject=hook.id).order_by("id")
    return list(rows.values_list("type", flat=True))


def test_an_endpoint_comes_back_with_its_secret_this_once(agent: Agent, clock: Any) -> None:
    """WH-07."""
    response = agent.post(
        V1, {"url": URL, "event_types": ["input_request.answered"], "description": "Ledger"}
    )
    endpoint = Endpoint.objects.get()
    secret = response.json()["secret"]
    expected = {
        "id": endpoint.public_id,
        "url": URL,
        "event_types": ["input_request.answered"],
        "description": "Ledger",
        "signing": "v1",
        "public_key": None,
        "enabled": True,
        "disabled_reason": None,
        "disabled_at": None,
        "failing_since": None,
        "previous_secret_expires_at": None,
        "created_at": "2026-11-22T10:00:00.000Z",
        "updated_at": "2026-11-22T10:00:00.000Z",
    }
    assert response.status_code == 201
    assert response.json() == expected | {"secret": secret}
    assert secret.startswith("whsec_")
    assert agent.get(f"{V1}/{endpoint.public_id}").json() == expected
    assert agent.get(V1).json() == {"data": [expected], "next_cursor": None}
    assert secret not in agent.patch(f"{V1}/{endpoint.public_id}", {"description": ""}).text


def test_a_url_is_enough_and_means_every_event(agent: Agent) -> None:
    body = agent.post(V1, {"url": URL}).json()
    assert (body["event_types"], body["enabled"], body["description"]) == ([], True, "")


def test_the_secret_is_encrypted_where_it_is_stored(agent: Agent) -> None:
    from django.db import connection

    secret = agent.post(V1, {"url": URL}).json()["secret"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM webhooks_signingkey")
        [(stored,)] = cursor.fetchall()
    assert secret not in stored
    assert crypto.decrypt(stored) == secret == SigningKey.objects.get().key


def test_an_ed25519_endpoint_shows_its_public_key_and_never_the_private_one(agent: Agent) -> None:
    """WH-06."""
    created = agent.post(V1, {"url": URL, "signing": "v1a"}).json()
    private = SigningKey.objects.get().key
    assert (created["signing"], created["secret"]) == ("v1a", None)
    assert created["public_key"] == signing.public_key(private)
    for response in (
        agent.get(V1),
        agent.get(f"{V1}/{created['id']}"),
        agent.post(f"{V1}/{created['id']}/rotate-secret", {}),
    ):
        assert "whsk_" not in response.text
        assert private not in response.text


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example.com/", "https://127.0.0.2.example/\\", "https://10.0.0.1/"),
        *("https://169.254.169.254/", "https://[::1]/", "https://0x7f.1/", "https://user@a.com/"),
        *("ftp://example.com/", "https://exämple.com/", "https://example.com/#x", "", "x" * 3000),
    ],
)
def test_a_url_that_may_not_be_called_is_refused(url: str, agent: Agent, settings: Any) -> None:
    """SS-01, SS-08."""
    settings.EGRESS_ALLOW = []
    hook = add_hook(agent, URL)
    for response in (agent.post(V1, {"url": url}), agent.patch(hook.path, {"url": url})):
        body = response.json()
        if not url:
            assert (response.status_code, body["code"]) == (422, "invalid")
            continue
        assert (response.status_code, body["code"]) == (422, "endpoint_url_refused")
        assert body["errors"][0]["field"] == "url"
        assert body["detail"]
    assert hook.row.url == URL
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", None),
        ("url", 5),
        ("event_types", "input_request.answered"),
        ("event_types", ["input_request.*"]),
        ("event_types", ["webhook.test"]),
        ("event_types", ["track.created", "track.created"]),
        ("enabled", "true"),
        ("description", "x" * 501),
        ("description", "a\u202eb"),
        ("signing", "v2"),
        ("secret", "whsec_mine"),
        ("workspace_id", "x"),
    ],
)
def test_a_body_that_is_wrong_is_refused(field: str, value: Any, agent: Agent) -> None:
    response = agent.post(V1, {"url": URL, field: value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"].startswith(field)
    assert not Endpoint.objects.exists()


def test_the_fifty_first_is_refused(agent: Agent, workspace: Workspace, stranger: Agent) -> None:
    """WH-26."""
    hooks = [add_hook(agent, f"{URL}/{number}") for number in range(50)]
    response = agent.post(V1, {"url": URL})
    assert (response.status_code, response.json()["code"]) == (409, "endpoint_limit")
    assert agent.call("DELETE", hooks[0].path).status_code == 204
    assert agent.post(V1, {"url": URL}).status_code == 201
    assert stranger.post(V1, {"url": URL}).status_code == 201


def test_pages_of_endpoints_are_newest_first(agent: Agent) -> None:
    ids = [add_hook(agent, f"{URL}/{number}").id for number in range(5)]
    first = agent.get(f"{V1}?limit=3").json()
    second = agent.get(f"{V1}?limit=3&cursor={first['next_cursor']}").json()
    assert [each["id"] for each in first["data"] + second["data"]] == ids[::-1]


def test_a_change_is_put_on_record_with_what_was_before(agent: Agent) -> None:
    """WH-25."""
    hook = add_hook(agent, URL)
    changed = agent.patch(hook.path, {"url": f"{URL}/2", "event_types": ["track.created"]}).json()
    assert (changed["url"], changed["event_types"]) == (f"{URL}/2", ["track.created"])
    assert agent.patch(hook.path, {"url": f"{URL}/2"}).status_code == 200
    assert entries(hook) == ["endpoint.created", "endpoint.updated"]
    entry = Entry.objects.get(type="endpoint.updated")
    assert entry.data["was"] == {"url": URL, "event_types": []}
    assert (entry.actor_type, entry.actor_name) == ("agent", "Bookkeeper")


def test_the_signing_scheme_cannot_be_changed(agent: Agent) -> None:
    hook = add_hook(agent, URL)
    assert agent.patch(hook.path, {"signing": "v1a"}).status_code == 422


def test_an_endpoint_that_is_deleted_is_gone_with_its_keys(agent: Agent) -> None:
    hook = add_hook(agent, URL)
    response = agent.call("DELETE", hook.path)
    assert (response.status_code, response.content) == (204, b"")
    assert not SigningKey.objects.exists()
    assert agent.get(V1).json()["data"] == []
    for method, path in (
        ("GET", hook.path),
        ("PATCH", hook.path),
        ("DELETE", hook.path),
        ("GET", f"{hook.path}/deliveries"),
        ("POST", f"{hook.path}/test"),
        ("POST", f"{hook.path}/rotate-secret"),
    ):
        assert agent.call(method, path, body={}).status_code == 404
    assert entries(hook)[-1] == "endpoint.deleted"


def test_a_stranger_finds_nothing(agent: Agent, stranger: Agent, receiver: Receiver) -> None:
    hook = add_hook(agent, receiver.url)
    delivery = agent.post(f"{hook.path}/test").json()
    since = {"since": "2026-01-01T00:00:00Z"}
    for method, path, body in (
        ("GET", hook.path, None),
        ("PATCH", hook.path, {"enabled": False}),
        ("DELETE", hook.path, None),
        ("POST", f"{hook.path}/test", {}),
        ("POST", f"{hook.path}/rotate-secret", {}),
        ("POST", f"{hook.path}/recover", since),
        ("GET", f"{hook.path}/deliveries", None),
        ("POST", f"/deliveries/{delivery['id']}/replay", {}),
    ):
        response = stranger.call(method, path, body=body)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert stranger.get(V1).json()["data"] == []
    assert hook.row.enabled


@pytest.mark.parametrize("scope", ["webhooks:read", "tracks:write", "asks:write", "audit:read"])
def test_each_call_needs_its_scope(scope: str, workspace: Workspace, agent: Agent) -> None:
    hook = add_hook(agent, URL)
    weak = Agent(issue_key(workspace, scopes=[scope]))
    reads = [("GET", V1), ("GET", hook.path), ("GET", f"{hook.path}/deliveries")]
    writes = [
        ("POST", V1),
        ("PATCH", hook.path),
        ("DELETE", hook.path),
        ("POST", f"{hook.path}/test"),
        ("POST", f"{hook.path}/rotate-secret"),
        ("POST", f"{hook.path}/recover"),
        ("POST", "/deliveries/dlv_1/replay"),
    ]
    for method, path in reads:
        expected = 200 if scope == "webhooks:read" else 403
        assert weak.call(method, path).status_code == expected
    for method, path in writes:
        response = weak.call(method, path, body={})
        assert (response.status_code, response.json()["code"]) == (403, "missing_scope")


def test_a_repeated_creation_shows_the_same_secret_and_keeps_it_encrypted(agent: Agent) -> None:
    """Contract §2.5: responses with a secret are kept encrypted."""
    first = agent.post(V1, {"url": URL}, Idempotency_Key="k1")
    again = agent.post(V1, {"url": URL}, Idempotency_Key="k1")
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Endpoint.objects.count() == 1
    kept = IdempotencyKey.objects.get()
    assert kept.is_sealed
    assert first.json()["secret"] not in str(kept.body)
    assert agent.post(V1, {"url": f"{URL}/2"}, Idempotency_Key="k1").status_code == 422


def test_a_repeated_rotation_makes_one_secret(agent: Agent) -> None:
    hook = add_hook(agent, URL)
    path = f"{hook.path}/rotate-secret"
    first = agent.post(path, {}, Idempotency_Key="k1")
    again = agent.post(path, {}, Idempotency_Key="k1")
    assert first.json()["secret"] == again.json()["secret"] != hook.secret
    assert SigningKey.objects.count() == 2


def test_an_older_field_key_still_opens_what_it_closed(agent: Agent, settings: Any) -> None:
    """OP-04."""
    hook = add_hook(agent, URL)
    settings.FIELD_KEYS = ["a new key of at least forty characters 123", *settings.FIELD_KEYS]
    assert SigningKey.objects.get().key == hook.secret
    newer = add_hook(agent, f"{URL}/2")
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    assert SigningKey.objects.get(endpoint=newer.pk).key == newer.secret


def test_a_workspace_has_a_contact(db: None) -> None:
    assert WorkspaceFactory().contact_email == ""
