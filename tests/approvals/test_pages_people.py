"""Several people and one question: who is asked, and who acts for whom."""

from datetime import timedelta
from typing import Any

import pytest

from approvals import handing_over
from approvals.models import Answer, Ask, Decision
from approvals.transitions import record_timeout
from tests.api.refused import nothing_written
from tests.approvals.person import Person, path_of
from tests.approvals.table import KIM, LEE, SAM, at, forms_of, hand_over, says, several
from tests.conftest import Clock
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    someone,
)
from tracks.clock import database_now
from tracks.models import Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def track(clock: Clock, workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace, requester="dana@acme.com")


@pytest.fixture
def ask(track: Track) -> Ask:
    return AskFactory(track=track, notify=False, timeout_seconds=86_400)


# --- who is asked ---------------------------------------------------------------------------------


def test_a_stranger_sees_how_many_are_asked_and_who_has_answered_not_what(track: Track) -> None:
    ask = several(track)
    says(ask, KIM)
    page = Person().get(path_of(ask))
    assert (
        "Who is asked · 2 of 3 must approve. c•••@acme.com has not answered "
        "k•••@acme.com ✓ Answered l•••@acme.com has not answered"
    ) in page.text
    assert "@acme.com" in page.html
    assert not [each for each in (CFO, KIM, LEE) if each in page.html]


def test_whoever_is_asked_sees_whole_addresses_and_what_was_said(track: Track) -> None:
    ask = several(track)
    says(ask, KIM, False)
    assert "kim@acme.com ✓ Rejected lee@acme.com has not answered" in (
        at(ask, CFO).get(path_of(ask)).text
    )


@pytest.mark.parametrize(
    ("needed", "kind", "words"),
    [
        (1, "confirm", "One approval is enough."),
        (3, "confirm", "All 3 must approve."),
        (1, "text", "The first answer counts."),
    ],
)
def test_how_many_are_needed_is_said(track: Track, needed: int, kind: str, words: str) -> None:
    ask = several(track, needed=needed, kind=kind)
    assert f"Who is asked · {words}" in Person().get(path_of(ask)).text


def test_one_person_alone_is_not_made_a_table_of(ask: Ask) -> None:
    assert "Who is asked" not in Person().get(path_of(ask)).text


def test_each_is_verified_for_their_own_address(track: Track) -> None:
    ask = several(track)
    person = Person()
    page = person.get(path_of(ask))
    assert person.send(page, "/code", code="0000-0000").status == 422  # nobody was chosen
    choices = [part.partition('"')[0] for part in page.html.split('name="approver" value="')[1:]]
    assert len(choices) == 3
    form = page.form("/code")
    verify = form.action.replace("/code", "/verify")
    assert person.post(verify, form.fields | {"approver": choices[1]}).status == 303
    assert "We mailed a link and a code to k•••@acme.com" in person.get(path_of(ask)).text


def test_whoever_has_spoken_waits_for_the_others(track: Track) -> None:
    ask = several(track)
    person = at(ask, CFO)
    assert person.answer(ask, value="true").status == 303
    page = person.get(path_of(ask))
    assert "Recorded: approved There is nothing more for you to do." in page.text
    assert "<title>Waiting for others ·" in page.html
    assert page.forms == []
    assert Ask.objects.get(pk=ask.pk).status == "open"


def test_who_settles_it_and_who_took_part_both_see_the_outcome(track: Track) -> None:
    ask = several(track)
    first, second = at(ask, CFO), at(ask, KIM)
    first.answer(ask, value="true")
    second.answer(ask, value="true")
    assert "Recorded: approved by kim@acme.com on" in second.get(path_of(ask)).text
    page = first.get(path_of(ask))
    assert "Settled: approved Approved by kim@acme.com on" in page.text
    assert "cfo@acme.com ✓ Approved kim@acme.com ✓ Approved lee@acme.com" in page.text
    assert "Already answered Approved by kim@acme.com" in at(ask, LEE).get(path_of(ask)).text


def test_a_late_one_is_refused_and_sees_the_outcome(track: Track) -> None:
    ask = several(track, needed=1)
    late = at(ask, LEE)
    form = late.get(path_of(ask)).form("/answer")
    says(ask, CFO)
    with nothing_written():
        page = late.post(form.action, form.fields | {"value": "false", "comment": "No!"})
    assert page.status == 409
    assert "Your answer was not recorded. It came after this was settled." in page.text
    assert "Already answered Approved by cfo@acme.com" in page.text
    assert "What you sent, not recorded: No!" in page.text


def test_a_seat_that_somebody_else_decided_is_decided(track: Track) -> None:
    ask = several(track)
    giver = at(ask, CFO)
    hand_over(giver, ask)
    form = giver.get(path_of(ask)).form("/answer")
    assert at(ask, SAM).answer(ask, value="false").status == 303
    with nothing_written():
        page = giver.post(form.action, form.fields | {"value": "true"})
    assert page.status == 409
    assert "sam@acme.com has answered in this place already." in page.text
    assert "sam@acme.com has answered for you: rejected" in page.text
    assert [each.value for each in Decision.objects.all()] == [False]


