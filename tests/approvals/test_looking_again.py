"""Before somebody decides, the system that a request comes from is looked at again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from approvals.models import Ask, Decision
from approvals.sources import WITHIN, Freshness, Look
from approvals.transitions import cancel_ask
from tests.api.refused import nothing_written
from tests.approvals.person import Person, answer_path, path_of
from tests.approvals.queue_person import batch_form, post, sign_in
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, WorkspaceFactory, config_of
from tracks.sources import Source

pytestmark = pytest.mark.django_db(transaction=True)

RT = Source(name="Request Tracker", url="https://rt.example.com/17")
FRESH, SLOW = Look(Freshness.FRESH), Look(Freshness.SLOW)


@dataclass
class System:
    """What settings name: answers as a test wants, and remembers who asked."""

    answers: Look | Exception = FRESH
    meanwhile: Callable[[], object] = bool
    asked: list[UUID] = field(default_factory=list)
    within: list[float] = field(default_factory=list)

    def look(self, track_id: UUID, *, within: float) -> Look:
        assert not connection.in_atomic_block
        self.asked.append(track_id)
        self.within.append(within)
        self.meanwhile()
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


THE_SYSTEM = System()


def look(track_id: UUID, *, within: float) -> Look:
    return THE_SYSTEM.look(track_id, within=within)


@pytest.fixture
def system(settings: Any, monkeypatch: pytest.MonkeyPatch) -> System:
    """The system begins to be asked once the test has set the scene."""
    fresh = System()
    monkeypatch.setattr(f"{__name__}.THE_SYSTEM", fresh)
    settings.SOURCE_LOOK = f"{__name__}.look"
    return fresh


@pytest.fixture
def ask(clock: Clock) -> Ask:
    return asked()


def asked(**fields: Any) -> Ask:
    on = fields.pop("on", None) or TrackFactory(workspace=WorkspaceFactory(), source=RT)
    return AskFactory(track=on, notify=False, **fields)


@pytest.fixture
def me(ask: Ask, system: System) -> Person:
    person = Person()
    person.verify(ask)
    system.asked.clear()
    system.within.clear()
    return person


def cancel(ask: Ask) -> None:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason="Decided there.", actor=AGENT)


def supersede(ask: Ask) -> None:
    cancel(ask)
    asked(on=ask.track, prompt="Approve the newer rate?")


# -- who makes it look ----------------------------------------------------------------------------


def test_a_verified_browser_makes_it_look_for_two_seconds(
    ask: Ask, me: Person, system: System
) -> None:
    assert me.get(path_of(ask)).status == 200
    assert system.asked == [ask.track_id]
    assert WITHIN - 0.5 < system.within[0] <= WITHIN == 2.0


def test_nobody_else_does(ask: Ask, me: Person, system: System) -> None:
    stranger = Person()
    stranger.get(path_of(ask))
    form = me.get(path_of(ask)).form("/answer")
    system.asked.clear()
    assert me.client.head(path_of(ask)).status_code == 200
    token = stranger.get(path_of(ask)).forms[0].fields["csrfmiddlewaretoken"]
    refused = stranger.post(answer_path(ask), form.fields | {"csrfmiddlewaretoken": token})
    assert refused.status == 403
    assert system.asked == []


def test_nor_what_is_closed_or_an_agents(me: Person, ask: Ask, system: System) -> None:
    cancel(ask)
    me.get(path_of(ask))
    agents = AskFactory(notify=False)
    other = Person()
    other.verify(agents)
    assert other.answer(agents, value="true").status == 303
    assert system.asked == []


def test_nor_anything_where_no_function_is_named(ask: Ask, me: Person, settings: Any) -> None:
    settings.SOURCE_LOOK = None
    assert me.answer(ask, value="true").status == 303


# -- the page -------------------------------------------------------------------------------------


def test_the_page_shows_what_was_found(ask: Ask, me: Person, system: System) -> None:
    system.answers = Look(Freshness.LOOKED)
    system.meanwhile = lambda: supersede(ask)
    page = me.get(path_of(ask))
    assert "Approve the newer rate?" in page.text
    assert "is slow" not in page.text
    assert answer_path(Ask.objects.get(status="open")) in page.html
    assert Ask.objects.get(status="open").first_views.count() == 1


@pytest.mark.parametrize(
    ("freshness", "words"),
    [
        (Freshness.SLOW, "Request Tracker is slow to answer."),
        (Freshness.FAILED, "Request Tracker could not be reached."),
    ],
)
def test_a_system_that_does_not_answer_is_named(
    ask: Ask, me: Person, system: System, clock: Clock, freshness: Freshness, words: str
) -> None:
    system.answers = Look(freshness, clock.now - timedelta(minutes=18))
    page = me.get(path_of(ask))
    assert f"{words} What you see was read at 09:42." in page.text
    assert page.form("/answer")
    system.answers = Look(freshness)
    assert f"{words} What you see may have changed there." in me.get(path_of(ask)).text


def test_what_goes_wrong_in_looking_breaks_no_page(ask: Ask, me: Person, system: System) -> None:
    system.answers = RuntimeError("a bug above")
    page = me.get(path_of(ask))
    assert page.status == 200
    assert "Request Tracker could not be reached." in page.text
    assert me.answer(ask, value="true").status == 303


def test_reading_writes_nothing_of_its_own(ask: Ask, me: Person, system: System) -> None:
    me.get(path_of(ask))
    system.answers = SLOW
    with nothing_written():
        me.get(path_of(ask))


# -- the answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("freshness", list(Freshness))
def test_an_answer_is_taken_however_the_system_does(
    ask: Ask, me: Person, system: System, freshness: Freshness
) -> None:
    system.answers = Look(freshness)
    assert me.answer(ask, value="true").status == 303
    assert Decision.objects.get().value is True
    assert len(system.asked) == 2, "once to show it, once before it counted"


def test_what_was_decided_there_meanwhile_is_not_answered(
    ask: Ask, me: Person, system: System
) -> None:
    form = me.get(path_of(ask)).form("/answer")
    system.answers = Look(Freshness.LOOKED)
    system.meanwhile = lambda: cancel(ask)
    page = me.post(answer_path(ask), form.fields | {"value": "true"})
    assert page.status == 409
    assert "Your answer was not recorded. It came after this was settled." in page.text
    assert not Decision.objects.exists()


def test_what_changed_there_meanwhile_is_shown_instead(
    ask: Ask, me: Person, system: System
) -> None:
    form = me.get(path_of(ask)).form("/answer")
    system.answers = Look(Freshness.LOOKED)
    system.meanwhile = lambda: supersede(ask)
    page = me.post(answer_path(ask), form.fields | {"value": "true"})
    assert page.status == 409
    assert "Approve the newer rate?" in page.text
    assert not Decision.objects.exists()


# -- several at once ------------------------------------------------------------------------------


def test_a_batch_looks_at_each_within_two_seconds_together(clock: Clock, system: System) -> None:
    low = {"config": config_of("confirm") | {"risk": "low"}}
    workspace = WorkspaceFactory()
    tracks = [TrackFactory(workspace=workspace, source=source) for source in (RT, RT, None)]
    first, second, agents = (asked(on=track, **low) for track in tracks)
    person = Person()
    sign_in(person)
    review = post(
        person, "/queue/batch", {"ask": [each.public_id for each in (first, second, agents)]}
    )
    assert system.asked == [first.track_id, second.track_id]
    system.asked.clear()
    system.within.clear()
    system.answers = Look(Freshness.LOOKED)
    system.meanwhile = lambda: cancel(first) if len(system.asked) == 1 else None
    done = person.post("/queue/batch", batch_form(review, [first, second, agents], value="true"))
    assert done.status == 303
    assert system.asked == [first.track_id, second.track_id]
    assert 2.0 >= system.within[0] > system.within[1]
    decided = set(Decision.objects.values_list("ask_id", flat=True))
    assert decided == {second.pk, agents.pk}
    assert "it was closed before your answer" in person.get(done.location).text
