"""Calls that block: in threads, over real sockets, across restarts."""

import threading
import time

import pytest
from sayso import Conflict, Sayso, Unauthorized


def test_a_blocked_call_returns_when_the_answer_comes(fake, track, run_in_thread):
    result = run_in_thread(lambda: track.confirm("Pay?"))
    fake.answer(fake.wait_for_ask()["id"], True)
    assert result().approved


def test_cancelling_from_another_thread_ends_the_blocked_call(fake, track, run_in_thread):
    result = run_in_thread(lambda: track.confirm("Pay?"))
    fake.wait_for_ask()
    cancelled = track.cancel_input_request("Changed my mind.")
    assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "Changed my mind.")
    answer = result()
    assert (answer.status, answer.ask.cancel_reason) == ("cancelled", "Changed my mind.")


def test_cancelling_from_another_process_finds_the_open_ask(fake, track, run_in_thread):
    result = run_in_thread(lambda: track.confirm("Pay?"))
    ask = fake.wait_for_ask()
    with Sayso(fake.api_key, fake.base_url) as elsewhere:
        assert elsewhere.tracks.get(track.id).cancel_input_request().id == ask["id"]
    assert result().status == "cancelled"


def test_cancelling_without_an_open_ask_is_nothing(fake, track):
    assert track.cancel_input_request() is None
    fake.answer_with(True)
    track.confirm("Pay?")
    assert track.cancel_input_request() is None
    assert fake.asks[0]["status"] == "answered"


def test_cancelling_what_was_answered_meanwhile_is_nothing(server, ask_json, refusal):
    track = {"id": "trk_1", "seq": 1, "open_ask": ask_json()}
    server.will(
        server.answer(track, 201),
        server.answer(track),
        server.answer({"code": "ask_not_open", "status": 409}, 409),
        server.answer({**track, "open_ask": None}),
    )
    assert Sayso("sk_live_x", server.base_url).create_track("x").cancel_input_request() is None


def test_cancelling_what_escalated_meanwhile_cancels_the_successor(server, ask_json):
    track = {"id": "trk_1", "seq": 1, "open_ask": ask_json()}
    server.will(
        server.answer(track, 201),
        server.answer(track),
        server.answer({"code": "ask_not_open", "status": 409}, 409),
        server.answer({**track, "open_ask": ask_json(id="ask_2")}),
        server.answer(ask_json(id="ask_2", status="cancelled")),
    )
    cancelled = Sayso("sk_live_x", server.base_url).create_track("x").cancel_input_request()
    assert (cancelled.id, cancelled.status) == ("ask_2", "cancelled")


def test_completing_the_track_ends_the_blocked_call(fake, track, run_in_thread):
    result = run_in_thread(lambda: track.confirm("Pay?"))
    fake.wait_for_ask()
    track.complete()
    assert (result().status, result().ask.cancel_reason) == (
        "cancelled", "The track was closed.",
    )  # fmt: skip


def test_an_opened_ask_returns_at_once_and_is_waited_for_later(fake, track):
    ask = track.open_ask("confirm", "Pay?")
    assert (ask.status, ask.track_id) == ("open", track.id)
    fake.answer(ask.id, False)
    assert ask.status == "open"
    assert ask.wait().value is False
    assert (ask.status, ask.answer.value) == ("answered", False)


def test_waiting_with_a_timeout_leaves_the_ask_open(fake, track):
    ask = track.open_ask("confirm", "Pay?")
    began = time.monotonic()
    answer = ask.wait(timeout=0.2)
    assert 0.2 <= time.monotonic() - began < 0.9  # the server alone would hold it for 1 s
    assert (answer.status, answer.approved) == ("open", False)
    fake.answer(ask.id, True)
    assert ask.wait(timeout=0).approved


def test_many_threads_wait_for_one_ask(fake, track, run_in_thread):
    ask = track.open_ask("confirm", "Pay?")
    results = [run_in_thread(ask.wait) for _ in range(30)]
    time.sleep(0.05)
    fake.answer(ask.id, True)
    assert [result().approved for result in results] == [True] * 30


def test_more_threads_than_a_usual_pool_wait_on_one_client(fake, client, run_in_thread):
    asks = [
        client.create_track(f"Track {number}", customer_email="a@b.c").open_ask("confirm", "Pay?")
        for number in range(110)
    ]
    results = [run_in_thread(ask.wait) for ask in asks]
    time.sleep(0.2)
    assert client.usage().asks == 110  # and there is a connection left for this
    for ask in asks:
        fake.answer(ask.id, True)
    assert all(result().approved for result in results)


def test_an_ask_is_picked_up_by_its_id(fake, client, track):
    ask = track.open_ask("confirm", "Pay?")
    fake.answer(ask.id, True)
    assert client.asks.get(ask.id).wait().approved


def test_an_ask_is_refreshed_without_waiting(fake, track):
    ask = track.open_ask("confirm", "Pay?")
    assert ask.refresh().status == "open"
    fake.timeout(ask.id)
    assert ask.refresh().status == "timeout"


def test_an_answered_ask_cannot_be_cancelled(fake, track):
    ask = track.open_ask("confirm", "Pay?")
    fake.answer(ask.id, True)
    with pytest.raises(Conflict) as raised:
        ask.cancel()
    assert raised.value.code == "ask_not_open"


