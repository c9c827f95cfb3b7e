"""Many tabs answer at once with different values: one answer counts."""

from functools import partial

import pytest

from approvals.models import Answer, Ask, Decision
from approvals.refusals import AlreadyDecided, AskNotOpen
from tests.clients import Agent, Browser
from tests.factories import AskFactory, answer, evidence_of, kinds
from tests.faults.racing import at_once, at_once_in_database, count
from tests.server import Outsider, Web

TABS = 100
THREADS = 50  # each has a database connection of its own


@pytest.fixture
def text_ask(shared_database: None) -> Ask:
    ask: Ask = AskFactory(kind="text", prompt="Which account?")
    return ask


def test_one_answer_counts_and_the_others_are_refused(text_ask: Ask) -> None:
    tabs = [
        partial(answer, text_ask, f"account {tab}", form_nonce=f"tab {tab}")
        for tab in range(THREADS)
    ]

    results = at_once_in_database(*tabs)

    assert count(results) == {"AskNotOpen": THREADS - 1, "Decision": 1}
    winner = next(each for each in results if isinstance(each, Decision))
    assert Answer.objects.get().value == winner.value
    assert Decision.objects.get() == winner
    assert kinds(text_ask.track)[-1] == "input_request.answered"
    assert kinds(text_ask.track).count("input_request.answered") == 1
    text_ask.refresh_from_db()
    refusals = [each for each in results if isinstance(each, AskNotOpen)]
    assert {each.members["ask_status"] for each in refusals} == {text_ask.status}


def test_one_form_sent_many_times_is_one_answer(text_ask: Ask) -> None:
    results = at_once_in_database(
        *[partial(answer, text_ask, "account 7", form_nonce="one form")] * 20
    )

    assert count(results) == {"Decision": 20}
    assert len({each.pk for each in results}) == 1
    assert kinds(text_ask.track).count("input_request.answered") == 1


def test_two_approvers_of_two_settle_it_once(shared_database: None) -> None:
    ask = AskFactory(approvers=["a@acme.com", "b@acme.com"], needed=2)
    seats = ask.seats.select_related("approver")
    calls = [
        partial(answer, ask, True, evidence=evidence, form_nonce=evidence.approver.address)
        for evidence in [evidence_of(seat.approver) for seat in seats]
    ]

    results = at_once_in_database(*calls)

    assert count(results) == {"Decision": 2}
    assert kinds(ask.track)[-3:] == ["ask.decided", "ask.decided", "input_request.answered"]


def test_one_approver_decides_a_seat_once_while_another_is_awaited(shared_database: None) -> None:
    ask = AskFactory(approvers=["a@acme.com", "b@acme.com"], needed=2)

    results = at_once_in_database(
        *[partial(answer, ask, True, form_nonce=f"tab {tab}") for tab in range(20)]
    )

    assert len([each for each in results if isinstance(each, Decision)]) == 1
    assert len([each for each in results if isinstance(each, AlreadyDecided)]) == 19
    assert kinds(ask.track)[-1] == "ask.decided"


def test_a_hundred_tabs_over_http(agent: Agent, web: Web, outsider: Outsider) -> None:
    ask = agent.ask(kind="text", prompt="Which account?")
    browser = Browser(web, outsider, ask["id"])
    forms = outsider.call("nonces", ask=ask["id"], count=TABS)
    tabs = [
        partial(browser.answer, f"account {tab}", form_nonce=nonce)
        for tab, nonce in enumerate(forms)
    ]

    results = at_once(*tabs)

    assert sorted(each.status_code for each in results) == [303] + [409] * (TABS - 1)
    answered = agent.http.get(f"/asks/{ask['id']}").json()
    winner = next(tab for tab, each in enumerate(results) if each.status_code == 303)
    assert answered["answer"]["value"] == f"account {winner}"
    refused = [each.text for each in results if each.status_code == 409]
    assert all("was not recorded" in page for page in refused)
