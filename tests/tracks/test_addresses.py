"""E-mail addresses: what is one, when two are the same, how one is shown to strangers (ML-19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracks.addresses import (
    NotAnAddress,
    canonical_address,
    check_address,
    masked,
    masked_apart,
    same_address,
)

SAME = [
    ("cfo@acme.com", "CFO@ACME.COM"),
    ("cfo@müller.de", "cfo@xn--mller-kva.de"),
    ("cfo@MÜLLER.de", "cfo@mu\u0308ller.de"),
    ("jürgen@acme.com", "JU\u0308RGEN@acme.com"),
    ("a.b+c@acme.com", "A.B+C@acme.com"),
]
DIFFERENT = [
    ("cfo@acme.com", "cfo@acme.co"),
    ("cfo@acme.com", "c.fo@acme.com"),
    ("cfo@acme.com", "cfo+x@acme.com"),
    ("cfo@acme.com", "cfο@acme.com"),  # a Greek omicron
    ("cfo@acme.com", "cfo@аcme.com"),  # a Cyrillic a
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_mailbox_are_the_same(one: str, other: str) -> None:
    assert same_address(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_mailboxes_are_not(one: str, other: str) -> None:
    assert not same_address(one, other)


def test_the_canonical_form_is_lower_case_with_its_domain_in_idna() -> None:
    """ML-20."""
    assert canonical_address("CFO@Müller.DE") == "cfo@xn--mller-kva.de"


def test_an_address_is_checked_and_returned_as_it_is() -> None:
    assert check_address("CFO@Müller.DE") == "CFO@Müller.DE"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "cfo",
        "cfo@",
        "@acme.com",
        "a@b@c.com",
        "a@x.com,b@y.com",
        "<a@x.com>",
        "A <a@x.com>",
        '"a b"@x.com',
        "a\n@x.com",
        "a@x.com\r\nBcc: b@y.com",
        "a@x.com%0aBcc:",
        "a@x_y.com",
        "a@-x.com",
        "a@x.com.",
        "a..b@x.com",
        ".a@x.com",
        "a@127.0.0.1",
        "a@[::1]",
        "a\u202eb@x.com",
        "a\u200bb@x.com",
        "a@x\u3002com\0",
        "a\ud800@x.com",
        "a" * 249 + "@x.com",
        "a@" + "b" * 250 + ".com",
    ],
)
def test_what_is_not_exactly_one_address_is_none(text: str) -> None:
    with pytest.raises(NotAnAddress):
        check_address(text)


@given(st.text(max_size=300) | st.emails())
def test_any_text_is_an_address_that_fits_its_column_or_none(text: str) -> None:
    try:
        canonical = canonical_address(text)
    except NotAnAddress:
        return
    assert len(text) <= 254
    assert len(canonical) <= 254
    assert canonical_address(canonical) == canonical


@pytest.mark.parametrize(
    "address",
    ["\u0130" * 30 + "@acme.com", "a@" + "\u4f8b" * 15 + ".com", "ß@straße.de", "a@faß.de"],
)
def test_the_canonical_form_of_a_canonical_form_is_itself(address: str) -> None:
    canonical = canonical_address(address)
    assert canonical_address(canonical) == canonical


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("cfo@acme.com", "c•••@acme.com"),
        ("a@acme.com", "a•••@acme.com"),
        ("jürgen@müller.de", "j•••@müller.de"),
    ],
)
def test_a_stranger_sees_one_letter_and_the_domain(address: str, shown: str) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(
    ("addresses", "shown"),
    [
        (["cfo@acme.com"], ["c•••@acme.com"]),
        (["cfo@acme.com", "kim@acme.com"], ["c•••@acme.com", "k•••@acme.com"]),
        (["cfo@acme.com", "CEO@acme.com"], ["cf•••@acme.com", "CE•••@acme.com"]),
        (["cfo@acme.com", "cfo@cust.com"], ["c•••@acme.com", "c•••@cust.com"]),
        (
            ["anna@acme.com", "anna.b@acme.com", "alex@acme.com"],
            ["anna•••@acme.com", "anna.•••@acme.com", "al•••@acme.com"],
        ),
    ],
)
def test_strangers_can_tell_masked_addresses_apart(addresses: list[str], shown: list[str]) -> None:
    assert list(masked_apart(addresses).values()) == shown
