"""The wait, step by step, with a clock that moves only when the test says."""

import json

import pytest
from sayso import ConnectionFailed, NotFound, Unauthorized, _clock
from sayso._asking import wait_for_answer
from sayso._protocol import Reply, Send
from sayso._waiting import Watch, wait

BACKOFF = [0.075, 0.15, 0.3, 0.6, 1.2, 2.4, 3.75, 3.75]


@pytest.fixture
def watch(ask_json):
    return Watch(ask_json())


def test_an_open_ask_is_polled_for_25_seconds_at_a_time(
    stage, session, watch, ok, ask_json, answered
):
    stage.play(wait(session, watch), (25, ok(ask_json())), (7, ok(answered)))
    assert watch.ask == answered
    assert stage.steps == [
        Send("GET", "/api/v1/asks/ask_1?wait=25", timeout=35.0),
        Send("GET", "/api/v1/asks/ask_1?wait=25", timeout=35.0),
    ]


@pytest.mark.parametrize("status", ["answered", "timeout", "cancelled"])
def test_a_closed_ask_is_not_asked_about(stage, session, ask_json, status):
    stage.play(wait(session, Watch(ask_json(status=status))))
    assert stage.steps == []


def test_the_first_retry_is_quick_and_the_pauses_grow_to_a_cap(
    stage, session, watch, ok, lost, answered
):
    stage.play(wait(session, watch), *[lost] * 8, ok(answered))
    assert stage.pauses == BACKOFF


def test_jitter_keeps_the_first_retry_within_50_to_100_ms_and_all_below_5_s(
    monkeypatch, stage, session, ask_json, ok, lost, answered
):
    for factor, first, longest in ((0, 0.05, 2.5), (1, 0.1, 5.0)):
        monkeypatch.setattr(
            "sayso._retrying.random.uniform", lambda low, high, f=factor: low + f * (high - low)
        )
        stage.steps.clear()
        stage.play(wait(session, Watch(ask_json())), *[lost] * 8, ok(answered))
        assert (stage.pauses[0], stage.pauses[-1]) == (first, longest)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_server_that_fails_is_waited_out(stage, session, watch, ok, refusal, answered, status):
    stage.play(wait(session, watch), refusal(status, "unavailable"), ok(answered))
    assert (watch.ask["status"], stage.pauses) == ("answered", [0.075])


def test_what_a_proxy_says_in_its_place_is_waited_out(stage, session, watch, ok, answered):
    pages = [
        Reply(404, {}, b"default backend - 404"),
        Reply(200, {}, b"<h1>Back soon</h1>"),
        Reply(301, {"location": "https://login.acme.com"}, b""),
        Reply(401, {}, b"[]"),
    ]
    stage.play(wait(session, watch), *pages, ok(answered))
    assert (watch.ask["status"], stage.pauses) == ("answered", BACKOFF[:4])


def test_after_a_reply_the_pauses_start_afresh(stage, session, watch, ok, lost, ask_json, answered):
    outcomes = [lost, lost, (25, ok(ask_json())), lost, (1, ok(answered))]
    stage.play(wait(session, watch), *outcomes)
    assert stage.pauses == [0.075, 0.15, 0.075]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(stage, session, watch, ok, refusal, answered, status):
    replies = [refusal(status, "rate_limited", {"retry-after": "7"}), ok(answered)]
    stage.play(wait(session, watch), *replies)
    assert stage.pauses == [7.0]


def test_a_retry_after_may_be_a_date(stage, session, watch, ok, refusal, answered):
    date = "Sun, 22 Nov 2026 12:00:09 GMT"
    stage.play(
        wait(session, watch), refusal(429, "rate_limited", {"retry-after": date}), ok(answered)
    )
    assert stage.pauses == [9.0]


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (404, NotFound)])
def test_sayso_itself_can_end_a_wait(stage, session, watch, refusal, status, error):
    with pytest.raises(error):
        stage.play(wait(session, watch), refusal(status, "x"))
    assert stage.pauses == []


