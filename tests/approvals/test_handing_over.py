"""Passing on, standing in, and "this isn't for me"."""

from datetime import timedelta
from typing import Any

import pytest

from approvals import handing_over
from approvals.models import Absence, Approver, Ask, Decline, Holder
from approvals.refusals import AlreadyDecided, AskNotOpen, NotTheApprover, PassedOnAlready
from approvals.serializers import ask_json
from config.errors import Invalid, NotFound
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, answer, evidence_of, kinds, someone
from tracks.models import Event, Track, Workspace

SAM, KIM = "sam@acme.com", "kim@acme.com"


@pytest.fixture
def track(clock: Clock, workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace, requester="dana@acme.com")


@pytest.fixture
def ask(track: Track) -> Ask:
    return AskFactory(track=track, timeout_seconds=86_400)


@pytest.fixture
def cfo(track: Track) -> Approver:
    return someone(track.workspace, CFO)


def hand_over(ask: Ask, giver: Approver, to: str, reason: str = "She knows this vendor.") -> Ask:
    return handing_over.hand_over(
        ask_id=ask.pk, track_id=ask.track_id, giver=giver, to=to, reason=reason
    )


def holders(ask: Ask) -> list[tuple[str, str]]:
    rows = Holder.objects.filter(ask=ask).order_by("pk")
    return list(rows.values_list("approver__address", "kind"))


def shown(ask: Ask) -> dict[str, Any]:
    return ask_json(Ask.objects.presented().with_everything().get(pk=ask.pk))


def wrong_field(refusal: pytest.ExceptionInfo[Invalid]) -> str:
    assert refusal.value.errors is not None
    return refusal.value.errors[0]["field"]


def test_both_may_decide_and_it_says_who_did_for_whom(ask: Ask, cfo: Approver) -> None:
    hand_over(ask, cfo, "Sam@acme.com")
    assert holders(ask) == [(CFO, "asked"), ("Sam@acme.com", "handed_over")]
    answer(ask, True, evidence=evidence_of(someone(ask.track.workspace, SAM)))
    (decision,) = shown(ask)["decisions"]
    assert (decision["approver"], decision["on_behalf_of"]) == ("Sam@acme.com", CFO)
    assert shown(ask)["approvers"] == [CFO]
    event = Event.objects.get(track=ask.track, type="ask.handed_over")
    assert (event.actor_type, event.actor_name) == ("approver", CFO)
    assert event.data == {
        "ask_id": ask.public_id,
        "from": CFO,
        "to": "Sam@acme.com",
        "kind": "handed_over",
        "reason": "She knows this vendor.",
    }


def test_the_giver_may_still_decide_and_then_the_seat_is_taken(track: Track) -> None:
    ask = AskFactory(track=track, approvers=[CFO, KIM], needed=2)
    cfo = someone(track.workspace, CFO)
    hand_over(ask, cfo, SAM)
    answer(ask, True, evidence=evidence_of(cfo))
    with pytest.raises(AlreadyDecided):
        answer(ask, False, evidence=evidence_of(someone(track.workspace, SAM)), form_nonce="of Sam")
    (decision,) = shown(ask)["decisions"]
    assert (decision["approver"], decision["on_behalf_of"]) == (CFO, None)


@pytest.mark.parametrize(
    ("to", "policy", "is_fine"),
    [
        (SAM, "", True),
        ("sam@ACME.com", "", True),
        ("sam@other.com", "", False),
        ("sam@eu.acme.com", "", False),
        (SAM, "none", False),
        ("sam@other.com", "any", True),
        ("sam@other.com", "same_domain", False),
    ],
)
def test_the_policy_decides_to_whom(track: Track, to: str, policy: str, is_fine: bool) -> None:
    ask = AskFactory(track=track, delegation=policy or None)
    cfo = someone(track.workspace, CFO)
    if is_fine:
        hand_over(ask, cfo, to)
        assert len(holders(ask)) == 2
        return
    with nothing_written(), pytest.raises(Invalid) as refusal:
        hand_over(ask, cfo, to)
    assert wrong_field(refusal) == "to"


def test_the_workspace_s_policy_holds_where_the_ask_has_none(ask: Ask, cfo: Approver) -> None:
    Workspace.objects.update(delegation="none")
    with pytest.raises(Invalid):
        hand_over(ask, cfo, SAM)
    Workspace.objects.update(delegation="any")
    hand_over(ask, cfo, "sam@other.com")


def test_one_hop_and_once(ask: Ask, cfo: Approver) -> None:
    hand_over(ask, cfo, SAM)
    with nothing_written(), pytest.raises(PassedOnAlready):
        hand_over(ask, cfo, KIM)
    with nothing_written(), pytest.raises(PassedOnAlready):
        hand_over(ask, someone(ask.track.workspace, SAM), CFO)


@pytest.mark.parametrize("to", [CFO, "CFO@ACME.COM", "Dana@acme.com", KIM])
def test_neither_oneself_nor_the_requester_nor_whoever_is_asked_already(
    track: Track, to: str
) -> None:
    ask = AskFactory(track=track, approvers=[CFO, KIM])
    with pytest.raises(Invalid) as refusal:
        hand_over(ask, someone(track.workspace, CFO), to)
    assert wrong_field(refusal) == "to"
    assert holders(ask) == [(CFO, "asked"), (KIM, "asked")]


def test_only_whoever_is_asked_and_only_while_it_is_open(
    ask: Ask, cfo: Approver, clock: Clock
) -> None:
    with pytest.raises(NotTheApprover):
        hand_over(ask, someone(ask.track.workspace, KIM), SAM)
    clock.move(days=1)
    with pytest.raises(AskNotOpen):
        hand_over(ask, cfo, SAM)
    assert kinds(ask.track)[-1] == "input_request.timeout"


