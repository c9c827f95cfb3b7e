"""The page says how an answer stands in the system that the request comes from."""

from typing import Any

import pytest
from django.db import transaction

from approvals import transitions
from approvals.models import Ask
from tests.approvals.person import Page, Person, path_of
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, WorkspaceFactory, answer
from tracks.actors import Actor
from tracks.events import record
from tracks.models import EventData, Track
from tracks.sources import Source
from tracks.transitions import complete_track, lock_track

pytestmark = pytest.mark.django_db

URL = "https://rt.example.com/Ticket/Display.html?id=17"
RT = Source(name="Request Tracker", url=URL)
AT = "2026-11-22T10:01:00.000Z"
BEING_WRITTEN = "Recorded. Sayso writes it to Request Tracker now."


@pytest.fixture
def ask(clock: Clock) -> Ask:
    track = TrackFactory(workspace=WorkspaceFactory(name="Acme Finance"), source=RT)
    return AskFactory(track=track, notify=False)


@pytest.fixture
def me(ask: Ask) -> Person:
    person = Person()
    person.verify(ask)
    return person


def news(ask: Ask, type: str, **data: Any) -> None:
    with transaction.atomic():
        track, now = lock_track(ask.track_id)
        actor = Actor("connection", "Request Tracker")
        record(track, type, actor=actor, at=now, data={"ask_id": ask.public_id} | data)


def cancel(ask: Ask) -> None:
    transitions.cancel_ask(
        ask_id=ask.pk, workspace_id=ask.workspace_id, reason="Resolved there.", actor=AGENT
    )


def version(page: Page) -> str:
    return page.html.partition('data-live-part="card" data-version="')[2].partition('"')[0]


# -- an answer on its way -------------------------------------------------------------------------


