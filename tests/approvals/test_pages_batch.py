"""Answering several low-risk requests together: each seen, each recorded, none by surprise."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals import handing_over
from approvals.forms import new_nonce
from approvals.models import Ask, Decision, FirstView, Grant
from approvals.reassigning import reassign
from approvals.transitions import cancel_ask
from tests.api.refused import nothing_written
from tests.approvals.person import Page, Person, path_of
from tests.approvals.queue_person import batch_form, post, sign_in, titles
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    config_of,
    kinds,
    someone,
)
from tests.staff_actor import DANA, REASON
from tracks.models import Workspace
from tracks.transitions import update_track

pytestmark = pytest.mark.django_db

LOW = config_of("confirm") | {"risk": "low"}


@pytest.fixture
def asks(clock: Clock, workspace: Workspace) -> list[Ask]:
    return [asked(workspace, number) for number in (1, 2, 3)]


@pytest.fixture
def person(asks: list[Ask]) -> Person:
    person = Person()
    sign_in(person)
    return person


def asked(workspace: Workspace, number: int, **fields: Any) -> Ask:
    track = TrackFactory(workspace=workspace, **fields.pop("on", {}))
    content = {"prompt": f"Pay invoice {number}?", "config": LOW, "notify": False}
    return AskFactory(track=track, **content | fields)


def tick(person: Person, asks: list[Ask]) -> Page:
    return post(person, "/queue/batch", {"ask": [ask.public_id for ask in asks]})


def confirm(person: Person, review: Page, asks: list[Ask], value: str = "true") -> Page:
    return person.post("/queue/batch", batch_form(review, asks, value=value))


def result_of(person: Person, done: Page) -> str:
    assert done.status == 303
    assert done.location.startswith("/queue/batch?result=")
    return person.get(done.location).text


def test_only_low_risk_yes_or_no_can_be_ticked(
    person: Person, asks: list[Ask], workspace: Workspace
) -> None:
    asked(workspace, 4, config=LOW | {"risk": "medium"})
    asked(workspace, 5, config=config_of("confirm"))
    asked(workspace, 6, kind="choice", config=config_of("choice") | {"risk": "low"})
    asked(workspace, 7, on={"password": "correct horse"})
    page = person.get("/queue/")
    assert len(titles(page)) == 7
    ticks = [part.partition('"')[0] for part in page.html.split('name="ask" value="')[1:]]
    assert ticks == [ask.public_id for ask in asks]


def test_one_alone_is_no_batch(clock: Clock, workspace: Workspace) -> None:
    asked(workspace, 1)
    person = Person()
    sign_in(person)
    assert 'name="ask"' not in person.get("/queue/").html


def test_each_is_shown_whole_with_its_digest(workspace: Workspace, clock: Clock) -> None:
    shown = LOW | {
        "description": "The vendor is new.",
        "summary": {"Amount": "$12"},
        "details": "Line 1\nLine 2",
        "accept_label": "Pay it",
        "if_accepted": "It is in the Friday run.",
    }
    asks = [asked(workspace, number, config=shown) for number in (1, 2)]
    person = Person()
    sign_in(person)
    page = tick(person, asks)
    assert page.status == 200
    assert "Check 2 before they are recorded" in page.text
    for ask in asks:
        words = (ask.prompt, "The vendor is new.", "Amount $12", "Line 1 Line 2", "Friday run.")
        assert [word for word in words if word not in page.text] == []
        assert f"Shown text {ask.display_digest}" in page.text
        assert page.forms[-1].fields[f"digest_{ask.public_id}"] == ask.display_digest
    assert FirstView.objects.count() == 2
    assert not Decision.objects.exists()


@pytest.mark.parametrize(("value", "word"), [("true", "approved"), ("false", "rejected")])
def test_one_answer_each_with_one_batch_id(
    person: Person, asks: list[Ask], value: str, word: str
) -> None:
    done = confirm(person, tick(person, asks), asks, value)
    text = result_of(person, done)
    assert f"3 of 3 recorded: {word} by cfo@acme.com" in text
    assert text.count(f"Recorded: {word}") == 3
    decisions = Decision.objects.order_by("pk")
    assert [each.ask for each in decisions] == asks
    assert {each.value for each in decisions} == {value == "true"}
    assert len({each.batch_id for each in decisions}) == 1
    assert decisions[0].batch_id is not None
    assert {each.verified_by for each in decisions} == {"email_code"}
    assert {each.display_digest for each in asks} == {each.ask.display_digest for each in decisions}
    assert kinds(asks[0].track)[-1] == "input_request.answered"
    assert "Nothing waiting" in person.get("/queue/").text


def test_what_was_settled_since_it_was_ticked_is_left_out_and_shown(
    person: Person, asks: list[Ask]
) -> None:
    answer(asks[0], False)
    cancel_ask(ask_id=asks[1].pk, workspace_id=asks[1].workspace_id, reason=None, actor=AGENT)
    page = tick(person, asks)
    assert page.status == 200
    assert "Check 1 before it is recorded" in page.text
    assert "Pay invoice 1? Not recorded: it was decided already" in page.text
    assert "Pay invoice 2? Not recorded: it was closed before your answer" in page.text
    assert [name for name in page.forms[-1].fields if name.startswith("nonce_")] == [
        f"nonce_{asks[2].public_id}"
    ]


def test_a_batch_of_which_nothing_is_left_is_refused(person: Person, asks: list[Ask]) -> None:
    for ask in asks:
        answer(ask, True)
    with nothing_written():
        page = tick(person, asks)
    assert page.status == 409
    assert "Nothing left to answer" in page.text


def test_what_was_settled_since_it_was_looked_at_is_said_one_by_one(
    person: Person, asks: list[Ask], clock: Clock
) -> None:
    review = tick(person, asks)
    answer(asks[0], False)
    cancel_ask(ask_id=asks[1].pk, workspace_id=asks[1].workspace_id, reason=None, actor=AGENT)
    text = result_of(person, confirm(person, review, asks))
    assert "1 of 3 recorded: approved" in text
    assert "Pay invoice 1? Not recorded: it was decided already" in text
    assert "Pay invoice 2? Not recorded: it was closed before your answer" in text
    assert "Pay invoice 3? Recorded: approved" in text
    assert [each.ask for each in Decision.objects.filter(batch_id__isnull=False)] == [asks[2]]


@pytest.fixture
def taken(asks: list[Ask]) -> Callable[[], str]:
    """Let staff give the first to somebody else."""

    def take() -> str:
        reassign(
            ask_id=asks[0].pk,
            track_id=asks[0].track_id,
            seat_id=asks[0].seats.get().pk,
            to="kim@acme.com",
            reason=REASON,
            actor=DANA,
        )
        return "Pay invoice 1? Not recorded: somebody else is asked instead of you"

    return take


@pytest.fixture
def hidden(asks: list[Ask]) -> Callable[[], str]:
    """Let the agent protect the first; its question must not be read without the password."""

    def hide() -> str:
        update_track(
            track_id=asks[0].track_id,
            workspace_id=asks[0].workspace_id,
            changes={"password": "correct horse"},
            actor=AGENT,
        )
        return (
            f"Protected request from {asks[0].workspace.name} Not recorded: it cannot be answered"
            " together with others. Open its own page."
        )

    return hide


@pytest.mark.parametrize("change", ["taken", "hidden"])
def test_what_is_not_to_be_answered_any_more_holds_up_no_other(
    person: Person, asks: list[Ask], change: str, request: pytest.FixtureRequest
) -> None:
    review = tick(person, asks)
    words = request.getfixturevalue(change)()
    text = result_of(person, confirm(person, review, asks))
    assert "2 of 3 recorded: approved" in text
    assert words in text
    assert {each.ask for each in Decision.objects.all()} == set(asks[1:])


@pytest.mark.parametrize("change", ["taken", "hidden"])
def test_what_is_not_to_be_answered_any_more_is_left_out_of_the_review(
    person: Person, asks: list[Ask], change: str, request: pytest.FixtureRequest
) -> None:
    words = request.getfixturevalue(change)()
    page = tick(person, asks)
    assert page.status == 200
    assert "Check 2 before they are recorded" in page.text
    assert f"Left out {words}" in page.text
    assert f"nonce_{asks[0].public_id}" not in page.html


def test_a_question_that_was_protected_since_is_not_read_on_the_result(
    person: Person, asks: list[Ask], hidden: Callable[[], str]
) -> None:
    done = confirm(person, tick(person, asks), asks)
    hidden()
    text = result_of(person, done)
    assert f"Protected request from {asks[0].workspace.name} Recorded: approved" in text
    assert "Pay invoice 1?" not in text


def test_the_deadline_wins(person: Person, asks: list[Ask], clock: Clock) -> None:
    review = tick(person, asks)
    clock.move(minutes=30)
    page = confirm(person, review, asks)
    assert page.status == 409
    assert "Nothing was recorded" in page.text
    assert page.text.count("Not recorded: it was closed before your answer") == 3
    assert not Decision.objects.exists()
    assert {ask.status for ask in Ask.objects.all()} == {"timeout"}


def test_what_is_not_what_was_looked_at_is_not_recorded(
    person: Person, asks: list[Ask], workspace: Workspace
) -> None:
    review = tick(person, asks)
    Workspace.objects.filter(pk=workspace.pk).update(name="Acme Holding")  # on every card
    with nothing_written():
        page = confirm(person, review, asks)
    assert page.status == 409
    assert page.text.count("Not recorded: it is not what you looked at.") == 3


@pytest.mark.parametrize("wrong", ["digest", "nonce", "no digest", "no nonce", "anothers nonce"])
def test_ai_09_a_form_that_we_did_not_make_records_nothing(
    person: Person, asks: list[Ask], wrong: str
) -> None:
    data = batch_form(tick(person, asks), asks, value="true")
    name = f"{wrong.split()[-1]}_{asks[0].public_id}"
    if wrong.startswith("no "):
        del data[name]
    elif wrong == "anothers nonce":
        data[name] = data[f"nonce_{asks[1].public_id}"]
    else:
        data[name] = "sha256:" + "0" * 64
    text = result_of(person, person.post("/queue/batch", data))
    assert "2 of 3 recorded: approved" in text
    assert "Pay invoice 1? Not recorded: it is not what you looked at." in text
    assert {each.ask for each in Decision.objects.all()} == set(asks[1:])


def test_the_same_form_twice_is_one_answer_each(person: Person, asks: list[Ask]) -> None:
    review = tick(person, asks)
    first = result_of(person, confirm(person, review, asks))
    with nothing_written():
        second = result_of(person, confirm(person, review, asks))
        other = confirm(person, review, asks, "false")
    assert first == second
    assert other.status == 409
    assert other.text.count("Not recorded: it was decided already") == 3


def test_ai_06_buttons_that_may_mislead_are_left_out(
    person: Person, asks: list[Ask], workspace: Workspace
) -> None:
    labels = {"accept_label": "Decline", "reject_label": "Approve"}
    odd = asked(workspace, 9, config=LOW | labels)
    page = tick(person, [*asks, odd])
    assert "Pay invoice 9? Not recorded: it is not what you looked at." in page.text
    assert f"nonce_{odd.public_id}" not in page.html


def test_several_workspaces_and_seats_are_answered_in_one_go(
    person: Person, asks: list[Ask], workspace: Workspace, clock: Clock
) -> None:
    other = asked(WorkspaceFactory(name="Northwind"), 4)
    shared = asked(workspace, 5, on={"customer_email": None}, approvers=[CFO, "kim@acme.com"],
                   needed=2)  # fmt: skip
    passed = asked(workspace, 6, on={"customer_email": "kim@acme.com"})
    handing_over.hand_over(
        ask_id=passed.pk,
        track_id=passed.track_id,
        giver=someone(workspace, "kim@acme.com"),
        to=CFO,
        reason="On leave.",
    )
    batch = [other, shared, passed]
    review = tick(person, batch)
    assert "You act for kim@acme.com" in review.text
    assert "3 of 3 recorded: approved" in result_of(person, confirm(person, review, batch))
    assert [each.seat.approver.address for each in Decision.objects.order_by("pk")] == [
        CFO,
        CFO,
        "kim@acme.com",
    ]
    shared.refresh_from_db()
    assert shared.status == "open"  # it waits for Kim


def test_one_that_this_seat_has_decided_is_left_out(
    person: Person, asks: list[Ask], workspace: Workspace
) -> None:
    shared = asked(workspace, 5, on={"customer_email": None}, approvers=[CFO, "kim@acme.com"],
                   needed=2)  # fmt: skip
    answer(shared, True)
    page = tick(person, [asks[0], shared])
    assert "Pay invoice 5? Not recorded: it was decided already" in page.text


def test_25_are_the_most(person: Person, asks: list[Ask], workspace: Workspace) -> None:
    more = [*asks, *(asked(workspace, number) for number in range(4, 27))]
    with nothing_written():
        page = tick(person, more)
    assert (len(more), page.status) == (26, 422)
    assert "At most 25 requests can be answered together." in page.text
    assert tick(person, more[:25]).status == 200


@pytest.mark.parametrize("ids", [[], [""], ["x"], ["ask_" + "0" * 32], ["\0"], ["trk_1"] * 3])
def test_what_cannot_be_a_request_is_refused(
    person: Person, asks: list[Ask], ids: list[str]
) -> None:
    with nothing_written():
        page = post(person, "/queue/batch", {"ask": ids, "value": "true"})
    assert page.status == (404 if ids else 422)


def test_somebody_elses_request_is_not_found(
    person: Person, asks: list[Ask], workspace: Workspace
) -> None:
    foreign = asked(workspace, 8, on={"customer_email": "kim@acme.com"})
    with nothing_written():
        assert tick(person, [asks[0], foreign]).status == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"config": LOW | {"risk": "medium"}},
        {"config": LOW | {"risk": "high"}},
        {"config": config_of("confirm")},
        {"kind": "choice", "config": config_of("choice") | {"risk": "low"}},
        {"kind": "text", "config": config_of("text") | {"risk": "low"}},
        {"on": {"password": "correct horse"}},
    ],
)
def test_nothing_but_low_risk_yes_or_no_is_taken(
    person: Person, asks: list[Ask], workspace: Workspace, fields: dict[str, Any]
) -> None:
    heavy = asked(workspace, 8, **fields)
    page = tick(person, [*asks, heavy])
    assert "Check 3 before they are recorded" in page.text
    assert "Not recorded: it cannot be answered together with others." in page.text
    assert f"nonce_{heavy.public_id}" not in page.html
    with nothing_written():
        data = batch_form(page, [heavy], value="true")
        data |= {
            f"nonce_{heavy.public_id}": new_nonce(heavy, Grant.objects.get()),
            f"digest_{heavy.public_id}": heavy.display_digest,
        }
        done = person.post("/queue/batch", data)
    assert done.status == 409
    assert "Not recorded: it cannot be answered together with others." in done.text


@pytest.mark.parametrize("value", ["", "yes", "True", "1"])
def test_a_value_is_one_of_two(person: Person, asks: list[Ask], value: str) -> None:
    review = tick(person, asks)
    with nothing_written():
        page = confirm(person, review, asks, value)
    assert page.status == 422
    assert "Choose one of the two answers." in page.text


def test_a_result_is_shown_to_whom_it_belongs(
    person: Person, asks: list[Ask], workspace: Workspace
) -> None:
    asked(workspace, 8, on={"customer_email": "kim@acme.com"})
    done = confirm(person, tick(person, asks), asks)
    kim = Person()
    assert kim.get(done.location).status == 403
    sign_in(kim, "kim@acme.com")
    assert kim.get(done.location).status == 404
    assert person.get(done.location[:-1]).status == 404
    assert person.get("/queue/batch?result=x").status == 404
    assert person.get("/queue/batch").location == "/queue/"


def test_after_signing_in_again_an_old_form_records_nothing(
    person: Person, asks: list[Ask], clock: Clock
) -> None:
    review = tick(person, asks)
    post(person, "/queue/sign-out", {})
    with nothing_written():
        assert confirm(person, review, asks).status == 403
    clock.move_to(clock.now + timedelta(minutes=1))
    sign_in(person)
    data = batch_form(review, asks, value="true")
    with nothing_written():
        page = post(person, "/queue/batch", data)
    assert page.status == 409
    assert path_of(asks[0]) in page.html
