"""API keys on the wire. What a key looks like is in tests/tracks/test_api_keys.py."""

from datetime import timedelta
from typing import Any

import pytest
import structlog.testing
from django.test import Client
from django.utils import timezone

from tests.api.agent import Agent
from tests.api.calls import CALLS, Call
from tests.api.refused import code_of
from tests.conftest import Clock
from tests.factories import WorkspaceFactory, issue_key
from tracks import authentication
from tracks.authentication import ApiKey, KeyParts
from tracks.models import Workspace


def text_with(key: str, **changes: str) -> str:
    """Return a well-formed key that differs from another in its id or its secret."""
    parts = KeyParts.parse(key)
    assert parts is not None
    return KeyParts(changes.get("key_id", parts.key_id), changes.get("secret", parts.secret)).text


@pytest.fixture
def key(workspace: Workspace) -> str:
    return issue_key(workspace)


def expired(workspace: Workspace) -> str:
    key, text = ApiKey.issue(workspace=workspace, name="x")
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    return text


def revoked(workspace: Workspace) -> str:
    key, text = ApiKey.issue(workspace=workspace, name="x")
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now() - timedelta(seconds=1))
    return text


def test_every_bad_key_gets_one_and_the_same_answer(workspace: Workspace, key: str) -> None:
    """API-03."""
    wrong_crc = key[:-1] + ("0" if key[-1] != "0" else "1")
    headers: list[dict[str, str]] = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {key}"},
        {"Authorization": key},
        {"Authorization": f"Token {key}"},
        {"Authorization": f"Bearer {key} {key}"},
        {"Authorization": f"Bearer {wrong_crc}"},
        {"Authorization": f"Bearer {key[:-1]}"},
        {"Authorization": f"Bearer {key}0"},
        {"Authorization": f"Bearer {key.replace('live', 'test')}"},
        {"Authorization": "Bearer " + "x" * 10_000},
        {"Authorization": f"Bearer {text_with(key, secret='0' * 32)}"},
        {"Authorization": f"Bearer {text_with(key, key_id='0' * 12)}"},
        {"Authorization": f"Bearer {expired(workspace)}"},
        {"Authorization": f"Bearer {revoked(workspace)}"},
        {"X-Api-Key": key},
    ]
    answers = [Client().get("/api/v1/tracks", headers=each) for each in headers]
    assert {code_of(each) for each in answers} == {(401, "unauthorized")}
    assert {each.headers["WWW-Authenticate"] for each in answers} == {'Bearer realm="sayso"'}
    bodies = [each.json() | {"request_id": ""} for each in answers]
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(key: str, scheme: str) -> None:
    response = Client().get("/api/v1/tracks", headers={"Authorization": f"{scheme} {key}"})
    assert response.status_code == 200


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_no_call_can_be_made_without_a_key(db: None, call: Call) -> None:
    assert code_of(call.make(Agent(), track="x", ask="x")) == (401, "unauthorized")


def test_a_right_secret_under_another_id_is_wrong_even_right_after_it_was_used(key: str) -> None:
    assert Agent(key).get("/tracks").status_code == 200
    other = text_with(key, key_id="0" * 12)
    assert code_of(Agent(other).get("/tracks")) == (401, "unauthorized")


@pytest.mark.parametrize("where", ["?api_key={key}", "?x={key}", "?limit=1&access_token={key}"])
def test_a_key_in_the_address_is_refused_and_flagged(agent: Agent, key: str, where: str) -> None:
    """API-02."""
    with structlog.testing.capture_logs() as logs:
        response = agent.get("/tracks" + where.format(key=key))
    assert code_of(response) == (400, "key_in_url")
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["auth.key_in_url"]
    assert key not in response.content.decode()
    assert key not in str(logs)


def test_a_key_in_a_cookie_is_refused(agent: Agent, key: str) -> None:
    """API-02."""
    response = agent.get("/tracks", Cookie=f"api_key={key}")
    assert code_of(response) == (400, "key_in_url")