def test_each_stage_of_the_way_is_said_and_changes_the_live_part(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    seen = []
    for type, data, words in (
        ("", {}, BEING_WRITTEN),
        ("record.pushed", {}, "Sent to Request Tracker; being checked."),
        (
            "record.confirmed",
            {"status": "approved", "by": "rt-bot", "at": AT, "url": URL},
            "Confirmed in Request Tracker on Sun 22 Nov 2026, 10:01 UTC. "
            "The record at rt.example.com",
        ),
    ):
        if type:
            news(ask, type, **data)
        page = me.get(path_of(ask))
        assert "Recorded: approved" in page.text
        assert words in page.text
        assert "The answer is with the agent" not in page.text
        seen.append(version(page))
    assert BEING_WRITTEN not in page.text
    assert len(set(seen)) == 3
    assert f'<a href="{URL}" rel="noopener noreferrer nofollow">The record at' in page.html


def test_it_is_said_after_the_track_has_ended(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    news(ask, "record.confirmed", status="approved", by="x", at=AT, url=URL)
    complete_track(track_id=ask.track_id, workspace_id=ask.workspace_id, summary=None, actor=AGENT)
    assert "Confirmed in Request Tracker on Sun 22 Nov" in me.get(path_of(ask)).text


def test_a_conflict_says_who_and_when_and_the_answer_stays_recorded(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    words = "Rejected there by Dana Lee on Sun 22 Nov 2026, 09:59 UTC. <b>x</b>"
    news(ask, "record.push_conflict", words=words)
    page = me.get(path_of(ask))
    assert "Recorded: approved" in page.text
    assert f"This request is already resolved. {words}" in page.text
    stranger = Person().get(path_of(ask))
    assert "This request is already resolved. Somebody decided it in Request" in stranger.text
    assert "Dana" not in stranger.html


def test_what_a_person_must_look_at_is_said(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    news(ask, "record.pushed", status="needs_human")
    words = "It could not be written to Request Tracker; the people who run Sayso have been told."
    assert words in me.get(path_of(ask)).text


def test_the_latest_news_counts_and_that_of_another_question_does_not(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    news(ask, "record.confirmed", status="approved", at=AT)
    news(ask, "record.push_conflict", words="Reopened and rejected.")
    news(ask, "record.confirmed", ask_id="ask_" + "0" * 32)
    page = me.get(path_of(ask))
    assert "Reopened and rejected." in page.text
    assert "Confirmed in" not in page.text


@pytest.mark.parametrize(
    "data",
    [
        {"url": "javascript:alert(1)", "at": "yesterday", "by": 7, "status": None},
        {"at": "2026-11-22"},
        {"at": None, "words": None},
    ],
)
def test_strange_news_breaks_no_page(ask: Ask, me: Person, data: dict[str, Any]) -> None:
    me.answer(ask, value="true")
    for type in ("record.pushed", "record.confirmed", "record.push_conflict"):
        news(ask, type, **data)
        page = me.get(path_of(ask))
        assert page.status == 200
        assert "javascript" not in page.html


def test_erased_news_is_no_news(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    news(ask, "record.confirmed", status="approved", at=AT)
    EventData.objects.filter(event__type="record.confirmed").delete()
    assert BEING_WRITTEN in me.get(path_of(ask)).text


def test_the_receipt_page_says_it_and_the_signed_text_does_not(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    news(ask, "record.confirmed", status="approved", at=AT)
    path = f"{path_of(ask)}/asks/{ask.public_id}/receipt"
    page = me.get(path)
    assert "Confirmed in Request Tracker on Sun 22 Nov 2026, 10:01 UTC." in page.text
    assert "not part of what is signed" in page.text
    assert "Request Tracker" not in me.get(path + ".json").html


def test_an_agents_answer_reads_as_before(clock: Clock) -> None:
    ask = AskFactory(notify=False)
    answer(ask)
    news(ask, "record.confirmed", status="approved", at=AT)
    page = Person().get(path_of(ask))
    assert "The answer is with the agent, which goes on by itself." in page.text
    assert "Confirmed" not in page.text


def test_a_choice_is_said_in_its_own_words(clock: Clock) -> None:
    track = TrackFactory(workspace=WorkspaceFactory(), source=RT)
    ask = AskFactory(track=track, kind="choice", notify=False)
    answer(ask, "a")
    news(ask, "record.confirmed", status="approved", at=AT)
    page = Person().get(path_of(ask))
    assert "Already answered" in page.text
    assert "The choice Air" in page.text
    assert "Confirmed in Request Tracker on" in page.text


# -- resolved there -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word"),
    [("approved", "Approved"), ("rejected", "Denied"), ("cancelled", "Withdrawn")],
)
def test_what_was_resolved_there_says_by_whom_and_when(
    ask: Ask, me: Person, status: str, word: str
) -> None:
    cancel(ask)
    before = version(me.get(path_of(ask)))
    news(ask, "record.resolved_elsewhere", status=status, by="dana@acme.com", at=AT)
    page = me.get(path_of(ask))
    assert "This request is already resolved" in page.text
    assert f"{word} in Request Tracker by dana@acme.com on Sun 22 Nov 2026, 10:01 UTC." in page.text
    assert "No longer needed" not in page.text
    assert version(page) != before
    assert "by d•••@acme.com on" in Person().get(path_of(ask)).text


def test_a_stranger_learns_no_name(ask: Ask, me: Person) -> None:
    cancel(ask)
    news(ask, "record.resolved_elsewhere", status="approved", by="Dana Lee", at=AT)
    assert "Approved in Request Tracker by Dana Lee on" in me.get(path_of(ask)).text
    stranger = Person().get(path_of(ask))
    assert "Approved in Request Tracker on Sun 22 Nov" in stranger.text
    assert "Dana" not in stranger.html


def test_what_had_to_be_decided_there_was_decided_there(ask: Ask) -> None:
    Track.objects.filter(pk=ask.track_id).update(
        source={"name": "Request Tracker", "url": URL, "decides_there": True}
    )
    cancel(ask)
    news(ask, "record.resolved_elsewhere", status="approved", by="", at=AT)
    page = Person().get(path_of(ask))
    assert "Decided in Request Tracker" in page.text
    assert "already resolved" not in page.text


def test_what_is_only_withdrawn_is_no_longer_needed(ask: Ask) -> None:
    cancel(ask)
    assert "No longer needed" in Person().get(path_of(ask)).text


# -- changed there --------------------------------------------------------------------------------


def test_a_question_behind_an_answer_says_that_it_changed(ask: Ask, me: Person) -> None:
    me.answer(ask, value="true")
    anew = AskFactory(track=ask.track, prompt="Approve the newer rate?", notify=False)
    mine = me.get(path_of(ask))
    assert "Changed since you answered" in mine.text
    assert "Approved, before it changed in Request Tracker" in mine.text
    assert mine.form("/answer")
    stranger = Person().get(path_of(ask))
    assert "Changed since it was answered" in stranger.text
    me.answer(anew, value="true")
    assert "Changed since" not in me.get(path_of(ask)).text


def test_a_question_behind_one_that_was_withdrawn_replaces_it(ask: Ask, me: Person) -> None:
    cancel(ask)
    AskFactory(track=ask.track, prompt="Approve the newer rate?", notify=False)
    page = me.get(path_of(ask))
    assert "Replaced by the question above" in page.text
    assert "Changed since" not in page.text


def test_an_agents_second_question_is_no_change(clock: Clock) -> None:
    ask = AskFactory(notify=False)
    answer(ask)
    AskFactory(track=ask.track, notify=False)
    page = Person().get(path_of(ask))
    assert "Changed since" not in page.text
    assert "Approved ·" in page.text
