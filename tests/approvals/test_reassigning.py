"""Staff lets somebody else decide: whoever could before is asked no longer."""

from datetime import timedelta
from typing import Any

import pytest

from approvals import notify, sending
from approvals.handing_over import begin_absence, hand_over, set_absence
from approvals.models import Absence, Ask, Holder, Notification
from approvals.queue import waiting_for
from approvals.reassigning import reassign
from approvals.refusals import AskNotOpen, NotTheApprover
from approvals.serializers import ask_json
from config.errors import Invalid, NotFound
from tests.api.refused import nothing_written
from tests.approvals.person import path_of
from tests.approvals.table import KIM, LEE, SAM, at, says, several
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, answer, evidence_of, kinds, someone
from tests.staff_actor import DANA, REASON
from tracks.clock import database_now
from tracks.models import Event, Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def track(clock: Clock, workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace, requester="boss@acme.com")


@pytest.fixture
def ask(track: Track) -> Ask:
    return AskFactory(track=track, timeout_seconds=86_400)


def give(ask: Ask, to: str = "sam@elsewhere.example", seat: int = 0) -> Ask:
    return reassign(
        ask_id=ask.pk,
        track_id=ask.track_id,
        seat_id=ask.seats.get(position=seat).pk,
        to=to,
        reason=REASON,
        actor=DANA,
    )


def answers(ask: Ask, address: str, value: bool = True) -> Any:
    return answer(ask, value, evidence=evidence_of(someone(ask.track.workspace, address)))


def shown(ask: Ask) -> dict[str, Any]:
    return ask_json(Ask.objects.presented().with_everything().get(pk=ask.pk))


def test_the_new_one_decides_and_the_old_one_cannot(ask: Ask) -> None:
    give(ask)
    with nothing_written(), pytest.raises(NotTheApprover):
        answers(ask, CFO)
    answers(ask, "sam@elsewhere.example")
    assert shown(ask)["approvers"] == [CFO]  # what was shown stays what was shown
    (decision,) = shown(ask)["decisions"]
    assert decision["approver"] == "sam@elsewhere.example"
    assert decision["on_behalf_of"] == CFO


def test_it_is_on_record_as_staff_s_doing(ask: Ask) -> None:
    give(ask)
    event = Event.objects.get(track=ask.track, type="ask.handed_over")
    assert (event.actor_type, event.actor_name) == ("staff", "dana@sayso.example")
    assert event.data == {
        "ask_id": ask.public_id,
        "from": CFO,
        "to": "sam@elsewhere.example",
        "kind": "reassigned",
        "reason": REASON,
    }


def test_the_new_one_is_told_and_the_old_one_no_more(ask: Ask) -> None:
    give(ask)
    notify.on_events([Event.objects.get(track=ask.track, type="ask.handed_over")])
    (told,) = Notification.objects.filter(ask=ask, kind="ask")
    assert told.approver.address == "sam@elsewhere.example"
    assert not sending.waits_for(ask, someone(ask.track.workspace, CFO).pk)
    assert sending.waits_for(ask, someone(ask.track.workspace, "sam@elsewhere.example").pk)


def test_it_leaves_one_queue_and_enters_another(ask: Ask, clock: Clock) -> None:
    give(ask, SAM)
    assert list(waiting_for(CFO, now=clock.now)) == []
    assert list(waiting_for(SAM, now=clock.now)) == [ask]


def test_whoever_came_by_the_old_one_goes_with_them(ask: Ask) -> None:
    cfo = someone(ask.track.workspace, CFO)
    hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=cfo, to=KIM, reason="Yours.")
    give(ask, SAM)
    for address in (CFO, KIM):
        with pytest.raises(NotTheApprover):
            answers(ask, address)
    assert [h.approver.address for h in Holder.objects.acting().filter(ask=ask)] == [SAM]


def away(workspace: Workspace, who: str, *, to: str) -> Absence:
    now = database_now()
    return set_absence(
        approver=someone(workspace, who),
        stand_in=to,
        starts_at=now,
        ends_at=now + timedelta(days=30),
    )


def acting(ask: Ask) -> list[tuple[str, str]]:
    found = Holder.objects.acting().filter(ask=ask).order_by("pk")
    return [(each.approver.address, each.kind) for each in found]


def test_the_stand_in_of_the_new_one_is_asked_too(ask: Ask, workspace: Workspace) -> None:
    away(workspace, SAM, to=LEE)
    give(ask, SAM)
    assert acting(ask) == [(SAM, "reassigned"), (LEE, "stand_in")]


def test_a_new_one_who_goes_away_later_has_a_stand_in(ask: Ask, workspace: Workspace) -> None:
    give(ask, SAM)
    begin_absence(away(workspace, SAM, to=LEE).pk)
    assert acting(ask) == [(SAM, "reassigned"), (LEE, "stand_in")]


