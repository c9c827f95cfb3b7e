"""`display_digest`: a hash of exactly what was shown (security.md 1.3), computed here by hand."""

import hashlib
from typing import Any

import pytest

from approvals.digest import Display, summary_rows
from approvals.models import Ask
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, WorkspaceFactory
from tests.tracks import jcs

SHOWN = {
    "description": "8% above contract.",
    "summary": {"New rate": "$2,592", "Previous rate": "$2,400"},
    "details": "Line one\nLine two – ü 😀",
    "risk": "high",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "confirm": {
        "accept_label": "Approve",
        "reject_label": "Hold",
        "if_accepted": "It is paid.",
        "if_rejected": "The vendor is told.",
    },
    "text": {"validate": "long"},
    "choice": {"options": [{"value": "a", "label": "Air"}, {"value": "s", "label": "Sea"}]},
}


def ask_of(kind: str, **config: Any) -> Ask:
    workspace = WorkspaceFactory(name="Acme")
    track = TrackFactory(workspace=workspace, customer_email="CFO@acme.com")
    return AskFactory(track=track, kind=kind, config=CONFIGS[kind] | config)


def by_hand(ask: Ask, **changes: Any) -> str:
    """Return the digest of an ask by the letter of security.md 1.3."""
    config = ask.config
    shown = {
        "v": 1,
        "ask_id": f"ask_{ask.pk.hex}",
        "track_id": f"trk_{ask.track_id.hex}",
        "workspace": "Acme",
        "asked_by": "Bookkeeper",
        "approvers": ["CFO@acme.com"],
        "kind": ask.kind,
        "prompt": ask.prompt,
        "description": config.get("description"),
        "summary": None,
        "details": config.get("details"),
        "risk": config.get("risk"),
        "options": None,
        "accept_label": config.get("accept_label"),
        "reject_label": config.get("reject_label"),
        "if_accepted": config.get("if_accepted"),
        "if_rejected": config.get("if_rejected"),
        "expires_at": "2026-11-22T10:30:00.000Z",
    }
    content = jcs.canonical(shown | changes).encode()
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "options"),
    [("confirm", None), ("text", None), ("choice", [["a", "Air"], ["s", "Sea"]])],
)
def test_the_digest_is_the_hash_of_what_is_shown(
    clock: Clock, kind: str, options: list[list[str]] | None
) -> None:
    assert ask_of(kind).display_digest == by_hand(Ask.objects.get(), options=options)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["confirm", "text", "choice"])
def test_everything_beside_the_question_is_in_it(clock: Clock, kind: str) -> None:
    options = [["a", "Air"], ["s", "Sea"]] if kind == "choice" else None
    summary = [["New rate", "$2,592"], ["Previous rate", "$2,400"]]
    ask = ask_of(kind, **SHOWN)
    assert ask.display_digest == by_hand(Ask.objects.get(), options=options, summary=summary)


DISPLAY = {
    "ask_id": "ask_1",
    "track_id": "trk_1",
    "workspace": "Acme",
    "asked_by": "Bookkeeper",
    "approvers": ["cfo@acme.com"],
    "kind": "confirm",
    "prompt": "Approve?",
    "config": {**SHOWN, **CONFIGS["confirm"]},
    "expires_at": "2026-11-22T10:30:00.000Z",
}


def digest(**changes: Any) -> str:
    return Display(**{**DISPLAY, **changes}).digest()


def with_config(**changes: Any) -> dict[str, Any]:
    return {"config": {**SHOWN, **CONFIGS["confirm"], **changes}}


CHANGES: list[dict[str, Any]] = [
    {"ask_id": "ask_2"},
    {"track_id": "trk_2"},
    {"workspace": "Acme Inc"},
    {"asked_by": "Book\u043aeeper"},
    {"approvers": ["ceo@acme.com"]},
    {"approvers": ["CFO@acme.com"]},
    {"approvers": ["cfo@acme.com", "ceo@acme.com"]},
    {"kind": "text"},
    {"prompt": "Approve? "},
    {"expires_at": "2026-11-22T10:30:00.001Z"},
    with_config(description="8% above contract"),
    with_config(details="Line one\nLine two – ü 😀\n"),
    with_config(risk="medium"),
    with_config(summary={"New rate": "$2,593", "Previous rate": "$2,400"}),
    with_config(summary={"Previous rate": "$2,400", "New rate": "$2,592"}),
    with_config(accept_label="Hold", reject_label="Approve"),
    with_config(if_accepted="It is not paid."),
    with_config(if_rejected=None),
    with_config(options=[{"value": "a", "label": "Air"}]),
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_of_what_is_shown_changes_it(change: dict[str, Any]) -> None:
    assert digest(**change) != digest()


def test_no_two_of_these_changes_are_alike() -> None:
    assert len({digest(**change) for change in CHANGES}) == len(CHANGES)


@pytest.mark.parametrize(
    "options",
    [
        [{"value": "s", "label": "Sea"}, {"value": "a", "label": "Air"}],
        [{"value": "a", "label": "Air"}, {"value": "S", "label": "Sea"}],
        [{"value": "a", "label": "Air "}, {"value": "s", "label": "Sea"}],
        [{"value": "a", "label": "Air"}],
    ],
)
def test_so_does_any_change_of_an_option(options: list[dict[str, str]]) -> None:
    choice = {"kind": "choice", "config": CONFIGS["choice"]}
    assert digest(**choice) != digest(kind="choice", config={"options": options})


def test_the_order_of_names_in_config_is_not_shown() -> None:
    turned = dict(reversed({**SHOWN, **CONFIGS["confirm"]}.items()))
    assert digest(config=turned) == digest()


@pytest.mark.parametrize(
    ("summary", "rows"),
    [
        (None, None),
        ({}, []),
        ([], []),
        ({"b": "1", "a": "2"}, [["b", "1"], ["a", "2"]]),
        ([["b", "1"], ["a", "2"]], [["b", "1"], ["a", "2"]]),
    ],
)
def test_a_summary_is_rows_in_the_order_it_was_sent(summary: Any, rows: Any) -> None:
    assert summary_rows(summary) == rows


def test_the_digest_is_a_name_and_64_hex_digits() -> None:
    name, _, hexadecimal = digest().partition(":")
    assert name == "sha256"
    assert len(bytes.fromhex(hexadecimal)) == 32