def test_this_is_not_for_me_tells_the_asking_side_once(ask: Ask, cfo: Approver) -> None:
    for reason in ("Ask Sam.", "Really."):
        handing_over.decline(ask_id=ask.pk, track_id=ask.track_id, approver=cfo, reason=reason)
    assert kinds(ask.track)[-1:] == ["ask.declined"]
    event = Event.objects.get(track=ask.track, type="ask.declined")
    assert event.data == {"ask_id": ask.public_id, "approver": CFO, "reason": "Ask Sam."}
    assert Decline.objects.get().reason == "Ask Sam."
    assert shown(ask)["status"] == "open"


def away(cfo: Approver, clock: Clock, *, after: int = 0, days: int = 7, to: str = SAM) -> Absence:
    starts = clock.now + timedelta(days=after)
    return handing_over.set_absence(
        approver=cfo, stand_in=to, starts_at=starts, ends_at=starts + timedelta(days=days)
    )


def test_who_stands_in_may_decide_what_is_asked_during_the_absence(
    track: Track, cfo: Approver, clock: Clock
) -> None:
    away(cfo, clock, after=1)
    before = AskFactory(track=TrackFactory(workspace=track.workspace))
    assert holders(before) == [(CFO, "asked")]
    clock.move(days=1)
    during = AskFactory(track=track)
    assert holders(during) == [(CFO, "asked"), (SAM, "stand_in")]
    assert kinds(track)[-2:] == ["input_request.created", "ask.handed_over"]
    answer(during, True, evidence=evidence_of(someone(track.workspace, SAM)))
    (decision,) = shown(during)["decisions"]
    assert (decision["approver"], decision["on_behalf_of"]) == (SAM, CFO)
    clock.move(days=7)
    after = AskFactory(track=TrackFactory(workspace=track.workspace))
    assert holders(after) == [(CFO, "asked")]


def test_what_waits_already_goes_to_the_stand_in_when_the_absence_begins(
    ask: Ask, cfo: Approver, clock: Clock
) -> None:
    absence = away(cfo, clock, after=0)
    handing_over.begin_absence(absence.pk)
    handing_over.begin_absence(absence.pk)
    assert holders(ask) == [(CFO, "asked"), (SAM, "stand_in")]
    assert kinds(ask.track).count("ask.handed_over") == 1


def test_an_absence_does_not_begin_early(ask: Ask, cfo: Approver, clock: Clock) -> None:
    absence = away(cfo, clock, after=1)
    handing_over.begin_absence(absence.pk)
    assert holders(ask) == [(CFO, "asked")]
    clock.move(hours=23)
    clock.move(hours=1)
    handing_over.begin_absence(absence.pk)
    # The ask ended at that moment, too: nothing is passed on any more.
    assert holders(ask) == [(CFO, "asked")]


def test_the_requester_never_stands_in(track: Track, cfo: Approver, clock: Clock) -> None:
    away(cfo, clock, to="dana@acme.com")
    assert holders(AskFactory(track=track)) == [(CFO, "asked")]


def test_who_is_asked_already_does_not_stand_in(track: Track, cfo: Approver, clock: Clock) -> None:
    away(cfo, clock)
    ask = AskFactory(track=track, approvers=[CFO, SAM])
    assert holders(ask) == [(CFO, "asked"), (SAM, "asked")]


def test_an_absence_is_no_chain(track: Track, cfo: Approver, clock: Clock) -> None:
    away(cfo, clock)
    away(someone(track.workspace, SAM), clock, to=KIM)
    assert holders(AskFactory(track=track)) == [(CFO, "asked"), (SAM, "stand_in")]


def test_whoever_came_by_somebody_else_brings_nobody(ask: Ask, cfo: Approver, clock: Clock) -> None:
    hand_over(ask, cfo, SAM)
    handing_over.begin_absence(away(someone(ask.workspace, SAM), clock, to=KIM).pk)
    assert holders(ask) == [(CFO, "asked"), (SAM, "handed_over")]


@pytest.mark.parametrize("to", [CFO, "sam@other.com"])
def test_a_stand_in_is_a_colleague(cfo: Approver, clock: Clock, to: str) -> None:
    with nothing_written(), pytest.raises(Invalid) as refusal:
        away(cfo, clock, to=to)
    assert wrong_field(refusal) == "stand_in"


def test_absences_do_not_overlap_and_have_a_length(cfo: Approver, clock: Clock) -> None:
    away(cfo, clock, after=1, days=2)
    for after, days, field in ((2, 1, "starts"), (0, 2, "starts"), (0, 0, "ends"), (-3, 2, "ends")):
        with nothing_written(), pytest.raises(Invalid) as refusal:
            away(cfo, clock, after=after, days=days)
        assert wrong_field(refusal) == field
    away(cfo, clock, after=3, days=1)
    away(cfo, clock, after=0, days=1)


def test_coming_back_early(track: Track, cfo: Approver, clock: Clock) -> None:
    absence = away(cfo, clock)
    sam = someone(track.workspace, SAM)
    with pytest.raises(NotFound):
        handing_over.end_absence(absence_id=absence.pk, approver=sam)
    handing_over.end_absence(absence_id=absence.pk, approver=cfo)
    with pytest.raises(NotFound):
        handing_over.end_absence(absence_id=absence.pk, approver=cfo)
    assert holders(AskFactory(track=track)) == [(CFO, "asked")]
