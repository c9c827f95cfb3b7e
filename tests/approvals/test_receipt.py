"""The receipt verifies with only the published key, and says what happened (AU-09, AU-10)."""

import base64
import copy
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.test import Client
from pytest_django import Settings

from approvals import receipts
from approvals.models import Ask
from approvals.viewing import record_first_view
from config.errors import NotFound
from tests.conftest import Clock
from tests.factories import (
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    config_of,
    evidence_of,
    say,
)
from tests.tracks import jcs
from tracks.models import EventData

DIGEST = "sha256:" + "0123456789abcdef" * 4


def answered(clock: Clock, *, kind: str = "confirm", value: Any = True, **changes: Any) -> Ask:
    """An ask that was seen after one second and answered after ten."""
    workspace = WorkspaceFactory(name="Acme")
    ask: Ask = AskFactory(
        track=TrackFactory(workspace=workspace, title="Vendor invoices"),
        kind=kind,
        config=changes.pop("config", config_of(kind)),
        action_digest=DIGEST,
    )
    approver = approver_of(ask)
    clock.move(seconds=1)
    evidence = evidence_of(approver, verified_by="email_code")
    record_first_view(ask_id=ask.pk, evidence=evidence)
    clock.move(seconds=9)
    answer(ask, value, evidence=evidence, comment="Fine – ü", **changes)
    return ask


