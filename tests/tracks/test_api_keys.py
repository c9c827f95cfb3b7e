"""What an API key looks like, and what is stored of it (security.md 1.1, API-01, API-08)."""

import hashlib
import re
import zlib

from hypothesis import given
from hypothesis import strategies as st

from tracks.ids import BASE62
from tracks.models import ApiKey, Workspace
from tracks.models.workspace import SCOPES, KeyParts

FORMAT = re.compile(r"sk_live_[0-9A-Za-z]{12}[0-9A-Za-z]{32}[0-9A-Za-z]{6}")


def crc(body: str) -> str:
    """Return six digits of base 62 of a CRC-32, written for this test alone."""
    number, digits = zlib.crc32(body.encode()), []
    while number:
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits)).rjust(6, "0")


def test_a_key_is_a_prefix_an_id_a_secret_and_a_checksum() -> None:
    """API-01."""
    text = KeyParts.generate().text
    assert FORMAT.fullmatch(text)
    assert text[-6:] == crc(text[:-6])


def test_a_key_that_was_taken_apart_is_the_key() -> None:
    parts = KeyParts.generate()
    assert KeyParts.parse(parts.text) == parts
    assert (len(parts.key_id), len(parts.secret)) == (12, 32)


def test_no_two_keys_are_alike() -> None:
    keys = {KeyParts.generate().text for _ in range(200)}
    assert len(keys) == 200


@given(st.integers(0, 57), st.characters(codec="utf-8"))
def test_one_wrong_character_makes_it_no_key(position: int, character: str) -> None:
    text = KeyParts("0" * 12, "1" * 32).text
    if text[position] != character:
        assert KeyParts.parse(text[:position] + character + text[position + 1 :]) is None


@given(st.text(max_size=80) | st.text(BASE62 + "_", min_size=58, max_size=58))
def test_other_text_is_no_key(text: str) -> None:
    assert KeyParts.parse(text) is None
    assert KeyParts.parse("sk_live_" + text) is None


def test_only_the_id_and_the_hash_of_the_secret_are_stored(workspace: Workspace) -> None:
    """API-08, ML-10."""
    key, text = ApiKey.issue(workspace=workspace, name="Bookkeeper")
    parts = KeyParts.parse(text)
    assert parts is not None
    stored = ApiKey.objects.filter(pk=key.pk).values().get()
    assert stored["key_id"] == parts.key_id
    assert stored["secret_hash"] == hashlib.sha256(parts.secret.encode()).hexdigest()
    assert stored["last_four"] == text[-4:]
    values = " ".join(map(str, stored.values()))
    assert parts.secret not in values
    assert text not in values
    assert str(key) == f"Bookkeeper (sk_live_{parts.key_id}…{text[-4:]})"


def test_the_hash_is_in_no_primary_key(workspace: Workspace) -> None:
    """API-08: addresses of the admin hold the primary key."""
    key, _ = ApiKey.issue(workspace=workspace, name="x")
    assert key.secret_hash not in str(key.pk)
    assert key.key_id not in str(key.pk)


def test_a_key_has_every_scope_unless_some_are_named(workspace: Workspace) -> None:
    assert ApiKey.issue(workspace=workspace, name="x")[0].scopes == list(SCOPES)
    assert ApiKey.issue(workspace=workspace, name="x", scopes=[])[0].scopes == []
    one = ApiKey.issue(workspace=workspace, name="x", scopes=["asks:read"])[0]
    assert ApiKey.objects.get(pk=one.pk).scopes == ["asks:read"]


def test_no_scope_can_answer() -> None:
    """API-05."""
    assert not [scope for scope in SCOPES if "answer" in scope or "verif" in scope]
