"""The queue: what it lists, and answering from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import handing_over
from approvals.models import Ask, Decision, Grant
from tests.api.refused import nothing_written
from tests.approvals.person import Person, answer_path, path_of
from tests.approvals.queue_person import sign_in, titles
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, WorkspaceFactory, answer, config_of
from tests.factories import someone as approver_at
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

STRANGER = "nobody@elsewhere.com"
CONFIRM = config_of("confirm")


@pytest.fixture
def ask(clock: Clock, workspace: Workspace) -> Ask:
    return asked(workspace)


@pytest.fixture
def person() -> Person:
    return Person()


def asked(workspace: Workspace, **fields: Any) -> Ask:
    on = fields.pop("on", {})
    fields.setdefault("timeout_seconds", 86_400)
    track = TrackFactory(workspace=workspace, **on)
    return AskFactory(track=track, notify=False, **fields)


# --- what waits -----------------------------------------------------------------------------------


def test_everything_on_this_server_is_listed_by_workspace_the_next_one_first(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    other = WorkspaceFactory(name="Northwind")
    soon, late = clock.now + timedelta(hours=2), clock.now - timedelta(hours=1)
    asked(workspace, prompt="Oldest?")
    asked(other, prompt="Due soon?", due_at=soon)
    asked(workspace, prompt="Overdue?", due_at=late)
    asked(other, prompt="Second in Northwind?")
    asked(other, prompt="Not for me?", on={"customer_email": "kim@acme.com"})
    answer(asked(workspace, prompt="Answered?"), True)
    asked(workspace, prompt="Expired?", timeout_seconds=1)
    clock.move(seconds=1)
    sign_in(person)
    page = person.get("/queue/")
    assert titles(page) == ["Overdue?", "Oldest?", "Due soon?", "Second in Northwind?"]
    assert "4 waiting for you" in page.text
    assert "1 overdue" in page.text
    assert page.text.index("Acme 2") < page.text.index("Northwind 2")
    assert "Overdue since Sun 22 Nov, 09:00 UTC" in page.text
    assert "Wanted by Sun 22 Nov, 12:00 UTC (in 119 minutes)" in page.text
    assert "Answer by Mon 23 Nov, 10:00 UTC (in 23 hours)" in page.text


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_the_calendar_are_shown_in_every_zone(
    workspace: Workspace, person: Person, clock: Clock, zone: str, year: int
) -> None:
    Workspace.objects.update(time_zone=zone)
    day = datetime(year, 1, 1, tzinfo=UTC) if year == 1 else datetime(year, 12, 31, 23, tzinfo=UTC)
    ask = asked(workspace, due_at=day)
    sign_in(person)
    assert "1 waiting for you" in person.get("/queue/").text
    assert person.get(path_of(ask)).status == 200


def test_a_line_says_from_whom_how_old_how_risky_and_for_whom(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    ask = asked(workspace, config=CONFIRM | {"risk": "high"}, on={"customer_email": "kim@acme.com"})
    handing_over.hand_over(
        ask_id=ask.pk,
        track_id=ask.track_id,
        giver=approver_at(workspace, "kim@acme.com"),
        to=CFO,
        reason="On leave.",
    )
    clock.move(hours=3)
    sign_in(person)
    text = person.get("/queue/").text
    assert "High risk From Bookkeeper Yes or no, asked 3 hours ago, for kim@acme.com" in text


def test_a_protected_request_shows_its_workspace_alone(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    ask = asked(
        workspace,
        prompt="Fire Dana?",
        config=CONFIRM | {"risk": "high"},
        due_at=clock.now - timedelta(hours=1),
        on={"password": "correct horse", "title": "Severance"},
    )
    sign_in(person)
    page = person.get("/queue/")
    assert titles(page) == ["Protected request from Acme"]
    assert "1 waiting for you" in page.text
    for word in ("Dana", "Severance", "High risk", "Bookkeeper", "verdue since", ask.public_id):
        assert word not in page.html
    for query in ("risk=high", "kind=confirm", "overdue=1", "source=Bookkeeper"):
        assert titles(person.get(f"/queue/?{query}")) == []
    assert titles(person.get("/queue/?workspace=Acme")) == ["Protected request from Acme"]
    locked = person.get(path_of(ask))
    assert "Fire Dana?" not in locked.html
    assert locked.form("/unlock")
    assert person.post(answer_path(ask), locked.form("/unlock").fields).status == 403
    person.send(locked, "/unlock", password="correct horse")
    assert person.get(path_of(ask)).text.count("Fire Dana?") == 1


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("risk=low", ["Low?"]),
        ("risk=high", ["Late?"]),
        ("kind=choice", ["Which?"]),
        ("overdue=1", ["Late?"]),
        ("workspace=Northwind", ["Which?"]),
        ("source=Bookkeeper&workspace=Acme", ["Late?", "Low?"]),
        ("source=Nobody", []),
        ("risk=low&overdue=1", []),
        ("risk=&kind=&unknown=1", ["Late?", "Low?", "Which?"]),
        ("workspace=" + "x" * 3000, []),
        ("workspace=%00", []),
    ],
)
def test_the_address_bar_filters(
    clock: Clock, workspace: Workspace, person: Person, query: str, listed: list[str]
) -> None:
    asked(workspace, prompt="Low?", config=CONFIRM | {"risk": "low"})
    late = clock.now - timedelta(hours=1)
    asked(workspace, prompt="Late?", config=CONFIRM | {"risk": "high"}, due_at=late)
    asked(WorkspaceFactory(name="Northwind"), prompt="Which?", kind="choice")
    sign_in(person)
    page = person.get(f"/queue/?{query}")
    assert (page.status, titles(page)) == (200, listed)


@pytest.mark.parametrize("query", ["risk=huge", "kind=1", "overdue=yes", "risk=%00"])
def test_a_filter_that_does_not_exist_is_refused(ask: Ask, person: Person, query: str) -> None:
    sign_in(person)
    page = person.get(f"/queue/?{query}")
    assert page.status == 422
    assert "There is no such filter." in page.text
    assert titles(page) == ["Approve the new rate?"]


def test_an_empty_queue_says_what_was_decided_last(ask: Ask, person: Person, clock: Clock) -> None:
    answer(ask, False)
    clock.move(minutes=5)
    sign_in(person)
    page = person.get("/queue/")
    assert "Nothing waiting" in page.text
    assert "Last decided: rejected, Sun 22 Nov, 10:00 UTC (5 minutes ago)" in page.text
    assert "Approve the new rate?" in page.text


def test_the_last_decision_on_a_protected_track_is_not_named(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    answer(asked(workspace, prompt="Fire Dana?", on={"password": "correct horse"}), True)
    sign_in(person)
    page = person.get("/queue/")
    assert "Protected request from Acme" in page.text
    assert "Dana" not in page.html


def test_an_empty_queue_of_somebody_who_never_decided(
    ask: Ask, person: Person, clock: Clock
) -> None:
    clock.move(hours=24)
    sign_in(person)
    assert "Nothing waiting When somebody asks you" in person.get("/queue/").text


def test_looking_changes_nothing(ask: Ask, person: Person) -> None:
    sign_in(person)
    with nothing_written():
        person.get("/queue/")
        person.get("/queue/away")
        person.get("/queue/batch")


def test_500_requests_take_as_many_queries_as_one(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    asked(workspace)
    sign_in(person)
    person.get("/queue/")
    with CaptureQueriesContext(connection) as one:
        person.get("/queue/")
    for number in range(499):
        asked(workspace, prompt=f"Pay invoice {number}?", config=CONFIRM | {"risk": "low"})
    with CaptureQueriesContext(connection) as many:
        page = person.get("/queue/")
    assert len(titles(page)) == 500
    assert (len(one), len(many)) == (4, 4)


# --- answering from it ----------------------------------------------------------------------------


def test_an_answer_from_the_queue_leads_to_the_next(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    first, second, third = (asked(workspace, prompt=f"Number {each}?") for each in "123")
    sign_in(person)
    assert "Everything that waits for you" in person.get(path_of(first)).text
    assert person.answer(first, value="true").status == 303
    page = person.get(path_of(first))
    assert "Next: Number 2? (2 left)" in page.text
    assert f'href="{path_of(second)}"' in page.html
    person.answer(second, value="false")
    assert "Next: Number 3? (1 left)" in person.get(path_of(second)).text
    person.answer(third, value="true")
    assert "Nothing else waits for you. Your queue" in person.get(path_of(third)).text
    decisions = Decision.objects.order_by("at", "pk")
    assert [each.value for each in decisions] == [True, False, True]
    assert {each.verified_by for each in decisions} == {"email_code"}
    assert {each.batch_id for each in decisions} == {None}


def test_who_is_signed_in_nowhere_sees_no_way_to_a_queue(ask: Ask, person: Person) -> None:
    person.verify(ask)
    person.answer(ask, value="true")
    assert "waits for you" not in person.get(path_of(ask)).text


def test_a_grant_of_the_queue_is_worth_nothing_where_the_address_is_not_asked(
    ask: Ask, workspace: Workspace, person: Person
) -> None:
    sign_in(person)
    for workspace_of_it in (workspace, WorkspaceFactory(name="Northwind")):
        other = asked(workspace_of_it, on={"customer_email": "kim@acme.com"})
        page = person.get(path_of(other))
        assert "kim@acme.com" not in page.html
        assert page.form("/code")
        with nothing_written():
            refused = person.post(answer_path(other), page.form("/code").fields)
        assert refused.status == 403


def test_se_09_high_risk_wants_a_fresh_proof_from_the_queue_too(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    ask = asked(workspace, config=CONFIRM | {"risk": "high"})
    sign_in(person)
    form = person.get(path_of(ask)).form("/answer")
    clock.move(minutes=15, milliseconds=1)
    assert "Show again that it’s you" in person.get(path_of(ask)).text
    refused = person.post(form.action, form.fields | {"value": "true", "confirmed": "1"})
    assert refused.status == 403
    assert not Decision.objects.exists()
    asked(workspace, prompt="And this?")
    person.verify(ask)
    assert person.answer(ask, value="true", confirmed="1").status == 303
    assert "Next: And this? (1 left)" in person.get(path_of(ask)).text


def test_se_04_a_revoked_grant_is_worth_nothing_at_once(ask: Ask, person: Person) -> None:
    sign_in(person)
    form = person.get(path_of(ask)).form("/answer")
    Grant.objects.update(revoked_at=Grant.objects.get().granted_at)
    assert person.post(form.action, form.fields | {"value": "true"}).status == 403
    assert not Decision.objects.exists()
