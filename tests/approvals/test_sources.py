"""Requests that come from a system of record: the page, the queue and the mails say so."""

import re
from typing import Any

import pytest
from django.core import mail

from approvals.models import Ask, Decision
from approvals.refusals import DecidedElsewhere
from tests.api.refused import nothing_written
from tests.approvals.person import Person, answer_path, mails, path_of
from tests.approvals.queue_person import post, sign_in, titles
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    config_of,
)
from tracks.models import Track
from tracks.sources import Source
from tracks.transitions import update_track

pytestmark = pytest.mark.django_db(transaction=True)

URL = "https://rt.example.com/Ticket/Display.html?id=17&x=1"
RT = Source(name="Request Tracker", url=URL)
THERE = Source(name="Request Tracker", url=URL, decides_there=True)
LINK = re.compile(r'<a[^>]* href="(https://rt\.example\.com/[^"]*)"([^>]*)>')


@pytest.fixture
def person(clock: Clock) -> Person:
    return Person()


def mirrored(source: Source = RT, on: dict[str, Any] | None = None, **fields: Any) -> Ask:
    on = on or {}
    workspace = on.pop("workspace", None) or WorkspaceFactory(name="Acme Finance")
    return AskFactory(track=TrackFactory(source=source, workspace=workspace, **on), **fields)


def move(track: Track, to: Source) -> None:
    update_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        changes={"source": to},
        actor=AGENT,
    )


def test_the_page_names_the_system_and_links_to_the_record(person: Person) -> None:
    page = person.get(path_of(mirrored()))
    assert "Comes from Request Tracker · The record at rt.example.com" in page.text
    assert LINK.findall(page.html) == [
        (URL.replace("&", "&amp;"), ' rel="noopener noreferrer nofollow"')
    ]
    assert "The words are shown as Request Tracker has them" in page.text
    assert "What has happened" in page.text
    assert "agent" not in page.text.lower().replace("user agent", "")


def test_without_an_address_there_is_a_name_and_no_link(person: Person) -> None:
    page = person.get(path_of(mirrored(Source(name="Paper <b>files</b>"))))
    assert "Comes from Paper <b>files</b>" in page.text
    assert "The record" not in page.text


def test_an_address_that_leads_astray_is_not_linked_even_if_it_is_stored(person: Person) -> None:
    ask = mirrored()
    stored = {"name": "RT", "url": "javascript:alert(1)", "decides_there": False}
    Track.objects.filter(pk=ask.track_id).update(source=stored)
    page = person.get(path_of(ask))
    assert "Comes from RT" in page.text
    assert "javascript" not in page.html


def test_an_agents_page_says_nothing_of_it(person: Person) -> None:
    assert "Comes from" not in person.get(path_of(AskFactory())).text


def test_a_protected_one_tells_it_behind_the_door(person: Person) -> None:
    ask = mirrored(on={"password": "correct horse"})
    for message in mails():
        everything = str(message.message()) + message.body
        assert "Request Tracker" not in everything
        assert "rt.example" not in everything
    assert "Request Tracker" not in person.get(path_of(ask)).html


def test_the_queue_names_the_system_and_can_be_filtered_by_it(person: Person) -> None:
    ask = mirrored(notify=False)
    AskFactory(track=TrackFactory(workspace=ask.workspace), prompt="An agent's?", notify=False)
    sign_in(person)
    page = person.get("/queue/")
    assert "From Request Tracker The record: Approve the new rate?" in page.text
    assert "From Bookkeeper" in page.text
    assert len(LINK.findall(page.html)) == 1
    assert titles(person.get("/queue/?source=Request+Tracker")) == ["Approve the new rate?"]


def test_the_notice_names_the_system_and_links_to_the_page_alone(clock: Clock) -> None:
    ask = mirrored()
    (message,) = mails()
    html = str(message.alternatives[0][0])
    for text in (message.body, html):
        assert "Comes from Request Tracker (" in text
        assert "rt.example.com" not in text, "a mail program would make a link of it"
        assert "a software agent" not in text
        assert "Acme Finance brings here what waits for people in" in text
    links = set(re.findall(r'href="([^"]+)"', html))
    assert links == {f"http://127.0.0.1:8000/t/{ask.track.slug}"}


# -- what only the system itself can decide -------------------------------------------------------


def test_it_shows_no_form_and_the_way_there(person: Person) -> None:
    ask = mirrored(THERE)
    for page in (person.get(path_of(ask)), _as_verified(person, ask)):
        assert page.status == 200
        assert "Decide in Request Tracker" in page.text
        assert not any(form.action.endswith(("/answer", "/code")) for form in page.forms)
        assert len(LINK.findall(page.html)) == 2
        assert "Approve the new rate?" in page.text


def _as_verified(person: Person, ask: Ask) -> Any:
    move(ask.track, RT)
    person.verify(ask)
    move(ask.track, THERE)
    return person.get(path_of(ask))


def test_an_answer_is_refused_and_leaves_no_trace(person: Person) -> None:
    ask = mirrored(notify=False)
    person.verify(ask)
    form = person.get(path_of(ask)).form("/answer")
    move(ask.track, THERE)
    with nothing_written():
        page = person.post(answer_path(ask), form.fields | {"value": "true"})
    assert page.status == 409
    assert "Nothing was recorded. This is decided in Request Tracker, not here." in page.text
    with nothing_written(), pytest.raises(DecidedElsewhere):
        answer(ask)


def test_what_was_answered_before_stays_answered(person: Person) -> None:
    ask = mirrored(notify=False)
    decision = answer(ask)
    move(ask.track, THERE)
    assert answer(ask) == decision


def test_none_of_it_is_answered_in_a_batch(person: Person) -> None:
    low = {"config": config_of("confirm") | {"risk": "low"}, "notify": False}
    ask = mirrored(RT, **low)
    other = mirrored(RT, on={"workspace": ask.workspace}, **low)
    sign_in(person)
    review = post(person, "/queue/batch", {"ask": [ask.public_id, other.public_id]})
    move(ask.track, THERE)
    page = person.get("/queue/")
    assert "From Request Tracker, decided there" in page.text
    assert 'name="ask"' not in page.html
    words = "Not recorded: it cannot be answered together with others. Open its own page."
    again = post(person, "/queue/batch", {"ask": [ask.public_id, other.public_id]})
    assert f"Left out {ask.prompt} {words}" in again.text
    assert f"nonce_{ask.public_id}" not in again.html
    fields = review.form("/queue/batch").fields | {"ask": [ask.public_id], "value": "true"}  # type: ignore[dict-item]
    refused = person.post("/queue/batch", fields)
    assert refused.status == 409
    assert words in refused.text
    assert not Decision.objects.exists()


def test_the_mail_says_where_to_decide_and_has_no_code(clock: Clock) -> None:
    mirrored(THERE)
    (message,) = mails()
    for text in (message.body, str(message.alternatives[0][0])):
        assert "Decide in Request Tracker" in text
        assert "our code" not in text
        assert "Review and decide" not in text
    assert mail.outbox == [message]
