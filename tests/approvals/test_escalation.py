"""When nobody answers in time, somebody else is asked: once each, and never in a circle."""

from typing import Any

import pytest

from approvals.models import Ask, Holder
from approvals.refusals import AskNotOpen
from approvals.transitions import cancel_ask, record_timeout
from config.errors import Invalid
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer, evidence_of, kinds, someone
from tracks.models import Event, Track, Workspace
from tracks.transitions import SelfApproval

CEO, COO = "ceo@acme.com", "coo@acme.com"


@pytest.fixture
def track(clock: Clock, workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace)


def open_on(track: Track) -> Ask:
    return Ask.objects.get(track=track, status=Ask.Status.OPEN)


def asked(ask: Ask) -> list[str]:
    return [each.address for each in ask.asked]


def data_of(track: Track, type: str) -> list[Any]:
    return [event.data for event in Event.objects.filter(track=track, type=type).order_by("seq")]


def test_on_expiry_the_next_is_asked_the_same_with_the_full_time(
    track: Track, clock: Clock
) -> None:
    first = AskFactory(
        track=track,
        key="rate",
        config={"accept_label": "Yes", "reject_label": "No", "risk": "low"},
        timeout_seconds=60,
        escalate_to=[CEO, COO],
        delegation="any",
        notify=False,
        action_digest="sha256:" + "0" * 64,
    )
    clock.move(seconds=59, milliseconds=999)
    record_timeout(track_id=track.pk)
    assert open_on(track) == first

    clock.move(milliseconds=1)
    record_timeout(track_id=track.pk)

    first.refresh_from_db()
    second = open_on(track)
    assert (first.status, first.closed_at) == ("timeout", first.expires_at)
    assert second.escalated_from == first
    assert asked(second) == [CEO]
    assert (second.key, second.needed) == (None, 1)
    for name in ("kind", "prompt", "config", "timeout_seconds", "notify", "delegation"):
        assert getattr(second, name) == getattr(first, name), name
    assert second.action_digest == first.action_digest
    assert second.escalate_to == [COO]
    assert (second.expires_at - clock.now).total_seconds() == 60
    assert kinds(track)[1:] == [
        "input_request.created",
        "input_request.timeout",
        "ask.escalated",
        "input_request.created",
    ]
    assert data_of(track, "input_request.timeout")[0]["escalated_to"] == second.public_id
    assert data_of(track, "ask.escalated") == [
        {"ask_id": first.public_id, "escalated_to": second.public_id, "to": [CEO]}
    ]
    assert data_of(track, "input_request.created")[1]["escalated_from"] == first.public_id


def test_it_may_come_before_the_expiry(track: Track, clock: Clock) -> None:
    first = AskFactory(
        track=track, timeout_seconds=3600, escalate_to=[CEO], escalate_after_seconds=60
    )
    clock.move(seconds=60)
    shown = Ask.objects.presented().get(pk=first.pk)
    assert (shown.shown_status, shown.shown_closed_at) == ("timeout", clock.now)
    with pytest.raises(AskNotOpen):
        answer(first)
    first.refresh_from_db()
    assert (first.status, first.closed_at) == ("timeout", clock.now)
    second = open_on(track)
    # Nobody is left, so the second has all the time there is.
    assert (second.ends_at - clock.now).total_seconds() == 3600


def test_a_chain_ends_when_everybody_was_asked(track: Track, clock: Clock) -> None:
    AskFactory(track=track, timeout_seconds=60, escalate_to=[CEO, COO])
    for _ in range(4):
        clock.move(seconds=60)
        record_timeout(track_id=track.pk)
    asks = Ask.objects.filter(track=track).order_by("id")
    assert [asked(each) for each in asks] == [["cfo@acme.com"], [CEO], [COO]]
    assert {each.status for each in asks} == {"timeout"}


def test_nobody_is_asked_again_who_could_have_decided_before(track: Track, clock: Clock) -> None:
    first = AskFactory(
        track=track, approvers=["cfo@acme.com", "cto@acme.com"], timeout_seconds=60,
        escalate_to=["Ceo@Acme.com", COO],
    )  # fmt: skip
    # The first was passed on to the CEO meanwhile, who is next in line, too.
    seat = first.seats.get(position=0)
    Holder.objects.create(
        ask=first,
        seat=seat,
        approver=someone(track.workspace, CEO),
        kind=Holder.Kind.HANDED_OVER,
        at=clock.now,
    )
    clock.move(seconds=60)
    record_timeout(track_id=track.pk)
    assert asked(open_on(track)) == [COO]


def test_the_requester_is_passed_over(workspace: Workspace, clock: Clock) -> None:
    workspace.escalate_to = ["Dana@acme.com", CEO]
    workspace.save()
    track = TrackFactory(workspace=workspace, requester="dana@acme.com")
    AskFactory(track=track, timeout_seconds=60)
    clock.move(seconds=60)
    record_timeout(track_id=track.pk)
    assert asked(open_on(track)) == [CEO]


def test_the_requester_cannot_be_named(workspace: Workspace, clock: Clock) -> None:
    track = TrackFactory(workspace=workspace, requester="dana@acme.com")
    with pytest.raises(SelfApproval):
        AskFactory(track=track, escalate_to=["DANA@acme.com"])
    assert kinds(track) == ["track.created"]


def test_whoever_is_asked_first_cannot_be_named(track: Track) -> None:
    with pytest.raises(Invalid):
        AskFactory(track=track, escalate_to=["CFO@acme.com"])
    assert kinds(track) == ["track.created"]


def test_the_workspace_s_order_holds_where_the_ask_has_none(
    track: Track, clock: Clock, workspace: Workspace
) -> None:
    workspace.escalate_to, workspace.escalate_after_seconds = [CEO], 30
    workspace.save()
    ask = AskFactory(track=track, timeout_seconds=60)
    assert (ask.escalate_to, (ask.ends_at - ask.created_at).total_seconds()) == ([CEO], 30)
    clock.move(seconds=30)
    record_timeout(track_id=track.pk)
    assert asked(open_on(track)) == [CEO]


def test_an_empty_list_says_nobody(track: Track, clock: Clock, workspace: Workspace) -> None:
    workspace.escalate_to, workspace.escalate_after_seconds = [CEO], 30
    workspace.save()
    ask = AskFactory(track=track, timeout_seconds=60, escalate_to=[])
    assert ask.ends_at == ask.expires_at


def test_who_answers_in_time_ends_the_chain(track: Track, clock: Clock) -> None:
    AskFactory(track=track, timeout_seconds=60, escalate_to=[CEO])
    clock.move(seconds=60)
    record_timeout(track_id=track.pk)
    second = open_on(track)
    answer(second, True, evidence=evidence_of(someone(track.workspace, CEO)))
    clock.move(seconds=60)
    record_timeout(track_id=track.pk)
    assert not Ask.objects.filter(track=track, status=Ask.Status.OPEN).exists()
    assert kinds(track)[-1] == "input_request.answered"


def test_cancelling_the_first_does_not_touch_the_second(track: Track, clock: Clock) -> None:
    first = AskFactory(track=track, timeout_seconds=60, escalate_to=[CEO])
    clock.move(seconds=60)
    with pytest.raises(AskNotOpen):
        cancel_ask(ask_id=first.pk, workspace_id=track.workspace_id, reason=None, actor=AGENT)
    assert asked(open_on(track)) == [CEO]
