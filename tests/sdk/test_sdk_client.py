import asyncio
import json
import subprocess
import sys

import pytest
import sayso
from sayso import AsyncSayso, Sayso, SaysoError


@pytest.mark.parametrize("client_class", [Sayso, AsyncSayso])
def test_without_an_api_key_the_error_says_what_to_do(client_class):
    with pytest.raises(SaysoError) as raised:
        client_class()
    assert str(raised.value) == "No API key. Pass api_key=… or set SAYSO_API_KEY."


@pytest.mark.parametrize("client_class", [Sayso, AsyncSayso])
def test_key_and_address_come_from_the_environment(client_class, monkeypatch):
    monkeypatch.setenv("SAYSO_API_KEY", " sk_live_env\n")
    monkeypatch.setenv("SAYSO_BASE_URL", "https://sayso.acme.com/")
    session = client_class()._driver.session
    assert (session.api_key, session.base_url) == ("sk_live_env", "https://sayso.acme.com")


def test_arguments_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("SAYSO_API_KEY", "sk_live_env")
    monkeypatch.setenv("SAYSO_BASE_URL", "https://sayso.acme.com")
    session = Sayso(api_key="sk_live_arg", base_url="http://10.0.0.1:8000")._driver.session
    assert (session.api_key, session.base_url) == ("sk_live_arg", "http://10.0.0.1:8000")


def test_the_default_address_is_the_embedded_run():
    assert Sayso("sk_live_x")._driver.session.base_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize("key", ["sk live", "sk_live_ü", "sk_live_x\nsk_live_y"])
def test_a_key_that_cannot_be_one_is_refused(key):
    with pytest.raises(SaysoError, match="The API key has characters in it that no key has"):
        Sayso(key)


def test_an_address_without_a_scheme_is_refused():
    with pytest.raises(SaysoError, match=r"base_url must start with http:// or https://"):
        Sayso("sk_live_x", "sayso.acme.com")


def test_no_representation_shows_the_key():
    client = Sayso("sk_live_secret", "http://sayso.example")
    assert repr(client) == "<Sayso http://sayso.example>"
    assert "sk_live_secret" not in repr(client._driver.session)


def test_a_request_carries_the_key_and_says_who_asks(server):
    reply = {"plan": "free", "month": "2026-11", "asks": 3, "limit": 25, "grace": None}
    server.will(server.answer(reply))
    assert Sayso("sk_live_x", server.base_url).usage().month == "2026-11"
    [request] = server.requests
    assert (request["method"], request["path"]) == ("GET", "/api/v1/usage")
    assert request["headers"] == {
        "host": server.base_url.removeprefix("http://"),
        "authorization": "Bearer sk_live_x",
        "accept": "application/json",
        "user-agent": f"sayso-python/{sayso.__version__}",
    }


def test_a_closed_client_says_so(client, track):
    client.close()
    with pytest.raises(SaysoError, match="This client is closed"):
        track.refresh()


def test_with_closes_the_client(fake):
    with Sayso(fake.api_key, fake.base_url) as client:
        client.usage()
    assert client._driver._http.is_closed


def test_async_with_closes_the_client(fake):
    async def main():
        async with AsyncSayso(fake.api_key, fake.base_url) as client:
            await client.usage()
        assert client._driver._http.is_closed
        with pytest.raises(SaysoError, match="This client is closed"):
            await client.usage()

    asyncio.run(main())


def test_importing_leaves_the_http_library_for_later():
    code = "import sys; from sayso import Sayso; print('httpx2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "False\n"


def test_the_queue_of_an_approver(fake, client, track):
    track.open_ask("confirm", "Pay?", due_at="2026-01-01T00:00:00Z")
    queue = client.queue("CFO@acme.com")
    assert (queue.approver, queue.count, queue.overdue) == ("cfo@acme.com", 1, 1)
    assert queue.text == "1 waiting."
    assert [ask.prompt for ask in queue.asks] == ["Pay?"]


