"""The links that stop mails: computed, good for one thing, and told from all that are not ours."""

import base64
from typing import Any
from uuid import UUID

import pytest

from approvals.stop_links import StopLink, stop_link_of
from config.logs import redacted_path

APPROVER = UUID("0190a000-0000-7000-8000-000000000001")
OTHER = UUID("0190a000-0000-7000-8000-000000000002")
DIGESTS, REMINDERS = StopLink(APPROVER), StopLink(APPROVER, OTHER)
BOTH = pytest.mark.parametrize("link", [DIGESTS, REMINDERS])


@BOTH
def test_a_link_is_the_same_each_time_and_says_what_it_stops(link: StopLink, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://say.example"
    assert link.url == f"https://say.example/stop/{link.token()}"
    assert stop_link_of(link.token()) == link


def test_a_link_has_256_bits_behind_what_it_names() -> None:
    assert [len(each.token()) for each in (DIGESTS, REMINDERS)] == [64, 86]


@BOTH
def test_a_link_lives_through_a_change_of_the_key(link: StopLink, settings: Any) -> None:
    token = link.token()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    assert stop_link_of(token) == link
    assert link.token() != token
    settings.SECRET_KEY_FALLBACKS = []
    assert stop_link_of(token) is None


def cut(token: str) -> str:
    return token[:-4]


def longer(token: str) -> str:
    return token + "AAAA"


def flipped(token: str) -> str:
    return token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]


def for_somebody_else(token: str) -> str:
    raw = base64.urlsafe_b64decode(token + "==")
    return base64.urlsafe_b64encode(OTHER.bytes + raw[16:]).rstrip(b"=").decode()


def padded(token: str) -> str:
    return token + "="


def with_a_space(token: str) -> str:
    return f"{token[:8]} {token[8:]}"


def plain(token: str) -> str:
    return ""


def other_letters(token: str) -> str:
    return "é" * len(token)


@BOTH
@pytest.mark.parametrize(
    "change",
    [cut, longer, flipped, for_somebody_else, padded, with_a_space, plain, other_letters],
)
def test_what_we_did_not_sign_stops_nothing(link: StopLink, change: Any) -> None:
    assert stop_link_of(change(link.token())) is None


def test_no_link_is_made_of_another() -> None:
    """The signature of one kind is not that of the other, whatever is put around it."""
    digests, reminders = (
        base64.urlsafe_b64decode(each.token() + "==") for each in (DIGESTS, REMINDERS)
    )
    mixed = [digests[:16] + reminders[32:], reminders[:32] + digests[16:]]
    tokens = [base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in mixed]
    assert [stop_link_of(each) for each in tokens] == [None, None]


@BOTH
def test_ml_17_the_log_does_not_have_it(link: StopLink) -> None:
    assert redacted_path(f"/stop/{link.token()}") == "/stop/…"