def test_an_outage_is_endured_until_the_deadline_and_the_grace_beyond(stage, session, watch, lost):
    with pytest.raises(ConnectionFailed) as raised:
        stage.play(wait(session, watch), *[lost] * 1000)
    assert stage.seconds == 1800 + 300
    assert str(raised.value) == (
        "No answer to GET http://sayso.example/api/v1/asks/ask_1 (ConnectionResetError: gone)"
    )
    assert isinstance(raised.value.__cause__, ConnectionResetError)


def test_an_outage_after_the_deadline_is_endured_for_the_grace(stage, session, watch, lost):
    stage.seconds = 5000.0
    with pytest.raises(ConnectionFailed):
        stage.play(wait(session, watch), *[lost] * 1000)
    assert stage.seconds == 5000 + 300


def test_a_server_that_stays_unavailable_is_an_outage_too(stage, session, watch, refusal):
    with pytest.raises(ConnectionFailed) as raised:
        stage.play(wait(session, watch), *[refusal(503, "unavailable")] * 1000)
    assert stage.seconds == 2100
    assert str(raised.value) == (
        "The server stayed away until long after the deadline (503 unavailable: No.)"
    )


def test_the_deadline_is_by_the_clock_of_the_server(
    stage, session, watch, ok, lost, ask_json, monkeypatch
):
    """This machine believes it is 12:20. The server says 12:00, so 30 minutes are left, not 10."""
    real = stage.now
    monkeypatch.setattr(_clock, "now", lambda: real().replace(minute=real().minute + 20))
    reply = Reply(200, {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}, json.dumps(ask_json()).encode())
    with pytest.raises(ConnectionFailed):
        stage.play(wait(session, watch), reply, *[lost] * 1000)
    assert stage.seconds == 1800 + 300


def test_a_server_that_answers_early_is_not_hammered(stage, session, watch, ok, ask_json, answered):
    """One that shuts down answers "still open" to all: once at once, then with pauses up to 1 s."""
    stage.play(wait(session, watch), *[ok(ask_json())] * 7, ok(answered))
    assert stage.pauses == [0.075, 0.15, 0.3, 0.6, 1.0, 1.0]


def test_a_full_poll_ends_the_pauses(stage, session, watch, ok, ask_json, answered):
    early, full = ok(ask_json()), (25, ok(ask_json()))
    stage.play(wait(session, watch), early, early, full, early, (3, ok(answered)))
    assert stage.pauses == [0.075]


# With a timeout


def test_with_a_timeout_the_wait_ends_open(stage, session, watch, ok, ask_json):
    stage.play(wait(session, watch, timeout=40), (25, ok(ask_json())), (15, ok(ask_json())))
    assert watch.ask["status"] == "open"
    assert stage.steps == [
        Send("GET", "/api/v1/asks/ask_1?wait=25", timeout=35.0),
        Send("GET", "/api/v1/asks/ask_1?wait=15", timeout=16.0),
    ]


def test_a_timeout_of_a_fraction_is_cut_off(stage, session, watch, lost):
    stage.play(wait(session, watch, timeout=0.3), (0.3, lost))
    assert stage.steps == [Send("GET", "/api/v1/asks/ask_1?wait=1", timeout=0.3)]
    assert stage.seconds == 0.3


def test_a_timeout_of_nothing_looks_once(stage, session, watch, ok, answered):
    stage.play(wait(session, watch, timeout=0), ok(answered))
    assert watch.ask == answered
    assert stage.steps == [Send("GET", "/api/v1/asks/ask_1?wait=0", timeout=10.0)]


def test_an_outage_does_not_outlast_the_timeout(stage, session, watch, lost):
    stage.play(wait(session, watch, timeout=1), *[lost] * 4)
    assert stage.pauses == [0.075, 0.15, 0.3, 0.475]
    assert stage.seconds == 1.0


# With escalation


@pytest.fixture
def first(ask_json):
    return ask_json(status="timeout", escalated_to="ask_2")


@pytest.fixture
def second(ask_json):
    return ask_json(id="ask_2", escalated_from="ask_1", approvers=["ceo@acme.com"])


