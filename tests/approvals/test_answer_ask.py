"""Writing what an approver says: once, in time, and for exactly what was shown."""

from typing import Any

import pytest

from approvals.models import Answer, Approver, Ask, Decision
from approvals.refusals import AskNotOpen, DisplayChanged, NotTheApprover
from approvals.transitions import cancel_ask
from approvals.viewing import record_first_view
from config.errors import NotFound
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    AskFactory,
    TrackFactory,
    answer,
    approver_of,
    evidence_of,
    kinds,
    someone,
)
from tracks.models import Event, Track


@pytest.fixture
def ask(track: Track, clock: Clock) -> Ask:
    return AskFactory(track=track, timeout_seconds=60)


@pytest.fixture
def track(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("confirm", True), ("confirm", False), ("text", "Because – ü"), ("choice", "s")],
)
def test_an_answer_closes_the_ask_with_one_event(
    track: Track, clock: Clock, kind: str, value: bool | str
) -> None:
    ask = AskFactory(track=track, kind=kind)
    opened_at = clock.now
    clock.move(milliseconds=48_211)
    decision = answer(ask, value, comment="Fine")
    ask.refresh_from_db()
    assert (ask.status, ask.closed_at) == ("answered", clock.now)
    assert Answer.objects.get(ask=ask).value == value
    assert (decision.value, decision.comment, decision.at) == (value, "Fine", clock.now)
    assert (decision.ip, decision.user_agent) == ("192.0.2.7", "Firefox")
    assert kinds(track) == ["track.created", "input_request.created", "input_request.answered"]
    event = Event.objects.get(track=track, seq=3)
    assert (event.actor_type, event.actor_name, event.at) == (
        "approver",
        "cfo@acme.com",
        clock.now,
    )
    assert event.data == {
        "ask_id": ask.public_id,
        "status": "answered",
        "kind": kind,
        "value": value,
        "comment": "Fine",
        "approver": "cfo@acme.com",
        "answered_by": "cfo@acme.com",
        "verified_by": "email_link",
        "on_behalf_of": None,
        "duration_ms": 48_211,
        "display_digest": ask.display_digest,
        "action_digest": None,
    }
    assert opened_at < clock.now


def test_a_second_answer_is_refused_and_leaves_no_trace(ask: Ask, clock: Clock) -> None:
    """CO-02, one after the other."""
    answer(ask, True, form_nonce="one")
    clock.move(seconds=1)
    with nothing_written(), pytest.raises(AskNotOpen) as refusal:
        answer(ask, False, form_nonce="two")
    assert refusal.value.members == {"ask_status": "answered"}


def test_the_same_form_sent_twice_is_one_answer(ask: Ask, clock: Clock) -> None:
    """CO-10."""
    first = answer(ask, True, form_nonce="one")
    clock.move(seconds=1)
    with nothing_written():
        second = answer(ask, True, form_nonce="one")
    assert second == first


def test_the_same_form_sent_again_after_the_deadline_is_still_that_answer(
    ask: Ask, clock: Clock
) -> None:
    first = answer(ask, True, form_nonce="one")
    clock.move(days=1)
    with nothing_written():
        assert answer(ask, True, form_nonce="one") == first


# -- the deadline ----------------------------------------------------------------------------------


def test_an_answer_just_before_the_deadline_counts(ask: Ask, clock: Clock) -> None:
    """CO-05."""
    clock.move(seconds=60, milliseconds=-1)
    answer(ask, True)
    ask.refresh_from_db()
    assert ask.status == "answered"


@pytest.mark.parametrize("milliseconds", [0, 1, 10**9])
def test_a_deadline_that_has_passed_wins_and_is_recorded(
    ask: Ask, track: Track, clock: Clock, milliseconds: int
) -> None:
    """CO-05: at the deadline it is too late."""
    clock.move(seconds=60, milliseconds=milliseconds)
    with pytest.raises(AskNotOpen) as refusal:
        answer(ask, True)
    assert refusal.value.members == {"ask_status": "timeout"}
    ask.refresh_from_db()
    assert (ask.status, ask.closed_at) == ("timeout", ask.expires_at)
    assert not Decision.objects.exists()
    assert not Answer.objects.exists()
    assert kinds(track)[-1] == "input_request.timeout"


def test_an_answer_to_what_was_withdrawn_is_refused(ask: Ask) -> None:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=None, actor=AGENT)
    with nothing_written(), pytest.raises(AskNotOpen) as refusal:
        answer(ask, True)
    assert refusal.value.members == {"ask_status": "cancelled"}


# -- who, what, where ------------------------------------------------------------------------------


def test_only_who_is_asked_may_answer(ask: Ask) -> None:
    colleague = someone(ask.workspace, "ceo@acme.com")
    with nothing_written(), pytest.raises(NotTheApprover):
        answer(ask, True, evidence=evidence_of(colleague))


def test_the_same_address_in_another_workspace_is_somebody_else(ask: Ask) -> None:
    stranger = someone(TrackFactory().workspace, "cfo@acme.com")
    assert Approver.objects.filter(canonical="cfo@acme.com").count() == 2
    with nothing_written(), pytest.raises(NotTheApprover):
        answer(ask, True, evidence=evidence_of(stranger))


@pytest.mark.parametrize("digest", ["", "sha256:" + "0" * 64])
def test_what_was_shown_must_be_what_is_asked(ask: Ask, digest: str) -> None:
    """AI-09."""
    with nothing_written(), pytest.raises(DisplayChanged):
        answer(ask, True, display_digest=digest)


def test_an_ask_is_answered_on_its_own_track(ask: Ask, workspace: Any) -> None:
    other = TrackFactory(workspace=workspace)
    with nothing_written(), pytest.raises(NotFound):
        answer(ask, True, track_id=other.pk)


# -- looking ---------------------------------------------------------------------------------------


def test_the_first_look_is_recorded_once(ask: Ask, track: Track, clock: Clock) -> None:
    evidence = evidence_of(approver_of(ask))
    clock.move(seconds=1)
    record_first_view(ask_id=ask.pk, evidence=evidence)
    view = ask.first_views.get()
    assert (view.at, view.ip, view.user_agent) == (clock.now, "192.0.2.7", "Firefox")
    clock.move(seconds=1)
    with nothing_written():
        record_first_view(ask_id=ask.pk, evidence=evidence)
    event = Event.objects.get(track=track, type="approver.viewed")
    assert event.data == {"ask_id": ask.public_id, "approver": "cfo@acme.com"}


def test_a_look_at_what_is_settled_is_not_recorded(ask: Ask, clock: Clock) -> None:
    evidence = evidence_of(approver_of(ask))
    answer(ask, True)
    with nothing_written():
        record_first_view(ask_id=ask.pk, evidence=evidence)


def test_a_look_past_the_deadline_records_the_deadline(
    ask: Ask, track: Track, clock: Clock
) -> None:
    evidence = evidence_of(approver_of(ask))
    clock.move(seconds=60)
    record_first_view(ask_id=ask.pk, evidence=evidence)
    assert kinds(track)[-1] == "input_request.timeout"
    assert not ask.first_views.exists()
