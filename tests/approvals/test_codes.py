"""Codes and link tokens (security.md 1.1, ML-09, ML-10)."""

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import codes

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SALT = "00" * 16


def test_a_code_has_eight_letters_of_crockfords_alphabet_and_is_shown_in_two_halves() -> None:
    assert codes.CROCKFORD == ALPHABET
    made = [codes.secrets_of(key="k", salt=codes.new_salt()) for _ in range(300)]
    assert {len(each.code) for each in made} == {8}
    assert set("".join(each.code for each in made)) == set(ALPHABET)
    assert all(re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", each.shown_code) for each in made)
    assert made[0].shown_code.replace("-", "") == made[0].code
    assert len({each.code for each in made}) == 300


def test_a_token_is_43_characters_of_256_bits() -> None:
    token = codes.secrets_of(key="k", salt=SALT).token
    assert len(token) == 43
    assert len(base64.urlsafe_b64decode(token + "=")) == 32


def test_a_mail_that_is_sent_twice_says_the_same_twice() -> None:
    assert codes.secrets_of(key="k", salt=SALT) == codes.secrets_of(key="k", salt=SALT)


def test_who_has_only_the_salt_has_neither() -> None:
    """ML-10."""
    ours, theirs = (codes.secrets_of(key=key, salt=SALT) for key in ("ours", "theirs"))
    assert ours.code != theirs.code
    assert ours.token != theirs.token


def test_code_and_token_do_not_tell_each_other() -> None:
    made = codes.secrets_of(key="k", salt=SALT)
    assert made.code not in made.token
    assert codes.code_hmac(made.code, key="k", salt=SALT) not in (made.token, made.code)


def test_a_salt_is_16_random_bytes() -> None:
    salts = {codes.new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(bytes.fromhex(salt)) for salt in salts} == {16}


def test_a_code_is_recognized_by_its_hmac_under_its_own_salt_and_key() -> None:
    stored = codes.code_hmac("ABCD1234", key="k", salt=SALT)
    assert len(bytes.fromhex(stored)) == 32
    assert codes.is_code("ABCD1234", stored, keys=["k"], salt=SALT)
    assert not codes.is_code("ABCD1235", stored, keys=["k"], salt=SALT)
    assert not codes.is_code("ABCD1234", stored, keys=["other"], salt=SALT)
    assert not codes.is_code("ABCD1234", stored, keys=["k"], salt="01" * 16)
    assert not codes.is_code("ABCD1234", stored, keys=[], salt=SALT)


def test_after_a_rotation_the_earlier_key_still_recognizes() -> None:
    """OP-04."""
    stored = codes.code_hmac("ABCD1234", key="old", salt=SALT)
    assert codes.is_code("ABCD1234", stored, keys=["new", "old"], salt=SALT)


def test_a_token_is_found_by_its_sha_256() -> None:
    assert codes.token_hash("abc") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    "typed",
    [
        "ABCD1230",
        "abcd1230",
        "ABCD-1230",
        "ABCD 1230",
        " abcd - 1230 ",
        "A B C D 1 2 3 0",
        "ABCD\u20131230",
        "ABCD\u00a01230",
        "ABCD\n1230",
        "ABCDI23O",
        "abcdl23o",
        "ABCDi23O",
    ],
)
def test_a_typed_code_is_forgiven_case_spaces_dashes_and_misread_letters(typed: str) -> None:
    """ML-09."""
    assert codes.normalize_code(typed) == "ABCD1230"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "ABCD123",
        "ABCD12300",
        "ABCD123U",
        "ABCD123!",
        "ABCD_1230",
        "ＡＢＣＤ1230",
        "ABCD１２３０",
        "ABCD123٠",
        "ABCD12\u200b30",
        "ABCD123\u0130",
        "ß" * 4,
        "ABCD123\u0131",
        "ABCD123\u017f",
        "ABCD1230" * 1000,
    ],
)
def test_anything_else_cannot_be_one(typed: str) -> None:
    """ML-09: full-width digits are not forgiven."""
    assert codes.normalize_code(typed) is None


@given(st.text(ALPHABET, min_size=8, max_size=8))
def test_a_shown_code_reads_back_as_itself(code: str) -> None:
    shown = codes.Secrets(code, "").shown_code
    assert codes.normalize_code(shown) == codes.normalize_code(shown.lower()) == code


@given(st.text(max_size=40))
def test_any_text_is_read_without_an_error(text: str) -> None:
    code = codes.normalize_code(text)
    assert code is None or (len(code) == 8 and set(code) <= set(ALPHABET))
