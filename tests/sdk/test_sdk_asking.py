"""How a question is put: every field, and the key."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sayso import (
    AlreadyAwaiting,
    ConnectionFailed,
    Invalid,
    RequiresCustomerEmail,
    Sayso,
)
from sayso._asking import displayed, question

OPTIONS = {
    "timeout_seconds": 86400,
    "key": "pay-7",
    "approvers": ["cfo@acme.com", "ceo@acme.com"],
    "needed": 2,
    "notify": False,
    "due_at": "2026-11-23T09:00:00Z",
    "escalate_to": ["ceo@acme.com"],
    "escalate_after_seconds": 3600,
    "delegation": "none",
    "action_digest": "sha256:00",
}
DISPLAY = {
    "description": "Why",
    "summary": {"Previous rate": "$2,400", "New rate": "$2,592"},
    "details": "Much\nmore",
    "risk": "high",
}
LABELS = {
    "accept_label": "Approve the new rate",
    "reject_label": "Hold for negotiation",
    "if_accepted": "47 payments are made.",
    "if_rejected": "Nothing is paid.",
}


@pytest.fixture
def wire(server, answered):
    """A track on a scripted server, and a function that makes one ask and returns its body."""
    server.will(server.answer({"id": "trk_1", "seq": 1}, 201))
    track = Sayso("sk_live_x", server.base_url).create_track("Invoices")

    def body_of(ask):
        server.will(server.answer(answered, 201))
        ask(track)
        assert server.requests[-1]["path"] == "/api/v1/tracks/trk_1/asks"
        return json.loads(server.requests[-1]["body"])

    return body_of


def without_key(body):
    assert body.pop("key").startswith("sdk-")
    return body


def test_confirm_takes_every_field(wire):
    body = wire(lambda track: track.confirm(prompt="Pay?", **LABELS, **DISPLAY, **OPTIONS))
    assert body == {
        "kind": "confirm", "prompt": "Pay?", "config": {**DISPLAY, **LABELS}, **OPTIONS,
    }  # fmt: skip


def test_ask_text_takes_every_field(wire):
    body = wire(lambda track: track.ask_text("IBAN?", validate="short", **DISPLAY, **OPTIONS))
    config = {**DISPLAY, "validate": "short"}
    assert body == {"kind": "text", "prompt": "IBAN?", "config": config, **OPTIONS}


def test_choice_takes_every_field(wire):
    options = [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]
    body = wire(lambda track: track.choice("Which?", options, **DISPLAY, **OPTIONS))
    config = {**DISPLAY, "options": options}
    assert body == {"kind": "choice", "prompt": "Which?", "config": config, **OPTIONS}


@pytest.mark.parametrize("options", [{"a": "A", "b": "B"}, [{"value": "a", "label": "A"}, "b"]])
def test_options_may_be_written_in_short(wire, options):
    body = wire(lambda track: track.choice("Which?", options=options))
    first, second = body["config"]["options"]
    assert first == {"value": "a", "label": "A"}
    assert second["value"] == "b"


def test_ask_sends_the_config_as_it_is(wire):
    config = {"risk": "low", "options": [{"value": "a", "label": "A"}]}
    body = wire(
        lambda track: track.ask(kind="choice", prompt="?", config=config, timeout_seconds=60)
    )
    assert without_key(body) == {
        "kind": "choice", "prompt": "?", "config": config, "timeout_seconds": 60,
    }  # fmt: skip


def test_what_is_not_given_is_left_to_the_server(wire):
    body = wire(lambda track: track.confirm("Pay?", risk=None, timeout_seconds=None))
    assert without_key(body) == {"kind": "confirm", "prompt": "Pay?", "config": {}}


def test_a_summary_of_pairs_stays_pairs(wire):
    body = wire(lambda track: track.confirm("Pay?", summary=[("To", "Acme"), ("Sum", "$5")]))
    assert body["config"]["summary"] == [["To", "Acme"], ["Sum", "$5"]]


def test_one_address_may_be_given_as_it_is(wire):
    body = wire(lambda track: track.confirm("Pay?", approvers="a@b.c", escalate_to=("d@e.f",)))
    assert (body["approvers"], body["escalate_to"]) == (["a@b.c"], ["d@e.f"])


def test_a_due_time_is_sent_in_utc(wire):
    due = datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert wire(lambda track: track.confirm("Pay?", due_at=due))["due_at"] == (
        "2026-11-23T09:00:00.000Z"
    )


def test_a_due_time_without_a_zone_is_refused_before_anything_is_sent(fake, track):
    with pytest.raises(ValueError, match="due_at needs a time zone"):
        track.confirm("Pay?", due_at=datetime(2026, 11, 23, 10, 0))  # noqa: DTZ001
    assert fake.asks == []


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda track: track.confirm("Pay?", validate="short"), "a confirm ask has no validate"),
        (lambda track: track.ask_text("Why?", accept_label="Y"), "a text ask has no accept_label"),
        (lambda track: track.choice("Which?", {}, if_accepted="x"), "a choice ask has no if_acc"),
        (lambda track: track.ask("confirm", "Pay?", risk="low"), "a confirm ask has no risk"),
        (lambda track: track.confirm("Pay?", acept_label="Y"), "a confirm ask has no acept_label"),
    ],
)
def test_a_keyword_of_another_kind_is_a_type_error(fake, track, call, name):
    with pytest.raises(TypeError, match=name):
        call(track)
    assert fake.asks == []


def test_what_the_server_refuses_names_the_field(track):
    with pytest.raises(Invalid) as raised:
        track.ask("confirm", "Pay?", {"colour": "red"})
    assert raised.value.errors[0]["field"] == "config.colour"


def test_without_anybody_to_ask_it_is_refused(client):
    with pytest.raises(RequiresCustomerEmail):
        client.create_track("Invoices").confirm("Pay?")


# Keys


def keys(fake):
    return [ask["key"] for ask in fake.asks]


def test_a_derived_key_comes_from_track_ordinal_and_content():
    asked = displayed("confirm", "Pay?", {"risk": "high"})
    same = displayed("confirm", "Pay?", {"risk": "high"})
    other = displayed("confirm", "Pay?", {"risk": "low"})
    key = asked.key_on("trk_1", 0)
    assert key == "sdk-136de588a9849b208d25ec7a58355f2e6dc61d5fe7b95950233bcbebc44bf8ad"
    assert same.key_on("trk_1", 0) == key
    assert (
        len({key, asked.key_on("trk_2", 0), asked.key_on("trk_1", 1), other.key_on("trk_1", 0)})
        == 4
    )


def test_a_derived_key_does_not_depend_on_the_order_of_keywords():
    one = displayed(
        "confirm", "Pay?", {"risk": "high", "details": "x", "needed": 1, "notify": True}
    )
    two = displayed(
        "confirm", "Pay?", {"notify": True, "needed": 1, "details": "x", "risk": "high"}
    )
    assert one.key_on("trk_1", 0) == two.key_on("trk_1", 0)


def test_the_order_of_a_summary_is_content():
    one = question("confirm", "Pay?", {"summary": {"a": "1", "b": "2"}}, {})
    two = question("confirm", "Pay?", {"summary": {"b": "2", "a": "1"}}, {})
    assert one.key_on("trk_1", 0) != two.key_on("trk_1", 0)


def test_the_same_question_twice_is_asked_twice(fake, track):
    fake.answer_with(True)
    fake.answer_with(False)
    assert [track.confirm("Pay?").value, track.confirm("Pay?").value] == [True, False]
    assert len(set(keys(fake))) == 2


def test_a_restarted_agent_gets_the_same_asks_and_answers(fake, client):
    def agent():
        track = client.create_track("Invoices", customer_email="a@b.c", external_id="batch-7")
        return [
            track.confirm("Pay?").value,
            track.confirm("Pay?").value,
            track.ask_text("Why?").value,
        ]

    for value in (True, False, "Because"):
        fake.answer_with(value)
    first = agent()
    assert first == [True, False, "Because"]
    assert agent() == first
    assert len(fake.asks) == 3


def test_a_restarted_agent_takes_up_the_ask_that_is_open(fake, client, run_in_thread):
    def agent():
        track = client.create_track("Invoices", customer_email="a@b.c", external_id="batch-7")
        return track.confirm("Pay?")

    before = run_in_thread(agent)
    ask = fake.wait_for_ask()
    after = run_in_thread(agent)
    fake.answer(ask["id"], True)
    assert before().ask.id == after().ask.id == ask["id"]


def test_a_key_finds_its_ask_in_any_order(fake, client, track):
    fake.answer_with(True)
    fake.answer_with(False)
    asked = [track.confirm("Pay A?", key="a").value, track.confirm("Pay B?", key="b").value]
    again = client.tracks.get(track.id)
    assert [again.confirm("Pay B?", key="b").value, again.confirm("Pay A?", key="a").value] == [
        False, True,
    ]  # fmt: skip
    assert (asked, keys(fake)) == ([True, False], ["a", "b"])


def test_a_key_with_another_content_is_refused(fake, track):
    fake.answer_with(True)
    track.confirm("Pay A?", key="a")
    with pytest.raises(Invalid) as raised:
        track.confirm("Pay B?", key="a")
    assert raised.value.code == "idempotency_mismatch"


def test_a_refused_ask_does_not_count(fake, client, track):
    """An agent that catches a refusal and goes on has, after a restart, the same keys as before."""
    with pytest.raises(Invalid):
        track.ask("confirm", "Pay?", {"colour": "red"})
    fake.answer_with(True)
    track.confirm("Pay?")
    client.tracks.get(track.id).confirm("Pay?")
    assert len(fake.asks) == 1


def test_an_ask_of_which_nothing_was_heard_is_found_by_the_same_call(
    server, ask_json, answered, quick
):
    server.will(server.answer({"id": "trk_1", "seq": 1}, 201), *[server.drop] * 8)
    track = Sayso("sk_live_x", server.base_url).create_track("Invoices")
    with pytest.raises(ConnectionFailed):
        track.confirm("Pay?")
    server.will(server.answer(answered, 200))
    assert track.confirm("Pay?").approved
    sent = [json.loads(request["body"])["key"] for request in server.requests[1:]]
    assert len(sent) == 9
    assert len(set(sent)) == 1


def test_an_ask_that_was_opened_counts_even_if_nobody_waited_for_it(fake, track):
    track.open_ask("confirm", "Pay?").cancel()
    track.open_ask("confirm", "Pay?")
    assert [ask["status"] for ask in fake.asks] == ["cancelled", "open"]


def test_many_threads_asking_at_once_open_one_ask_and_use_up_one_number(fake, track, run_in_thread):
    def ask():
        try:
            return track.open_ask("confirm", "Pay?").id
        except AlreadyAwaiting as refusal:
            return f"no, {refusal.open_ask_id} is open"

    outcomes = [result() for result in [run_in_thread(ask) for _ in range(20)]]
    [opened] = fake.asks
    assert sorted(outcomes) == [opened["id"], *[f"no, {opened['id']} is open"] * 19]
    assert track._ordinals._next - len(track._ordinals._returned) == 1


def test_now_is_a_fine_due_time(fake, track):
    track.open_ask("confirm", "Pay?", due_at=datetime.now(UTC))
    assert fake.asks[0]["due_at"].endswith("Z")
