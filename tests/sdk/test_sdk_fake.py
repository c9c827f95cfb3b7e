"""`sayso.testing`: what it promises to those who test their agents with it."""

import threading

import pytest
import sayso.testing
from sayso import (
    ConnectionFailed,
    Invalid,
    NotFound,
    RequiresCustomerEmail,
    Sayso,
    _requests,
)
from sayso.testing import FakeSayso


def test_plans_are_followed_in_order_one_ask_each(fake, track):
    fake.answer_with(True, comment="Fine.", answered_by="ceo@acme.com")
    fake.timeout_next()
    fake.cancel_next("Enough.")
    answers = [track.confirm("A?"), track.confirm("B?"), track.confirm("C?")]
    assert [answer.status for answer in answers] == ["answered", "timeout", "cancelled"]
    assert (answers[0].comment, answers[0].answered_by) == ("Fine.", "ceo@acme.com")
    assert answers[2].ask.cancel_reason == "Enough."


def test_an_ask_opened_before_the_plan_is_left_alone(fake, client, track):
    ask = track.open_ask("confirm", "Pay?")
    fake.answer_with(True)
    assert ask.refresh().status == "open"
    other = client.create_track("Other", customer_email="a@b.c")
    assert other.confirm("Pay?").approved
    assert ask.refresh().status == "open"


def test_plans_go_on_with_the_successors_of_an_escalation(fake, track):
    fake.timeout_next()
    fake.answer_with(True)
    answer = track.confirm("Pay?", escalate_to=["ceo@acme.com"])
    assert (answer.approved, answer.answered_by) == (True, "ceo@acme.com")


def test_an_escalation_may_come_before_the_deadline(fake, track):
    ask = track.open_ask("confirm", "Pay?", escalate_to=["ceo@acme.com"], escalate_after_seconds=1)
    assert ask.wait(timeout=1.1).status == "open"
    assert ask.approvers == ["ceo@acme.com"]
    assert [ask["status"] for ask in fake.asks] == ["timeout", "open"]


@pytest.mark.parametrize(
    ("kind", "config", "value"),
    [
        ("confirm", {}, "yes"),
        ("text", {}, True),
        ("choice", {"options": [{"value": "a", "label": "A"}]}, "b"),
    ],
)
def test_an_answer_that_no_person_could_give_is_a_mistake_in_the_test(
    fake, track, kind, config, value
):
    ask = track.open_ask(kind, "?", config)
    with pytest.raises(ValueError, match=f"a {kind} ask cannot be answered with"):
        fake.answer(ask.id, value)
    assert fake.asks[0]["status"] == "open"


def test_a_closed_ask_cannot_be_closed_again(fake, track):
    ask = track.open_ask("confirm", "Pay?")
    fake.timeout(ask.id)
    for act in (lambda: fake.answer(ask.id, True), lambda: fake.cancel(ask.id)):
        with pytest.raises(ValueError, match="is timeout"):
            act()


def test_a_plan_that_does_not_fit_fails_the_call(fake, track):
    """The agent's call must not hang because the test is wrong."""
    fake.answer_with("yes")
    with pytest.raises(Invalid, match="a confirm ask cannot be answered with 'yes'"):
        track.confirm("Pay?")


def test_waiting_for_an_ask_that_never_comes_ends(fake):
    with pytest.raises(TimeoutError, match=r"No ask was opened within 0\.05 s"):
        fake.wait_for_ask(timeout=0.05)


def test_what_happened_can_be_looked_at(fake, track):
    fake.answer_with(False)
    track.confirm("Pay?", risk="high")
    track.fail("No")
    [ask], [shown] = fake.asks, fake.tracks
    assert (ask["prompt"], ask["config"]["risk"], ask["answer"]["value"]) == ("Pay?", "high", False)
    assert (shown["status"], shown["failure"]) == ("failed", {"reason": "No", "retryable": False})


def test_what_is_looked_at_does_not_change_afterwards(fake, track):
    before = fake.tracks[0]
    track.complete()
    assert before["status"] == "active"


def test_it_refuses_like_the_server(fake, client, track):
    with pytest.raises(Invalid, match="There is no such field"):
        track.ask("confirm", "Pay?", {"colour": "red"})
    with pytest.raises(Invalid, match="This field is required"):
        track.confirm("  ")
    with pytest.raises(Invalid, match="It must be confirm, text or choice"):
        track.ask("rank", "Which?")
    with pytest.raises(Invalid, match="A choice needs options"):
        track.ask("choice", "Which?")
    with pytest.raises(Invalid, match="cannot be an approver"):
        client.create_track("x", requester="a@b.c").confirm("Pay?", approvers=["a@b.c"])
    with pytest.raises(RequiresCustomerEmail):
        client.create_track("x").confirm("Pay?")
    with pytest.raises(NotFound):
        client.asks.get("ask_none")
    assert fake.asks == []


def test_a_replay_has_no_second_effect(fake, track):
    send = _requests.log_action(track.id, "Once", None)
    first, second = track._driver.fetch(send), track._driver.fetch(send)
    assert first == second
    assert [event.type for event in track.events()] == ["track.created", "action.logged"]


def test_the_lists_filter(fake, client, track):
    asks = {
        "confirm": track.open_ask("confirm", "Pay?", {"risk": "high"}),
        "text": client.create_track("x").open_ask("text", "Why?", approvers=["ceo@acme.com"]),
    }
    fake.answer(asks["text"].id, "Because")

    def listed(**filters):
        return [ask.kind for ask in client.asks.list(**filters)]

    assert listed(risk="high") == ["confirm"]
    assert listed(approver="CEO@acme.com") == ["text"]
    assert listed(status="answered") == ["text"]
    assert listed(kind="confirm", track=track.id) == ["confirm"]
    assert next(client.tracks.list(status="active")).id == track.id


def test_closing_it_cuts_every_connection(quick):
    with FakeSayso() as fake:
        client = Sayso(fake.api_key, fake.base_url, max_retries=1)
        client.usage()
    with pytest.raises(ConnectionFailed):
        client.usage()


def test_closing_it_leaves_no_thread_that_serves(fake):
    before = threading.active_count()
    with FakeSayso() as other, Sayso(other.api_key, other.base_url) as client:
        client.usage()
    assert threading.active_count() <= before + 1


def test_the_example_in_its_docstring_works(tmp_path):
    """The fixture and the test from the docstring, with an agent to go with it."""
    doc = sayso.testing.__doc__
    example = doc[doc.index("    import pytest") : doc.index("What it simulates")]
    agent = (
        "    def pay_invoices(client):\n"
        "        track = client.create_track('x', customer_email='a@b.c')\n"
        "        track.complete() if track.confirm('Pay?').approved else track.fail('No')\n"
    )
    names = {}
    lines = (agent + example).replace("@pytest.fixture", "").splitlines()
    exec("\n".join(line[4:] for line in lines), names)
    [fake] = names["fake"]()
    assert fake is not None