def test_whoever_is_asked_no_longer_has_no_stand_in(ask: Ask, workspace: Workspace) -> None:
    give(ask, SAM)
    begin_absence(away(workspace, CFO, to=LEE).pk)
    assert acting(ask) == [(SAM, "reassigned")]


def test_another_seat_s_stand_in_brings_nobody(track: Track, workspace: Workspace) -> None:
    """An absence is no chain, whatever becomes of the next seat."""
    away(workspace, CFO, to=SAM)
    away(workspace, SAM, to="dee@acme.com")
    ask = AskFactory(track=track, approvers=[CFO, KIM], needed=2)
    before = [(CFO, "asked"), (KIM, "asked"), (SAM, "stand_in")]
    assert acting(ask) == before
    give(ask, LEE, seat=1)
    assert acting(ask) == [before[0], before[2], (LEE, "reassigned")]


def test_whom_another_seat_was_passed_to_brings_nobody(track: Track, workspace: Workspace) -> None:
    away(workspace, SAM, to="dee@acme.com")
    ask = AskFactory(track=track, approvers=[CFO, KIM], needed=2)
    cfo = someone(workspace, CFO)
    hand_over(ask_id=ask.pk, track_id=ask.track_id, giver=cfo, to=SAM, reason="Yours.")
    give(ask, LEE, seat=1)
    assert acting(ask) == [(CFO, "asked"), (SAM, "handed_over"), (LEE, "reassigned")]


def test_another_seat_that_has_decided_needs_no_stand_in(
    track: Track, workspace: Workspace
) -> None:
    ask = several(track)
    says(ask, CFO)
    begin_absence(away(workspace, CFO, to=SAM).pk)
    give(ask, "dee@acme.com", seat=1)
    assert acting(ask) == [(CFO, "asked"), (LEE, "asked"), ("dee@acme.com", "reassigned")]


def test_twice_over(ask: Ask) -> None:
    give(ask, SAM)
    give(ask, KIM)
    with pytest.raises(NotTheApprover):
        answers(ask, SAM)
    event = Event.objects.filter(track=ask.track, type="ask.handed_over").last()
    assert event is not None
    assert event.data is not None
    assert (event.data["from"], event.data["to"]) == (SAM, KIM)
    answers(ask, KIM)
    assert shown(ask)["status"] == "answered"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("Boss@acme.com", "Whoever asks for this cannot decide it."),
        (CFO, "This person is asked already."),
    ],
)
def test_never_to_these(ask: Ask, to: str, words: str) -> None:
    with nothing_written(), pytest.raises(Invalid, match=words):
        give(ask, to)


def test_not_back_to_whom_it_was_taken_from(ask: Ask) -> None:
    give(ask, SAM)
    with pytest.raises(Invalid, match="was asked before, and somebody else is instead"):
        give(ask, CFO)


def test_never_to_somebody_who_let_the_time_pass(track: Track, clock: Clock) -> None:
    first = AskFactory(track=track, timeout_seconds=60, escalate_to=[KIM])
    clock.move(seconds=61)
    with pytest.raises(AskNotOpen):
        answers(first, CFO)
    second = Ask.objects.get(escalated_from=first)
    with pytest.raises(Invalid, match="was asked before and has not answered"):
        give(second, CFO)


def test_a_seat_that_has_spoken_stays(track: Track) -> None:
    ask = several(track)
    says(ask, KIM)
    with nothing_written(), pytest.raises(AskNotOpen):
        give(ask, SAM, seat=1)
    give(ask, SAM, seat=0)
    says(ask, SAM)
    assert shown(ask)["status"] == "answered"


def test_only_while_it_is_open_and_only_its_own_seats(ask: Ask, track: Track) -> None:
    other = AskFactory(track=TrackFactory(workspace=track.workspace))
    with nothing_written(), pytest.raises(NotFound):
        reassign(
            ask_id=ask.pk,
            track_id=ask.track_id,
            seat_id=other.seats.get().pk,
            to=SAM,
            reason=REASON,
            actor=DANA,
        )
    answers(ask, CFO)
    with nothing_written(), pytest.raises(AskNotOpen):
        give(ask, SAM)


def test_the_page_tells_both(ask: Ask) -> None:
    give(ask, SAM)
    page = at(ask, SAM).get(path_of(ask))
    assert f"You are asked instead of {CFO}, who is asked no longer." in page.text
    assert REASON in page.text
    old = at(ask, CFO).get(path_of(ask))
    assert [each for each in old.forms if each.action.endswith("/answer")] == []
    assert "s•••@acme.com is asked instead" in old.text
    assert kinds(ask.track)[-1] == "approver.viewed"