def test_an_address_in_a_query_is_escaped(server):
    reply = {"approver": "a+b@acme.com", "count": 0, "overdue": 0, "text": "Nothing.", "asks": []}
    server.will(server.answer(reply))
    Sayso("sk_live_x", server.base_url).queue("a+b@acme.com")
    assert server.requests[0]["path"] == "/api/v1/queue?approver=a%2Bb%40acme.com"


def test_an_id_stays_one_segment_of_the_path(server):
    server.will(server.answer({"code": "not_found"}, 404))
    with pytest.raises(sayso.NotFound):
        Sayso("sk_live_x", server.base_url).asks.get("../tracks?x")
    assert server.requests[0]["path"] == "/api/v1/asks/..%2Ftracks%3Fx"


def test_usage(client, track):
    track.open_ask("confirm", "Pay?")
    usage = client.usage()
    assert (usage.plan, usage.asks, usage.limit, usage.grace) == ("unlimited", 1, None, None)


def test_lists_go_over_all_pages(client):
    for number in range(5):
        client.create_track(f"Track {number}")
    assert [track.title for track in client.tracks.list(limit=2)] == [
        "Track 0", "Track 1", "Track 2", "Track 3", "Track 4",
    ]  # fmt: skip


def test_a_page_is_fetched_when_it_is_needed(server):
    server.will(server.answer({"data": [{"id": "trk_1", "seq": 1}], "next_cursor": "c1"}))
    tracks = Sayso("sk_live_x", server.base_url).tracks.list(status="active", external_id="a/b")
    assert server.requests == []
    assert next(tracks).id == "trk_1"
    server.will(server.answer({"data": [{"id": "trk_2", "seq": 1}], "next_cursor": None}))
    assert [track.id for track in tracks] == ["trk_2"]
    assert [request["path"] for request in server.requests] == [
        "/api/v1/tracks?status=active&external_id=a%2Fb",
        "/api/v1/tracks?status=active&external_id=a%2Fb&cursor=c1",
    ]


def test_asks_are_listed_by_every_filter(server):
    server.will(server.answer({"data": [], "next_cursor": None}))
    asks = Sayso("sk_live_x", server.base_url).asks.list(
        status="open", approver="a@b.c", track="trk_1", kind="text", risk="high", limit=100
    )
    assert list(asks) == []
    assert server.requests[0]["path"] == (
        "/api/v1/asks?status=open&approver=a%40b.c&track=trk_1&kind=text&risk=high&limit=100"
    )


def test_listed_asks_are_handles(client, track):
    track.open_ask("confirm", "Pay?")
    [ask] = client.asks.list(track=track.id)
    assert ask.cancel("Not needed.").status == "cancelled"


def test_a_receipt_comes_as_the_server_issued_it(client, track):
    ask = track.open_ask("confirm", "Pay?")
    assert client.asks.receipt(ask.id)["ask"]["id"] == ask.id


def test_async_lists_go_over_all_pages(fake):
    async def main():
        async with AsyncSayso(fake.api_key, fake.base_url) as client:
            for number in range(3):
                track = await client.create_track(f"Track {number}", customer_email="a@b.c")
                await track.open_ask("confirm", f"Pay {number}?")
            titles = [track.title async for track in client.tracks.list(limit=1)]
            prompts = [ask.prompt async for ask in client.asks.list(limit=2, status="open")]
        return titles, prompts

    assert asyncio.run(main()) == (
        ["Track 0", "Track 1", "Track 2"],
        ["Pay 0?", "Pay 1?", "Pay 2?"],
    )


def test_bodies_are_compact_utf_8(server):
    server.will(server.answer({"id": "trk_1", "seq": 1}, 201))
    Sayso("sk_live_x", server.base_url).create_track("Größe", ["Ä"], metadata={"n": 1})
    [request] = server.requests
    assert request["body"] == '{"steps":["Ä"],"title":"Größe","metadata":{"n":1}}'.encode()
    assert json.loads(request["body"])["title"] == "Größe"
    assert request["headers"]["content-type"] == "application/json"
