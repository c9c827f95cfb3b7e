"""The receipt as a person reads, prints and downloads it."""

import base64
import hashlib
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.test import Client

from approvals.models import Ask
from tests.approvals.person import Person, path_of
from tests.conftest import Clock
from tests.factories import AskFactory

pytestmark = pytest.mark.django_db

CONFIG = {
    "accept_label": "Approve the new rate",
    "reject_label": "Hold",
    "summary": {"New rate": "$2,592"},
    "details": "Invoices 4471 to 4517.",
    "risk": "medium",
}


@pytest.fixture
def ask(clock: Clock) -> Ask:
    return AskFactory(config=CONFIG, notify=False, action_digest="sha256:" + "ab" * 32)


@pytest.fixture
def person(ask: Ask) -> Person:
    """Whoever has answered the ask."""
    person = Person()
    person.verify(ask)
    assert person.answer(ask, value="true", comment="As in March.").status == 303
    return person


def receipt_path(ask: Ask, end: str = "") -> str:
    return f"{path_of(ask)}/asks/{ask.public_id}/receipt{end}"


def test_au_10_the_receipt_says_what_was_shown_said_and_proven(ask: Ask, person: Person) -> None:
    page = person.get(receipt_path(ask))
    assert page.status == 200
    for words in (
        f"Receipt {ask.reference}",
        "Approved by cfo@acme.com on Sun 22 Nov 2026, 10:00 UTC",
        "Recorded as Approved",
        "Words chosen Approve the new rate",
        "Comment As in March.",
        "On 2026-11-22 10:00:00 UTC",
        "Identity Confirmed by e-mail code",
        "Question Approve the new rate?",
        "New rate $2,592",
        "Details Invoices 4471 to 4517.",
        "Approve the new rate (approved)",
        f"Shown text {ask.display_digest}",
        "Action sha256:" + "ab" * 32,
        "Consent shown By choosing you record your decision",
    ):
        assert words in page.text


def test_the_json_beside_it_verifies_with_the_published_key(ask: Ask, person: Person) -> None:
    response = person.client.get(receipt_path(ask, ".json"))
    assert response["Content-Type"] == "application/json"
    signed: dict[str, Any] = response.json()
    keys = Client().get("/.well-known/sayso-receipt-keys.json").json()["keys"]
    key = next(each for each in keys if each["key_id"] == signed["signature"]["key_id"])
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    public.verify(base64.b64decode(signed["signature"]["value"]), rfc8785.dumps(signed["receipt"]))
    shown = hashlib.sha256(rfc8785.dumps(signed["receipt"]["shown"])).hexdigest()
    assert signed["receipt"]["display_digest"] == f"sha256:{shown}"


@pytest.mark.parametrize("end", ["", ".json"])
def test_who_only_has_the_link_gets_no_receipt(ask: Ask, person: Person, end: str) -> None:
    page = Person().get(receipt_path(ask, end))
    assert page.status == 403
    assert "The receipt is for whoever was asked: first show that it’s you." in page.text
    assert "As in March." not in page.html
    assert page.form("/code")


@pytest.mark.parametrize("end", ["", ".json"])
def test_there_is_no_receipt_of_what_is_not_answered(clock: Clock, end: str) -> None:
    ask, person = AskFactory(notify=False), Person()
    person.verify(ask)
    assert person.get(receipt_path(ask, end)).status == 404


def test_a_receipt_is_found_on_its_own_track_alone(ask: Ask, person: Person) -> None:
    other = AskFactory(notify=False)
    person.verify(other)
    assert person.get(f"{path_of(other)}/asks/{ask.public_id}/receipt").status == 404
    assert person.get(f"{path_of(ask)}/asks/nonsense/receipt").status == 404
