"""Every connector, against its system: what a poller may rely on (mirroring.connectors.base)."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mirroring.connectors.base import (
    APPROVE,
    DENY,
    Actor,
    ConnectorError,
    Gone,
    Kind,
    NoteTime,
    Outcome,
    Result,
    State,
)
from mirroring.connectors.values import redacted
from tests.mirroring.connectors.system import System, find

ALICE = Actor(
    email="alice@corp.example",
    name="Alice Approver",
    decided_at=datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
    receipt="rcp_0123456789",
)


def decide(system: System, ref: str, choice: str, *, key: str = "", comment: str = "") -> Outcome:
    """Look and decide, as a worker does."""
    connector = system.connector()
    key = key or f"sayso-{uuid.uuid4().hex}"
    expected = connector.get(ref).revision
    return connector.decide(ref, choice, actor=ALICE, comment=comment, expected=expected, key=key)


def test_the_right_credentials_are_healthy(system: System) -> None:
    health = system.connector().check()
    assert (health.ok, health.error) == (True, None)
    assert health.clock_skew is not None
    assert abs(health.clock_skew) < 5


def test_wrong_credentials_are_told_from_an_empty_system(system: System) -> None:
    wrong = system.bad_credentials()
    connector = system.connector(**wrong)
    health = connector.check()
    assert (health.ok, health.error) in {(False, Kind.AUTH), (False, Kind.FORBIDDEN)}
    assert health.how_to_fix
    with pytest.raises(ConnectorError) as refusal:
        connector.list(None, 10)
    told = health.detail + str(refusal.value)
    assert not any(secret in told for secret in wrong.values())


def test_what_is_pending_is_listed_and_looks_the_same_alone(system: System) -> None:
    ref = system.open("VPN for contractor Zoë", amount="750.50")
    connector = system.connector()
    listed, alone = find(connector, ref), connector.get(ref)
    assert listed is not None
    assert (listed.state, alone.state) == (State.PENDING, State.PENDING)
    assert (listed.revision, listed.material_digest) == (alone.revision, alone.material_digest)
    assert "VPN for contractor Zoë" in listed.title
    assert [person.email for person in listed.approvers] == [system.approver]
    assert [person.email for person in alone.approvers] == [system.approver]
    if getattr(system, "has_amounts", True):
        assert alone.amount == Decimal("750.50")
        assert isinstance(alone.amount, Decimal)
    else:
        assert alone.amount is None
    assert len(listed.revision) <= 128
    assert {option.state for option in alone.options} == {State.APPROVED, State.REJECTED}
    assert json.loads(json.dumps(redacted(alone.raw))) == alone.raw


def test_a_pass_in_small_pages_misses_nothing(system: System) -> None:
    refs = {system.open(f"Small pages {index}") for index in range(5)}
    connector, cursor, seen = system.connector(), None, set()
    for _ in range(200):
        page = connector.list(cursor, 2)
        seen |= {item.external_id for item in page.items}
        assert page.skipped == ()
        cursor = page.cursor
        if page.complete:
            break
    assert page.complete
    assert refs <= seen


def test_the_next_poll_tells_what_happened_since(system: System) -> None:
    ref = system.open("Decided in the system itself")
    connector, cursor = system.connector(), None
    while not (page := connector.list(cursor, 50)).complete:
        cursor = page.cursor
    system.decide(ref, State.APPROVED)
    cursor, seen = page.cursor, {}
    while True:
        page = connector.list(cursor, 50)
        seen |= {item.external_id: item.state for item in page.items}
        if page.complete:
            break
        cursor = page.cursor
    assert seen.get(ref) == (None if page.is_snapshot else State.APPROVED)
    assert connector.get(ref).state == State.APPROVED


def test_what_is_not_there_is_gone(system: System) -> None:
    with pytest.raises(Gone):
        system.connector().get("99999999")


@pytest.mark.parametrize("odd", ["", "..", "1/history", "%2e%2e", "1?x=1", "ü", "a b\n"])
def test_an_odd_reference_reaches_nothing_else(system: System, odd: str) -> None:
    with pytest.raises(ConnectorError):
        system.connector().get(odd)


@pytest.mark.parametrize("cursor", ["", "[]", "7", '{"page": "x"}', '{"since": "yesterday"}'])
def test_a_cursor_of_somebody_elses_is_refused(system: System, cursor: str) -> None:
    with pytest.raises(ConnectorError):
        system.connector().list(cursor, 10)


@pytest.mark.parametrize("option", [APPROVE, DENY])
def test_a_decision_is_written_and_names_the_person(system: System, option: object) -> None:
    assert isinstance(option, type(APPROVE))
    ref = system.open(f"To {option.code}")
    outcome = decide(system, ref, option.code, comment="Until Friday.")
    assert outcome.result in {Result.APPLIED, Result.ACCEPTED}
    connector = system.connector()
    if connector.capabilities().note == NoteTime.AFTER_DECISION:
        connector.note(ref, f"Decided by {ALICE}: Until Friday. {ALICE.receipt}", "sayso-note")
    assert connector.get(ref).state == option.state
    told = "\n".join(system.log(ref))
    assert "alice@corp.example" in told
    assert "rcp_0123456789" in told
    assert told.count("Until Friday.") == 1


def test_deciding_alike_again_writes_nothing(system: System) -> None:
    ref = system.open("Twice")
    assert decide(system, ref, "approve").result in {Result.APPLIED, Result.ACCEPTED}
    before = system.log(ref)
    assert decide(system, ref, "approve").result == Result.ALREADY_SAME
    assert system.log(ref) == before


def test_a_late_decision_does_not_overwrite_an_earlier_one(system: System) -> None:
    ref = system.open("Decided elsewhere")
    system.decide(ref, State.REJECTED)
    before = system.log(ref)
    assert decide(system, ref, "approve").result == Result.CONFLICT
    assert system.connector().get(ref).state == State.REJECTED
    assert system.log(ref) == before


def test_what_changed_since_it_was_judged_is_not_decided(system: System) -> None:
    ref, connector = system.open("Changes meanwhile"), system.connector()
    judged = connector.get(ref)
    system.touch(ref)
    before = system.log(ref)
    outcome = connector.decide(
        ref, "approve", actor=ALICE, comment="", expected=judged.revision, key="sayso-1"
    )
    assert outcome.result == Result.CONFLICT
    now = connector.get(ref)
    assert (now.state, system.log(ref)) == (State.PENDING, before)
    assert now.revision != judged.revision


def test_deciding_about_what_is_not_there_says_so(system: System) -> None:
    outcome = system.connector().decide(
        "99999999", "approve", actor=ALICE, comment="", expected="1", key="sayso-1"
    )
    assert outcome.result == Result.GONE


def test_a_choice_that_is_not_offered_is_a_bug(system: System) -> None:
    ref = system.open("Only two ways")
    with pytest.raises(ValueError, match="maybe"):
        decide(system, ref, "maybe")


def test_wrong_credentials_stop_a_decision_aloud(system: System) -> None:
    ref = system.open("Wrong credentials")
    item = system.connector().get(ref)
    connector = system.connector(**system.bad_credentials())
    told: set[object] = set()
    try:
        outcome = connector.decide(
            ref, "approve", actor=ALICE, comment="", expected=item.revision, key="sayso-1"
        )
        told.add(outcome.result)
    except ConnectorError as error:
        told.add(error.kind)
    assert told in ({Kind.AUTH}, {Result.FORBIDDEN})
    assert system.connector().get(ref).state == State.PENDING


def test_a_note_is_written_once_where_notes_are_told_apart(system: System) -> None:
    connector = system.connector()
    ref = system.open("Noted")
    connector.note(ref, "Asked in Sayso.", "sayso-asked-1")
    connector.note(ref, "Asked in Sayso.", "sayso-asked-1")
    count = "\n".join(system.log(ref)).count("Asked in Sayso.")
    # A system that cannot tell notes apart has two; one without a place for any has none.
    assert count in ({1} if connector.capabilities().note_once else {0, 2})
    item = connector.get(ref)
    assert replace(item, raw={}) == replace(connector.get(ref), raw={})


def test_a_note_does_not_change_what_is_decided_about(system: System) -> None:
    connector = system.connector()
    if connector.capabilities().note == NoteTime.NEVER:
        pytest.skip("this system takes no notes")
    ref = system.open("Noted and the same")
    before = connector.get(ref)
    connector.note(ref, "Asked in Sayso.", "sayso-asked-2")
    assert connector.get(ref).material_digest == before.material_digest
