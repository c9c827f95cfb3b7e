"""Independent verifiers accept what we really send, and ours accepts what they sign (WH-01)."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sayso import webhooks as sdk

from tests.api.agent import Agent
from tests.factories import AskFactory, answer
from tests.receivers import Receiver, Seen
from tests.webhooks.conftest import Hook, add_hook
from tracks.models import Track
from webhooks import signing

pytestmark = pytest.mark.django_db

Carry = Callable[[], None]
HERE = Path(__file__).parent
NODE_PATH = os.environ.get("SAYSO_TEST_NODE_PATH", "")
with_npm = pytest.mark.skipif(
    not (NODE_PATH and shutil.which("node")),
    reason="wants node with the packages of tests/webhooks/package.json: set SAYSO_TEST_NODE_PATH",
)


@pytest.fixture
def deliveries(hook: Hook, receiver: Receiver, carry: Carry, track: Track) -> list[Seen]:
    """What really arrived: a question and its answer, with text beyond ASCII."""
    ask = AskFactory(track=track, prompt="Überweisung freigeben? 750,50 € → 字\n“ok”")
    answer(ask, False, comment="Nein — noch nicht. 👩🏽‍💻")
    carry()
    assert len(receiver.seen) == 2
    return receiver.seen


def test_the_reference_package_of_pypi(hook: Hook, deliveries: list[Seen]) -> None:
    theirs = standardwebhooks.Webhook(hook.secret)
    for seen in deliveries:
        assert theirs.verify(seen.body, seen.headers) == seen.json
        with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
            theirs.verify(seen.body.replace(b"{", b"{ ", 1), seen.headers)


def test_our_own_sdk(hook: Hook, deliveries: list[Seen]) -> None:
    for seen in deliveries:
        assert sdk.verify(seen.body, seen.headers, hook.secret) == seen.json
        with pytest.raises(sdk.InvalidWebhook):
            sdk.verify(seen.body + b" ", seen.headers, hook.secret)


def test_both_secrets_of_a_rotation_verify_for_everybody(
    hook: Hook, receiver: Receiver, carry: Carry
) -> None:
    new = hook.agent.post(f"{hook.path}/rotate-secret").json()["secret"]
    hook.agent.post(f"{hook.path}/test")
    carry()
    [seen] = receiver.seen
    for secret in (hook.secret, new):
        assert standardwebhooks.Webhook(secret).verify(seen.body, seen.headers) == seen.json
        assert sdk.verify(seen.body, seen.headers, secret) == seen.json


def test_ed25519_on_a_real_delivery(agent: Agent, receiver: Receiver, carry: Carry) -> None:
    hook = add_hook(agent, receiver.url, signing="v1a")
    agent.post(f"{hook.path}/test")
    carry()
    [seen] = receiver.seen
    public = hook.body["public_key"]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    version, _, value = seen.headers["webhook-signature"].partition(",")
    head = f"{seen.headers['webhook-id']}.{seen.headers['webhook-timestamp']}."
    assert version == "v1a"
    key.verify(base64.b64decode(value), head.encode() + seen.body)
    assert sdk.verify(seen.body, seen.headers, public) == seen.json


def test_ours_verifies_what_the_reference_package_signs() -> None:
    secret = signing.new_key("v1")
    at, body = datetime.now(UTC), '{"note":"ü"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign("msg_1", at, body),
    }
    now = time.time()
    assert signing.verify([secret], headers=headers, body=body.encode(), now=now) == "msg_1"
    assert sdk.verify(body, headers, secret) == {"note": "ü"}


@with_npm
@pytest.mark.parametrize("package", ["standardwebhooks", "svix"])
def test_the_packages_of_npm(package: str, hook: Hook, deliveries: list[Seen]) -> None:
    """In both directions."""
    said = {
        "package": package,
        "secret": hook.secret,
        "messages": [{"headers": seen.headers, "body": seen.body.decode()} for seen in deliveries],
    }
    told = run_node(said)
    assert told["verified"] == [seen.json for seen in deliveries]
    theirs = told["signed"]
    body = theirs["body"].encode()
    id = signing.verify([hook.secret], headers=theirs["headers"], body=body, now=time.time())
    assert id == "msg_from_npm"
    assert sdk.verify(body, theirs["headers"], hook.secret)["note"] == "ü € 字"


def run_node(said: dict[str, Any]) -> Any:
    done = subprocess.run(
        [shutil.which("node") or "node", HERE / "verify.cjs"],
        input=json.dumps(said),
        env=os.environ | {"NODE_PATH": NODE_PATH},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)