def verify(signed: Any, public_key: str) -> None:
    """Raise InvalidSignature unless the receipt is as it was signed. Shares no code with us."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    content = jcs.canonical(signed["receipt"]).encode()
    key.verify(base64.b64decode(signed["signature"]["value"]), content)


def published_key(signed: Any) -> str:
    keys = Client().get("/.well-known/sayso-receipt-keys.json").json()["keys"]
    (key,) = [each for each in keys if each["key_id"] == signed["signature"]["key_id"]]
    assert key["algorithm"] == signed["signature"]["algorithm"] == "Ed25519"
    found: str = key["public_key"]
    return found


@pytest.fixture
def ask(db: None, clock: Clock) -> Ask:
    return answered(clock)


def test_the_receipt_verifies_with_only_the_published_key(ask: Ask) -> None:
    """AU-09: through JSON and back, as a file would go."""
    signed = json.loads(json.dumps(receipts.of_ask(ask.pk)))
    verify(signed, published_key(signed))
    assert signed["signature"]["public_key"] == published_key(signed)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value that is no container."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path


def changed(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case None:
            return ""
    return value + "x"


def test_any_edit_of_any_field_fails(ask: Ask) -> None:
    """AU-09."""
    signed = receipts.of_ask(ask.pk)
    key = published_key(signed)
    paths = list(leaves(signed["receipt"]))
    assert len(paths) > 60
    for path in paths:
        forged = copy.deepcopy(signed)
        place = forged["receipt"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = changed(place[path[-1]])
        with pytest.raises(InvalidSignature):
            verify(forged, key)


def test_a_field_more_or_less_fails(ask: Ask) -> None:
    signed = receipts.of_ask(ask.pk)
    key = published_key(signed)
    for name in list(signed["receipt"]):
        forged = copy.deepcopy(signed)
        del forged["receipt"][name]
        with pytest.raises(InvalidSignature):
            verify(forged, key)
    signed["receipt"]["approved"] = True
    with pytest.raises(InvalidSignature):
        verify(signed, key)


def test_another_key_fails(ask: Ask) -> None:
    other = receipts.Signer.from_secret("another secret of forty characters or so")
    with pytest.raises(InvalidSignature):
        verify(receipts.of_ask(ask.pk), other.public_key)


def test_the_receipt_says_who_what_when_and_how(ask: Ask) -> None:
    """AU-10."""
    receipt = receipts.of_ask(ask.pk)["receipt"]
    tail = ask.pk.hex[-8:].upper()
    assert {name: receipt[name] for name in receipt if name not in ("shown", "chain")} == {
        "v": 1,
        "reference": f"{tail[:4]}-{tail[4:]}",
        "ask_id": ask.public_id,
        "workspace": "Acme",
        "track": {"id": ask.track.public_id, "title": "Vendor invoices"},
        "asked_by": {"name": "Bookkeeper", "api_key_id": "0123456789ab"},
        "display_digest": ask.display_digest,
        "action_digest": DIGEST,
        "answer": {
            "value": True,
            "meaning": "Approved",
            "answered_by": "cfo@acme.com",
            "answered_at": "2026-11-22T10:00:10.000Z",
            "duration_ms": 10_000,
        },
        "decisions": [
            {
                "approver": "cfo@acme.com",
                "on_behalf_of": None,
                "value": True,
                "meaning": "Approved",
                "label": "Yes",
                "comment": "Fine – ü",
                "at": "2026-11-22T10:00:10.000Z",
                "verified_by": "email_code",
                "verified_at": "2026-11-22T10:00:01.000Z",
                "ip": "192.0.2.7",
                "user_agent": "Firefox",
            }
        ],
        "override": None,
        "times": {
            "created_at": "2026-11-22T10:00:00.000Z",
            "sent_at": None,
            "first_viewed_at": "2026-11-22T10:00:01.000Z",
            "verified_at": "2026-11-22T10:00:01.000Z",
            "answered_at": "2026-11-22T10:00:10.000Z",
            "expires_at": "2026-11-22T10:30:00.000Z",
        },
        "consent": {
            "text": receipts.CONSENT,
            "digest": "sha256:" + hashlib.sha256(receipts.CONSENT.encode()).hexdigest(),
        },
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "value", "meaning", "label"),
    [
        ("confirm", True, "Approved", "Yes"),
        ("confirm", False, "Rejected", "No"),
        ("text", "Because.", "Answered", "Because."),
        ("choice", "s", "Answered", "Sea"),
    ],
)
def test_it_has_our_word_for_the_answer_and_the_agents(
    clock: Clock, kind: str, value: Any, meaning: str, label: str
) -> None:
    """AU-10: the recorded value and the label that was clicked."""
    receipt = receipts.of_ask(answered(clock, kind=kind, value=value).pk)["receipt"]
    assert (receipt["answer"]["value"], receipt["answer"]["meaning"]) == (value, meaning)
    assert (receipt["decisions"][0]["meaning"], receipt["decisions"][0]["label"]) == (
        meaning,
        label,
    )


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["confirm", "text", "choice"])
def test_what_it_shows_hashes_to_the_digest_that_was_answered(clock: Clock, kind: str) -> None:
    value = {"confirm": False, "text": "x", "choice": "a"}[kind]
    config = config_of(kind) | {"summary": {"b": "1", "a": "2"}, "details": "x\ny"}
    ask = answered(clock, kind=kind, value=value, config=config)
    receipt = receipts.of_ask(ask.pk)["receipt"]
    content = jcs.canonical(receipt["shown"]).encode()
    assert "sha256:" + hashlib.sha256(content).hexdigest() == receipt["display_digest"]


@pytest.mark.django_db
def test_it_hashes_so_in_whatever_spelling_the_approver_is_known(clock: Clock) -> None:
    """The first spelling of an address is shown everywhere, also in what is digested."""
    workspace = WorkspaceFactory(name="Acme")
    AskFactory(track=TrackFactory(workspace=workspace, customer_email="CFO@Acme.com"))
    ask = AskFactory(track=TrackFactory(workspace=workspace, customer_email="cfo@acme.com"))
    answer(ask, True)
    receipt = receipts.of_ask(ask.pk)["receipt"]
    assert receipt["shown"]["approvers"] == ["CFO@Acme.com"]
    content = jcs.canonical(receipt["shown"]).encode()
    assert "sha256:" + hashlib.sha256(content).hexdigest() == receipt["display_digest"]


def test_the_chain_leads_from_the_beginning_to_the_answer(ask: Ask) -> None:
    say(ask.track, "afterwards")
    chain = receipts.of_ask(ask.pk)["receipt"]["chain"]
    assert [each["type"] for each in chain] == [
        "track.created",
        "input_request.created",
        "approver.viewed",
        "input_request.answered",
    ]
    previous = "0" * 64
    for place, link in enumerate(chain, start=1):
        content = {name: link[name] for name in ("type", "actor", "at", "data_commitment")}
        content |= {"v": 1, "track_id": ask.track.public_id, "seq": place, "prev_hash": previous}
        assert (link["seq"], link["prev_hash"]) == (place, previous)
        assert link["hash"] == jcs.link_hash(content)
        previous = link["hash"]


def test_on_a_track_with_several_asks_each_has_its_own(ask: Ask, clock: Clock) -> None:
    second = AskFactory(track=ask.track, kind="text")
    answer(second, "Because.")
    chains = [receipts.of_ask(each.pk)["receipt"]["chain"] for each in (ask, second)]
    assert [len(chain) for chain in chains] == [4, 6]


def test_it_is_the_same_every_time(ask: Ask, clock: Clock) -> None:
    first = receipts.of_ask(ask.pk)
    clock.move(days=1)
    assert receipts.of_ask(ask.pk) == first


def test_it_can_still_be_made_when_what_events_say_was_erased(ask: Ask) -> None:
    """AU-11."""
    EventData.objects.filter(event__track=ask.track).delete()
    signed = receipts.of_ask(ask.pk)
    verify(signed, published_key(signed))
    assert len(signed["receipt"]["chain"]) == 4
    assert signed["receipt"]["times"]["first_viewed_at"] is None


def test_an_ask_without_an_answer_has_none(db: None) -> None:
    with pytest.raises(NotFound):
        receipts.of_ask(AskFactory().pk)


def test_it_is_found_only_where_it_belongs(ask: Ask) -> None:
    other = WorkspaceFactory()
    with pytest.raises(NotFound):
        receipts.of_ask(ask.pk, workspace_id=other.pk)


# -- keys ------------------------------------------------------------------------------------------


@pytest.fixture
def rotated(settings: Settings) -> Iterator[None]:
    settings.SIGNING_KEYS = ["the new secret of forty characters or so", *settings.SIGNING_KEYS]
    receipts.signers.cache_clear()
    yield
    receipts.signers.cache_clear()


def test_an_old_receipt_verifies_after_the_key_was_rotated(
    ask: Ask, request: pytest.FixtureRequest
) -> None:
    """OP-04."""
    old = receipts.of_ask(ask.pk)
    request.getfixturevalue("rotated")
    new = receipts.of_ask(ask.pk)
    assert new["signature"]["key_id"] != old["signature"]["key_id"]
    for signed in (old, new):
        verify(signed, published_key(signed))


def test_only_public_keys_are_published(db: None, settings: Settings) -> None:
    content = Client().get("/.well-known/sayso-receipt-keys.json").content.decode()
    assert all(secret not in content for secret in settings.SIGNING_KEYS)


def test_a_key_follows_from_its_secret_alone() -> None:
    one, same, other = (
        receipts.Signer.from_secret(text) for text in ("a secret", "a secret", "b secret")
    )
    assert one.public_key == same.public_key != other.public_key
    assert len(base64.b64decode(one.public_key)) == 32
    assert len(one.key_id) == 16