# Escalation


def test_the_call_follows_an_escalation(fake, track, run_in_thread):
    escalate_to = ["ceo@acme.com", "board@acme.com"]
    result = run_in_thread(lambda: track.confirm("Pay?", escalate_to=escalate_to))
    for _ in escalate_to:
        fake.timeout(fake.wait_for_ask()["id"])
    fake.answer(fake.wait_for_ask()["id"], True)
    answer = result()
    assert answer.approved
    assert answer.ask.approvers == ["board@acme.com"]
    assert [ask["status"] for ask in fake.asks] == ["timeout", "timeout", "answered"]


def test_a_handle_becomes_its_successor(fake, track):
    fake.timeout_next()
    ask = track.open_ask("confirm", "Pay?", escalate_to=["ceo@acme.com"])
    first = ask.id
    assert ask.refresh().escalated_from == first
    ask.cancel("Enough.")
    assert [ask["status"] for ask in fake.asks] == ["timeout", "cancelled"]


def test_a_handle_got_by_its_id_does_not_follow(fake, client, track):
    fake.timeout_next()
    ask = track.open_ask("confirm", "Pay?", escalate_to=["ceo@acme.com"])
    answer = client.asks.get(ask.id).wait()
    assert answer.status == "timeout"
    assert answer.ask.escalated_to == fake.asks[1]["id"]


# Over real sockets


@pytest.fixture
def waiting(server, ask_json):
    """A handle of an open ask on the scripted server."""
    server.will(server.answer(ask_json(expires_at="2100-01-01T00:00:00.000Z")))
    return Sayso("sk_live_x", server.base_url).asks.get("ask_1")


@pytest.mark.parametrize("fault", ["drop", "half"])
def test_a_connection_that_breaks_during_the_wait_is_invisible(
    server, quick, waiting, answered, fault
):
    server.will(*[getattr(server, fault)] * 5, server.answer(answered))
    assert waiting.wait().approved
    assert [request["path"] for request in server.requests[1:]] == [
        "/api/v1/asks/ask_1?wait=25"
    ] * 6


def test_a_server_that_is_restarted_during_the_wait_is_invisible(
    server, quick, waiting, answered, run_in_thread
):
    server.will(server.stall)
    result = run_in_thread(waiting.wait)
    while len(server.requests) < 2:
        time.sleep(0.01)
    port = int(server.base_url.rsplit(":", 1)[1])
    server.close()
    server.hang_up()
    time.sleep(0.1)
    server.listen(port)
    server.will(server.answer(answered))
    assert result().approved


def test_a_key_that_is_revoked_ends_the_wait(server, waiting):
    server.will(server.answer({"code": "unauthorized", "status": 401}, 401))
    with pytest.raises(Unauthorized):
        waiting.wait()


def test_one_connection_serves_a_whole_ask(server, ask_json, answered):
    server.will(
        server.answer({"id": "trk_1", "seq": 1}, 201),
        server.answer(ask_json(), 201),
        server.answer(ask_json()),
        server.answer(answered),
    )
    assert Sayso("sk_live_x", server.base_url).create_track("x").confirm("Pay?").approved
    assert len(server.requests) == 4
    assert server.connections == 1


def test_the_answer_is_had_without_a_delay(fake, track, run_in_thread):
    """Median of 20 answers, from the moment they are given to the agent's having them."""
    delays = []
    for number in range(20):
        moments = []
        waiting = run_in_thread(
            lambda n=number, m=moments: m.append((track.confirm(f"{n}?"), time.monotonic()))
        )
        ask = fake.wait_for_ask()
        time.sleep(0.01)
        answered_at = time.monotonic()
        fake.answer(ask["id"], True)
        waiting()
        delays.append(moments[0][1] - answered_at)
    assert sorted(delays)[10] < 0.1


def test_a_caller_that_is_interrupted_leaves_the_ask_open(fake, track, monkeypatch):
    monkeypatch.setattr(track._driver, "_carry_out", _interrupt_after(track._driver, 1))
    with pytest.raises(KeyboardInterrupt):
        track.confirm("Pay?")
    assert [ask["status"] for ask in fake.asks] == ["open"]


def test_an_ask_that_was_interrupted_while_it_was_opened_is_found_by_the_same_call(
    fake, track, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(track._driver, "_carry_out", _interrupt_after(track._driver, 0))
        with pytest.raises(KeyboardInterrupt) as raised:
            track.open_ask("confirm", "Pay?")
    assert track._ordinals._returned == [0]  # although the traceback is still alive
    assert raised.tb is not None


def _interrupt_after(driver, steps):
    real, count = driver._carry_out, iter(range(100))

    def carry_out(step):
        if next(count) >= steps:
            raise KeyboardInterrupt
        return real(step)

    return carry_out


def test_threads_may_share_a_track(fake, track):
    threads = [threading.Thread(target=track.action, args=(str(n),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.seq for event in track.events()] == list(range(1, 22))


def test_a_wait_against_a_dead_address_ends_with_its_timeout(ask_json, server):
    server.will(server.answer(ask_json()))
    ask = Sayso("sk_live_x", server.base_url).asks.get("ask_1")
    server.close()
    server.hang_up()
    began = time.monotonic()
    assert ask.wait(timeout=0.3).status == "open"
    assert 0.3 <= time.monotonic() - began < 0.9
