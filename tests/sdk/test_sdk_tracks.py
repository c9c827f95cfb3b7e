import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from sayso import (
    AlreadyAwaiting,
    Conflict,
    Failure,
    Invalid,
    NotFound,
    Sayso,
    Source,
    Track,
    _requests,
)

TRACK = {
    "id": "trk_1",
    "url": "https://sayso.acme.com/t/x",
    "title": "Invoices",
    "status": "failed",
    "steps": [
        {
            "index": 0,
            "title": "Fetch",
            "status": "completed",
            "detail": "47",
            "started_at": "2026-11-22T12:00:00.000Z",
            "ended_at": None,
        }
    ],
    "customer_email": "cfo@acme.com",
    "password_protected": True,
    "external_id": "batch-7",
    "requester": "dana@acme.com",
    "metadata": {"batch": 7},
    "summary": None,
    "failure": {"reason": "No budget", "retryable": True},
    "open_ask": None,
    "source": {"name": "Coupa", "url": "https://coupa.acme.com/7"},
    "seq": 9,
    "created_at": "2026-11-22T12:00:00.123Z",
    "updated_at": "2026-11-22T12:01:00.000Z",
    "added_later": "by a newer server",
}


def sent(server, number=-1):
    request = server.requests[number]
    return request["method"], request["path"], json.loads(request["body"] or b"null")


@pytest.fixture
def plain(server):
    """A client of the scripted server, and a track that came from there."""
    server.will(server.answer(TRACK, 201))
    return Sayso("sk_live_x", server.base_url).create_track("Invoices")


def test_every_field_can_be_given(server):
    server.will(server.answer(TRACK, 201))
    fields = {
        "title": "Invoices",
        "steps": ("Fetch", "Pay"),
        "customer_email": "cfo@acme.com",
        "password": "correct horse",
        "external_id": "batch-7",
        "requester": "dana@acme.com",
        "metadata": {"batch": 7},
    }
    Sayso("sk_live_x", server.base_url).create_track(**fields)
    assert sent(server) == ("POST", "/api/v1/tracks", {**fields, "steps": ["Fetch", "Pay"]})


def test_what_is_not_given_is_not_sent(plain, server):
    assert sent(server) == ("POST", "/api/v1/tracks", {"title": "Invoices"})


def test_every_field_can_be_read(plain):
    assert plain.id == "trk_1"
    assert plain.url == "https://sayso.acme.com/t/x"
    assert plain.title == "Invoices"
    assert plain.status == "failed"
    [step] = plain.steps
    assert (step.index, step.title, step.status, step.detail) == (0, "Fetch", "completed", "47")
    assert (step.started_at, step.ended_at) == (datetime(2026, 11, 22, 12, tzinfo=UTC), None)
    assert plain.customer_email == "cfo@acme.com"
    assert plain.password_protected is True
    assert plain.external_id == "batch-7"
    assert plain.requester == "dana@acme.com"
    assert plain.metadata == {"batch": 7}
    assert plain.summary is None
    assert plain.failure == Failure(reason="No budget", retryable=True)
    assert plain.current_ask is None
    assert plain.source == Source(name="Coupa", url="https://coupa.acme.com/7")
    assert plain.seq == 9
    assert plain.created_at == datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
    assert plain.updated_at == datetime(2026, 11, 22, 12, 1, tzinfo=UTC)
    assert plain.raw["added_later"] == "by a newer server"
    assert repr(plain) == "<Track trk_1 failed 'Invoices'>"


@pytest.mark.parametrize(
    ("act", "path", "body"),
    [
        (lambda track: track.start_step(0), "/steps/0/start", {}),
        (lambda track: track.start_step(1, "47"), "/steps/1/start", {"detail": "47"}),
        (lambda track: track.complete_step(2, detail="x"), "/steps/2/complete", {"detail": "x"}),
        (lambda track: track.fail_step(3), "/steps/3/fail", {}),
        (lambda track: track.complete(), "/complete", {}),
        (lambda track: track.complete(summary="Paid."), "/complete", {"summary": "Paid."}),
        (
            lambda track: track.fail(reason="No", retryable=True),
            "/fail",
            {"reason": "No", "retryable": True},
        ),
        (lambda track: track.fail("No"), "/fail", {"reason": "No", "retryable": False}),
    ],
)
def test_what_a_change_sends(plain, server, act, path, body):
    server.will(server.answer({**TRACK, "title": "Changed", "seq": 10}))
    assert act(plain) is plain
    assert sent(server) == ("POST", "/api/v1/tracks/trk_1" + path, body)
    assert "idempotency-key" in server.requests[-1]["headers"]
    assert plain.title == "Changed"


