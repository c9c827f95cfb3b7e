"""Keyed digests of requests."""

from typing import Any

import pytest
from pytest_django import Settings

from tracks.fingerprints import fingerprint, is_fingerprint_of


def test_the_same_content_has_the_same_digest_in_any_order() -> None:
    assert fingerprint({"a": 1, "b": [True, None]}) == fingerprint({"b": [True, None], "a": 1})


@pytest.mark.parametrize(
    "other", [{"a": 2}, {"a": True}, {"a": "1"}, {"a": 1.0}, {"a": 1, "b": None}, ["a", 1], None]
)
def test_other_content_has_another(other: Any) -> None:
    assert fingerprint({"a": 1}) != fingerprint(other)
    assert not is_fingerprint_of(fingerprint({"a": 1}), other)


def test_who_has_only_the_database_cannot_compute_it(settings: Settings) -> None:
    ours = fingerprint({"password": "12345678"})
    settings.SECRET_KEY = "another key"
    assert fingerprint({"password": "12345678"}) != ours


def test_a_digest_is_recognized_after_the_key_was_rotated(settings: Settings) -> None:
    """OP-04."""
    ours, old = fingerprint({"a": 1}), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new key", [old]
    assert is_fingerprint_of(ours, {"a": 1})
    assert not is_fingerprint_of(ours, {"a": 2})
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_fingerprint_of(ours, {"a": 1})


@pytest.mark.parametrize("content", [{"a": "\ud800"}, {"ü": "😀"}, {"n": 10**4000}])
def test_anything_that_json_can_say_has_a_digest(content: Any) -> None:
    assert len(fingerprint(content)) == 64
