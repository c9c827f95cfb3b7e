"""Rotating a secret (WH-03 to WH-06)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.agent import Agent
from tests.conftest import Clock
from tests.receivers import Receiver, Seen, reply
from tests.webhooks.conftest import Hook, add_hook
from webhooks import keeping, signing
from webhooks.models import SigningKey

pytestmark = pytest.mark.django_db

Carry = Callable[[], None]


def rotate(hook: Hook, **body: Any) -> str:
    response = hook.agent.post(f"{hook.path}/rotate-secret", body)
    assert response.status_code == 200, response.content
    secret: str = response.json()["secret"]
    return secret


def signed_with(seen: Seen, secrets: list[str]) -> list[bool]:
    """Tell for each secret whether it signed a request; also that nothing else did."""
    parts = seen.headers["webhook-signature"].split(" ")
    at = int(seen.headers["webhook-timestamp"])
    id = seen.headers["webhook-id"]
    expected = [signing.sign(key, id=id, timestamp=at, body=seen.body) for key in secrets]
    assert len(parts) == sum(each in parts for each in expected)
    return [each in parts for each in expected]


@pytest.fixture
def send_test(hook: Hook, receiver: Receiver, carry: Carry) -> Callable[[], Seen]:
    def send() -> Seen:
        hook.agent.post(f"{hook.path}/test")
        carry()
        return receiver.seen[-1]

    return send


def test_both_sign_during_the_overlap_and_only_the_new_one_after(
    hook: Hook, send_test: Callable[[], Seen], clock: Clock
) -> None:
    """WH-03."""
    new = rotate(hook)
    shown = hook.agent.get(hook.path).json()
    assert shown["previous_secret_expires_at"] == "2026-11-23T10:00:00.000Z"
    clock.move(hours=1)
    assert signed_with(send_test(), [new, hook.secret]) == [True, True]
    clock.move(hours=24)
    assert signed_with(send_test(), [new, hook.secret]) == [True, False]


def test_a_second_rotation_within_the_overlap_is_refused_unless_forced(
    hook: Hook, send_test: Callable[[], Seen], clock: Clock
) -> None:
    """WH-04."""
    second = rotate(hook)
    refused = hook.agent.post(f"{hook.path}/rotate-secret")
    assert (refused.status_code, refused.json()["code"]) == (409, "rotation_in_progress")
    assert SigningKey.objects.count() == 2
    third = rotate(hook, force=True)
    assert signed_with(send_test(), [third, second, hook.secret]) == [True, True, True]
    clock.move(hours=25)
    assert signed_with(send_test(), [third, second, hook.secret]) == [True, False, False]
    assert rotate(hook).startswith("whsec_")


def test_an_overlap_of_zero_revokes_at_once_also_for_retries_that_wait(
    hook: Hook, receiver: Receiver, send_test: Callable[[], Seen], carry: Carry, clock: Clock
) -> None:
    """WH-05."""
    receiver.scripts = [reply(500), reply(200)]
    send_test()
    rotate(hook)
    newest = rotate(hook, overlap_seconds=0, force=True)
    clock.move(minutes=1)
    carry()
    assert signed_with(receiver.seen[-1], [newest, hook.secret]) == [True, False]
    assert hook.agent.get(hook.path).json()["previous_secret_expires_at"] is None


@pytest.mark.parametrize("overlap", [-1, 604_801, "60", 1.5, None])
def test_an_overlap_is_whole_seconds_up_to_a_week(overlap: Any, hook: Hook) -> None:
    response = hook.agent.post(f"{hook.path}/rotate-secret", {"overlap_seconds": overlap})
    assert response.status_code == 422
    assert SigningKey.objects.count() == 1


def test_an_ed25519_endpoint_gets_a_new_key_pair(
    agent: Agent, receiver: Receiver, carry: Carry, clock: Clock
) -> None:
    """WH-06."""
    hook = add_hook(agent, receiver.url, signing="v1a")
    response = agent.post(f"{hook.path}/rotate-secret").json()
    assert response["secret"] is None
    assert response["public_key"] != hook.body["public_key"]
    agent.post(f"{hook.path}/test")
    carry()
    signatures = receiver.seen[0].headers["webhook-signature"].split(" ")
    assert [each.partition(",")[0] for each in signatures] == ["v1a", "v1a"]


def test_keys_that_sign_no_more_are_forgotten(hook: Hook, clock: Clock) -> None:
    new = rotate(hook)
    clock.move(days=2)
    keeping.purge_old()
    assert [row.key for row in SigningKey.objects.all()] == [new]