def test_update_sends_what_is_given_and_none_means_none(plain, server):
    server.will(*[server.answer(TRACK)] * 3)
    plain.update(password=None)
    assert sent(server) == ("PATCH", "/api/v1/tracks/trk_1", {"password": None})
    plain.update(title="New", customer_email="a@b.c", metadata={}, password="correct horse")
    assert sent(server)[2] == {
        "title": "New", "customer_email": "a@b.c", "metadata": {}, "password": "correct horse",
    }  # fmt: skip
    plain.update()
    assert sent(server)[2] == {}
    assert "idempotency-key" not in server.requests[-1]["headers"]


def test_a_reply_that_was_overtaken_is_dropped(plain, server):
    server.will(
        server.answer({**TRACK, "title": "Newer", "seq": 11}),
        server.answer({**TRACK, "title": "Older", "seq": 10}),
    )
    plain.start_step(0)
    plain.start_step(0)
    assert plain.title == "Newer"


def test_the_story_of_a_track(fake, client):
    track = client.create_track("Invoices", ["Fetch", "Pay"], "cfo@acme.com")
    track.start_step(0)
    event = track.action("Pulled 47 invoices from Bill.com", step=0)
    assert (event.type, event.seq, event.actor.type) == ("action.logged", 3, "agent")
    assert event.data == {"text": "Pulled 47 invoices from Bill.com", "step": 0}
    track.complete_step(0).fail_step(1, "No budget")
    track.fail("No budget", retryable=True)
    assert [step.status for step in track.steps] == ["completed", "failed"]
    assert (track.status, track.failure) == ("failed", Failure("No budget", True))
    assert [(event.seq, event.type) for event in track.events()] == [
        (1, "track.created"),
        (2, "step.started"),
        (3, "action.logged"),
        (4, "step.completed"),
        (5, "step.failed"),
        (6, "track.failed"),
    ]


def test_a_closed_track_refuses_and_stays_as_it_was(track):
    track.complete("Paid.")
    with pytest.raises(Conflict) as raised:
        track.action("More")
    assert raised.value.code == "track_closed"
    assert (track.refresh().summary, track.status) == ("Paid.", "completed")


def test_the_customer_cannot_change_while_asked(track):
    ask = track.open_ask("confirm", "Pay?")
    with pytest.raises(AlreadyAwaiting) as raised:
        track.update(customer_email="ceo@acme.com")
    assert raised.value.open_ask_id == ask.id
    assert track.refresh().customer_email == "cfo@acme.com"


def test_refresh_shows_the_ask_that_is_open(track):
    ask = track.open_ask("confirm", "Pay?")
    assert track.current_ask is None
    assert track.refresh().current_ask.id == ask.id


def test_events_after_a_number_and_up_to_a_limit(track):
    for text in ("a", "b", "c"):
        track.action(text)
    events = track.events(after=1, limit=2)
    assert ([event.seq for event in events], events.last_seq) == ([2, 3], 4)


def test_events_can_be_waited_for(client, track, run_in_thread):
    result = run_in_thread(lambda: track.events(after=track.seq, wait=25))
    time.sleep(0.05)
    client.tracks.get(track.id).action("Done")
    assert [event.type for event in result()] == ["action.logged"]


def test_a_poll_for_events_may_last_as_long_as_it_asks_for():
    poll = _requests.list_events("trk_1", 7, 25, None)
    assert (poll.path, poll.timeout) == ("/api/v1/tracks/trk_1/events?after=7&wait=25", 35.0)
    assert _requests.list_events("trk_1", 7, 0, 500).path == (
        "/api/v1/tracks/trk_1/events?after=7&wait=0&limit=500"
    )


def test_an_erased_event_has_no_data(server, plain):
    event = {
        "id": "evt_1",
        "track_id": "trk_1",
        "seq": 1,
        "type": "action.logged",
        "actor": {"type": "agent", "name": "a"},
        "at": "2026-11-22T12:00:00.000Z",
        "data": None,
        "erased": True,
        "hash": "00",
        "prev_hash": "11",
    }
    server.will(server.answer({"data": [event], "last_seq": 1}))
    [read] = plain.events()
    assert (read.data, read.erased, read.hash, read.prev_hash) == (None, True, "00", "11")
    assert read.at == datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_same_external_id_gives_the_same_track(client):
    first = client.create_track("Invoices", external_id="batch-7")
    assert client.create_track("Invoices", external_id="batch-7").id == first.id
    with pytest.raises(Conflict) as raised:
        client.create_track("Other", external_id="batch-7")
    assert (raised.value.code, raised.value.track_id) == ("external_id_taken", first.id)


def test_a_track_is_found_by_its_id(client, track):
    found = client.tracks.get(track.id)
    assert (type(found), found.title) == (Track, "Invoices")
    with pytest.raises(NotFound):
        client.tracks.get("trk_none")


def test_a_bad_step_is_refused(track):
    with pytest.raises(Invalid) as raised:
        track.start_step(7)
    assert [error["field"] for error in raised.value.errors] == ["index"]


def test_times_are_aware(track):
    assert datetime.now(UTC) - track.created_at < timedelta(seconds=5)