def test_the_wait_follows_the_successors_in_turn(
    stage, session, ask_json, ok, first, second, answered
):
    watch = Watch(ask_json(), escalations=2)
    third = {**answered, "id": "ask_3", "escalated_from": "ask_2"}
    gone = {**second, "status": "timeout", "escalated_to": "ask_3"}
    outcomes = [(20, ok(first)), ok(second), (25, ok(gone)), ok(third)]
    stage.play(wait(session, watch), *outcomes)
    assert watch.ask == third
    assert stage.paths == [
        "/asks/ask_1?wait=25", "/asks/ask_2?wait=0", "/asks/ask_2?wait=25", "/asks/ask_3?wait=0",
    ]  # fmt: skip


def test_a_successor_that_is_not_open_yet_is_waited_for(
    stage, session, ask_json, ok, first, second, answered
):
    """The server shows a passed deadline at once, and acts on it some seconds later."""
    watch = Watch(ask_json(), escalations=1)
    passed = ask_json(status="timeout")
    outcomes = [(20, ok(passed)), ok(passed), ok(first), ok({**answered, "id": "ask_2"})]
    stage.play(wait(session, watch), *outcomes)
    assert watch.ask["id"] == "ask_2"
    assert stage.pauses == [0.25, 0.25]


def test_a_successor_that_never_comes_is_waited_for_ten_seconds(stage, session, ask_json, ok):
    watch = Watch(ask_json(), escalations=1)
    stage.play(wait(session, watch), *[ok(ask_json(status="timeout"))] * 40)
    assert watch.ask["status"] == "timeout"
    assert stage.seconds == 10.0


def test_the_last_of_the_chain_ends_the_wait_at_once(stage, session, ask_json, ok, first, second):
    watch = Watch(ask_json(), escalations=1)
    last = {**second, "status": "timeout"}
    stage.play(wait(session, watch), (20, ok(first)), (25, ok(last)))
    assert watch.ask == last
    assert stage.pauses == []


def test_an_ask_opened_without_escalate_to_does_not_follow(stage, session, watch, ok, first):
    stage.play(wait(session, watch), ok(first))
    assert watch.ask == first
    assert stage.paths == ["/asks/ask_1?wait=25"]


def test_a_wait_that_ends_while_an_ask_is_passed_on_ends_open(stage, session, ask_json, ok, first):
    for reply in (ok(first), ok(ask_json(status="timeout"))):
        watch = Watch(ask_json(), escalations=1)
        answer = stage.play(wait_for_answer(session, watch, timeout=5), (5, reply))
        assert (answer.status, answer.value) == ("open", None)


def test_a_cancelled_ask_does_not_follow(stage, session, ask_json, ok):
    watch = Watch(ask_json(), escalations=1)
    stage.play(wait(session, watch), ok(ask_json(status="cancelled")))
    assert watch.ask["status"] == "cancelled"


def test_an_ask_found_already_escalated_is_followed(stage, session, ok, first, answered):
    """A restarted agent opens with the same key and gets the first ask, long since passed on."""
    watch = Watch(first, escalations=1)
    stage.play(wait(session, watch), ok({**answered, "id": "ask_2"}))
    assert stage.paths == ["/asks/ask_2?wait=0"]


def test_each_successor_has_its_own_deadline(stage, session, ask_json, ok, lost, first, second):
    watch = Watch(ask_json(), escalations=1)
    later = {**second, "expires_at": "2026-11-22T13:00:00.000Z"}
    with pytest.raises(ConnectionFailed):
        stage.play(wait(session, watch), ok(first), ok(later), *[lost] * 2000)
    assert stage.seconds == 3600 + 300


# Shared by threads


def test_a_reply_that_was_overtaken_is_dropped(ask_json, answered, first, second):
    watch = Watch(ask_json())
    watch.take(answered)
    watch.take(ask_json())
    assert watch.ask == answered

    followed = Watch(ask_json(), escalations=1)
    followed.take(first)
    followed.take(second)
    followed.take(first)
    assert (followed.ask, followed.target) == (second, "ask_2")