def test_a_wrong_checksum_is_refused_without_a_query(
    key: str, django_assert_num_queries: Any
) -> None:
    """API-01."""
    with django_assert_num_queries(0):
        assert Agent(key[:-6] + "000000").get("/tracks").status_code == 401


class Uptime:
    """The clock of this process, which tells how long a key has been remembered."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def uptime(monkeypatch: pytest.MonkeyPatch) -> Uptime:
    standing = Uptime()
    monkeypatch.setattr(authentication, "time", standing)
    return standing


def test_a_key_is_looked_up_once_in_four_seconds(
    key: str, clock: Clock, uptime: Uptime, django_assert_num_queries: Any
) -> None:
    agent = Agent(key)
    agent.get("/tracks/trk_x")
    uptime.seconds += 3.9
    with django_assert_num_queries(0):
        assert agent.get("/tracks/trk_x").status_code == 404
    uptime.seconds += 0.2
    with django_assert_num_queries(1):
        assert agent.get("/tracks/trk_x").status_code == 404


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_a_key_stops_within_five_seconds(
    key: str, field: str, clock: Clock, uptime: Uptime
) -> None:
    agent = Agent(key)
    assert agent.get("/tracks").status_code == 200
    ApiKey.objects.update(**{field: clock.now})
    uptime.seconds += 5
    assert code_of(agent.get("/tracks")) == (401, "unauthorized")


def test_a_key_works_until_the_moment_it_expires(key: str, clock: Clock) -> None:
    ApiKey.objects.update(expires_at=clock.now + timedelta(seconds=1))
    assert Agent(key).get("/tracks").status_code == 200
    authentication.forget_identities()
    clock.move(seconds=1)
    assert Agent(key).get("/tracks").status_code == 401


def test_a_key_that_will_be_revoked_works_until_then(key: str, clock: Clock) -> None:
    """API-06: two keys overlap."""
    ApiKey.objects.update(revoked_at=clock.now + timedelta(days=7))
    assert Agent(key).get("/tracks").status_code == 200
    authentication.forget_identities()
    clock.move(days=7)
    assert Agent(key).get("/tracks").status_code == 401


def test_another_workspaces_key_opens_another_workspace(agent: Agent, stranger: Agent) -> None:
    track_id = agent.post("/tracks", {"title": "A"}).json()["id"]
    assert stranger.get("/tracks").json()["data"] == []
    assert agent.get("/tracks").json()["data"][0]["id"] == track_id


# -- when it was last used -------------------------------------------------------------------------


@pytest.fixture
def touches(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was handed to the background, run at once."""
    done: list[Any] = []

    def run(function: Any, *args: Any) -> None:
        done.append(args)
        function(*args)

    monkeypatch.setattr(authentication, "run_in_background", run)
    return done


def last_used() -> Any:
    return ApiKey.objects.get().last_used_at


def test_the_last_use_is_noted_at_most_once_a_minute(
    key: str, clock: Clock, touches: list[Any]
) -> None:
    """API-07."""
    first = clock.now
    for seconds, noted in [(0, first), (59, first), (1, first), (1, first + timedelta(seconds=61))]:
        clock.move(seconds=seconds)
        authentication.forget_identities()
        Agent(key).get("/tracks")
        assert last_used() == noted
    assert len(touches) == 2


def test_a_wrong_secret_is_no_use(key: str, touches: list[Any]) -> None:
    Agent(text_with(key, secret="0" * 32)).get("/tracks")
    assert (last_used(), touches) == (None, [])


def test_two_workspaces_may_name_their_keys_alike(workspace: Workspace) -> None:
    ours, theirs = issue_key(workspace, name="x"), issue_key(WorkspaceFactory(), name="x")
    assert Agent(ours).get("/tracks").status_code == Agent(theirs).get("/tracks").status_code == 200