def test_a_second_form_of_ones_own_is_refused(track: Track) -> None:
    ask = several(track)
    person = at(ask, CFO)
    form = person.get(path_of(ask)).form("/answer")
    person.answer(ask, value="true")
    with nothing_written():
        page = person.post(form.action, form.fields | {"value": "false"})
    assert page.status == 409
    assert "You have answered already." in page.text


# --- for somebody else ----------------------------------------------------------------------------


def test_the_outcome_and_the_receipt_say_who_acted_for_whom(ask: Ask) -> None:
    hand_over(at(ask, CFO), ask)
    sam = at(ask, SAM)
    page = sam.get(path_of(ask))
    assert "cfo@acme.com sent you this. Either of you may answer. Sam knows this vendor." in (
        page.text
    )
    assert "You answer as sam@acme.com for cfo@acme.com." in page.text
    sam.answer(ask, value="true")
    assert "Recorded: approved by sam@acme.com for cfo@acme.com on" in sam.get(path_of(ask)).text
    assert "Approved by sam@acme.com for cfo@acme.com" in at(ask, CFO).get(path_of(ask)).text
    stranger = Person().get(path_of(ask))
    assert stranger.text.count("Approved by s•••@acme.com for c•••@acme.com") == 2
    receipt = sam.get(f"{path_of(ask)}/asks/{ask.public_id}/receipt")
    assert "Approved by sam@acme.com for cfo@acme.com on" in receipt.text
    assert "By sam@acme.com for cfo@acme.com On" in receipt.text


def test_the_receipt_lists_each_decision(track: Track) -> None:
    ask = several(track, needed=2)
    says(ask, LEE, False)
    says(ask, CFO)
    says(ask, KIM)
    text = at(ask, LEE).get(f"{path_of(ask)}/asks/{ask.public_id}/receipt").text
    assert "Decision 1 of 3 Recorded as Rejected Words chosen No By lee@acme.com" in text
    assert "Decision 3 of 3 Recorded as Approved Words chosen Yes By kim@acme.com" in text
    assert "Approved by kim@acme.com on" in text


def test_a_stand_in_may_answer(track: Track) -> None:
    cfo = someone(track.workspace, CFO)
    now = database_now()
    handing_over.set_absence(
        approver=cfo, stand_in=SAM, starts_at=now, ends_at=now + timedelta(days=1)
    )
    ask = AskFactory(track=track, notify=False)
    sam = at(ask, SAM)
    page = sam.get(path_of(ask))
    assert "You stand in for cfo@acme.com. Either of you may answer." in page.text
    assert "hand-over" not in forms_of(sam, ask)  # one hop
    assert "c•••@acme.com s•••@acme.com stands in" in Person().get(path_of(ask)).text
    sam.answer(ask, value="true")
    assert Decision.objects.get().seat.approver == cfo
    assert Answer.objects.get().value is True


# --- the next one ---------------------------------------------------------------------------------


@pytest.fixture
def passed_by(track: Track, clock: Clock) -> Ask:
    ask = AskFactory(track=track, notify=False, escalate_to=[KIM, LEE], timeout_seconds=1800)
    clock.move(minutes=31)
    record_timeout(track_id=track.pk)
    return ask


def test_who_did_not_answer_learns_that_it_closed_and_who_is_asked_now(passed_by: Ask) -> None:
    first = at(passed_by, CFO)
    page = first.get(path_of(passed_by))
    assert "This request closed on Sun 22 Nov 2026, 10:30 UTC" in page.text
    assert "Nobody answered it in time, so k•••@acme.com is asked now." in page.text
    assert KIM not in page.html
    assert page.forms == []


def test_a_stranger_sees_who_was_asked_before(passed_by: Ask) -> None:
    page = Person().get(path_of(passed_by))
    assert "k•••@acme.com has not answered" in page.text
    assert "Asked before, without an answer in time: c•••@acme.com" in page.text


def test_the_first_one_cannot_answer_any_more_and_the_next_can(track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track, notify=False, escalate_to=[KIM], timeout_seconds=1800)
    first = at(ask, CFO)
    form = first.get(path_of(ask)).form("/answer")
    clock.move(minutes=31)
    page = first.post(form.action, form.fields | {"value": "true"})
    assert page.status == 409
    assert "so k•••@acme.com is asked now" in page.text
    second = Ask.objects.get(status="open")
    assert at(second, KIM).answer(second, value="true").status == 303
    assert [each.ask for each in Decision.objects.all()] == [second]


def test_the_whole_chain_is_told(passed_by: Ask, clock: Clock, track: Track) -> None:
    second = Ask.objects.get(status="open")
    clock.move(minutes=31)
    record_timeout(track_id=track.pk)
    for address in (CFO, KIM):
        page = at(second, address).get(path_of(second))
        assert "so l•••@acme.com is asked now" in page.text
    third = at(second, LEE).get(path_of(second)).text
    assert "Asked before, without an answer in time: kim@acme.com, cfo@acme.com" in third


def test_twenty_seats_take_as_many_queries_as_one(
    track: Track, django_assert_num_queries: Any
) -> None:
    alone = AskFactory(track=TrackFactory(workspace=track.workspace), notify=False)
    people = [CFO, *(f"p{number}@acme.com" for number in range(19))]
    for ask in (alone, several(track, approvers=people)):
        person = at(ask, CFO)
        person.get(path_of(ask))  # the first look is recorded
        with django_assert_num_queries(8):
            person.get(path_of(ask))
