"""The async client: the same rules, awaited."""

import asyncio
import inspect
import time

import pytest
from sayso import (
    AlreadyAwaiting,
    Ask,
    AsyncAsk,
    AsyncSayso,
    AsyncTrack,
    ConnectionFailed,
    Sayso,
    Track,
    Unauthorized,
)


def run(fake, story):
    """Run a coroutine function with a client and a track of the fake."""

    async def main():
        async with AsyncSayso(fake.api_key, fake.base_url) as client:
            track = await client.create_track("Invoices", ["Fetch", "Pay"], "cfo@acme.com")
            return await story(client, track)

    return asyncio.run(main())


async def until_asked(fake):
    return await asyncio.to_thread(fake.wait_for_ask)


PAIRS = [
    (Sayso, AsyncSayso),
    (Track, AsyncTrack),
    (Ask, AsyncAsk),
    (type(Sayso("sk_live_x").asks), type(AsyncSayso("sk_live_x").asks)),
    (type(Sayso("sk_live_x").tracks), type(AsyncSayso("sk_live_x").tracks)),
]


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


@pytest.mark.parametrize(("sync", "twin"), PAIRS)
def test_the_twins_have_the_same_names_parameters_and_docstrings(sync, twin):
    assert public(sync) == public(twin)
    for name in public(sync):
        one, other = getattr(sync, name), getattr(twin, name)
        if callable(one):
            assert inspect.signature(one).parameters == inspect.signature(other).parameters
            assert inspect.getdoc(one) == inspect.getdoc(other) != ""
            assert inspect.iscoroutinefunction(other) or name == "list"


@pytest.mark.parametrize(("sync", "twin"), PAIRS)
def test_the_twins_are_made_the_same_way(sync, twin):
    names = [list(inspect.signature(cls).parameters) for cls in (sync, twin)]
    assert names[0] == names[1]


def test_the_story_of_a_track(fake):
    async def story(client, track):
        await track.start_step(0, "47")
        event = await track.action("Pulled 47 invoices")
        await track.complete_step(0)
        await track.fail_step(1)
        await track.update(title="Batch 7", password="correct horse")
        fake.answer_with(True)
        answer = await track.confirm("Pay?", accept_label="Pay", timeout_seconds=60)
        await track.complete(summary="Paid.")
        again = await client.tracks.get(track.id)
        assert (again.status, again.summary, again.title) == ("completed", "Paid.", "Batch 7")
        assert (event.type, answer.approved) == ("action.logged", True)
        return [event.type for event in await again.events(limit=500)]

    assert run(fake, story) == [
        "track.created",
        "step.started",
        "action.logged",
        "step.completed",
        "step.failed",
        "track.updated",
        "input_request.created",
        "input_request.answered",
        "track.completed",
    ]


def test_each_kind_of_ask(fake):
    async def story(_, track):
        for value in (False, "Because", "b", "a"):
            fake.answer_with(value)
        return [
            (await track.confirm("Pay?")).value,
            (await track.ask_text("Why?", validate="long")).value,
            (await track.choice("Which?", ["a", "b"])).value,
            (
                await track.ask("choice", "Which?", {"options": [{"value": "a", "label": "A"}]})
            ).value,
        ]

    assert run(fake, story) == [False, "Because", "b", "a"]


def test_a_failed_track(fake):
    async def story(_, track):
        await track.fail("No budget", retryable=True)
        return (await track.refresh()).failure

    failure = run(fake, story)
    assert (failure.reason, failure.retryable) == ("No budget", True)


def test_a_handle_waits_cancels_and_refreshes(fake):
    async def story(client, track):
        ask = await track.open_ask("confirm", "Pay?")
        with pytest.raises(AlreadyAwaiting):
            await track.open_ask("confirm", "Pay?")
        assert (await ask.wait(timeout=0.1)).status == "open"
        same = await client.asks.get(ask.id)
        await same.cancel("Enough.")
        assert (await ask.refresh()).cancel_reason == "Enough."
        assert (await client.asks.receipt(ask.id))["ask"]["status"] == "cancelled"
        return (await ask.wait()).status

    assert run(fake, story) == "cancelled"


def test_cancelling_the_ask_from_another_task_ends_the_wait(fake):
    async def story(_, track):
        waiting = asyncio.create_task(track.confirm("Pay?"))
        await until_asked(fake)
        cancelled = await track.cancel_input_request("Changed my mind.")
        assert await track.cancel_input_request() is None
        return cancelled.status, (await waiting).ask.cancel_reason

    assert run(fake, story) == ("cancelled", "Changed my mind.")


def test_cancelling_the_task_leaves_the_ask_open_and_the_client_well(fake):
    async def story(client, track):
        waiting = asyncio.create_task(track.confirm("Pay?"))
        ask = await until_asked(fake)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        fake.answer(ask["id"], True)
        return (await (await client.asks.get(ask["id"])).wait()).approved

    assert run(fake, story) is True


def test_cancelling_the_task_between_two_tries_is_as_clean(server, ask_json):
    async def main():
        async with AsyncSayso("sk_live_x", server.base_url) as client:
            ask = await client.asks.get("ask_1")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask.wait(), 0.3)

    server.will(server.answer(ask_json(expires_at="2100-01-01T00:00:00.000Z")))
    asyncio.run(main())
    assert {request["path"] for request in server.requests[1:]} == {"/api/v1/asks/ask_1?wait=25"}


def test_a_task_cancelled_while_opening_gives_its_number_back(server):
    async def main():
        async with AsyncSayso("sk_live_x", server.base_url) as client:
            track = await client.create_track("Invoices")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(track.confirm("Pay?"), 0.1)
            return track._ordinals._returned

    server.will(server.answer({"id": "trk_1", "seq": 1}, 201), server.stall)
    assert asyncio.run(main()) == [0]


def test_more_tasks_than_a_usual_pool_wait_on_one_client(fake):
    async def story(client, _):
        tracks = [await client.create_track(str(n), customer_email="a@b.c") for n in range(110)]
        asks = [await track.open_ask("confirm", "Pay?") for track in tracks]
        waits = [asyncio.create_task(ask.wait()) for ask in asks]
        await asyncio.sleep(0.2)
        assert (await client.usage()).asks == 110  # and there is a connection left for this
        for ask in asks:
            fake.answer(ask.id, True)
        return [answer.approved for answer in await asyncio.gather(*waits)]

    assert run(fake, story) == [True] * 110


def test_waiting_blocks_only_its_own_task(fake):
    async def story(_, track):
        waiting = asyncio.create_task(track.confirm("Pay?"))
        ask = await until_asked(fake)
        began = time.monotonic()
        for _ in range(5):
            await track.action("Still here")
        assert time.monotonic() - began < 1
        fake.answer(ask["id"], True)
        return (await waiting).approved

    assert run(fake, story) is True


@pytest.mark.parametrize("fault", ["drop", "half"])
def test_a_connection_that_breaks_during_the_wait_is_invisible(
    server, quick, ask_json, answered, fault
):
    async def main():
        async with AsyncSayso("sk_live_x", server.base_url) as client:
            return await (await client.asks.get("ask_1")).wait()

    server.will(server.answer(ask_json()), *[getattr(server, fault)] * 3, server.answer(answered))
    assert asyncio.run(main()).approved


def test_a_refusal_and_a_dead_server_raise(fake, server, quick):
    async def refused():
        async with AsyncSayso("sk_live_wrong", fake.base_url) as client:
            await client.usage()

    async def dead():
        async with AsyncSayso("sk_live_x", server.base_url, max_retries=2) as client:
            await client.queue("a@b.c")

    with pytest.raises(Unauthorized):
        asyncio.run(refused())
    with pytest.raises(ConnectionFailed):
        asyncio.run(dead())
    assert len(server.requests) == 3


def test_one_connection_serves_a_whole_ask(server, ask_json, answered):
    async def main():
        async with AsyncSayso("sk_live_x", server.base_url) as client:
            return await (await client.create_track("x")).confirm("Pay?")

    server.will(
        server.answer({"id": "trk_1", "seq": 1}, 201),
        server.answer(ask_json(), 201),
        server.answer(ask_json()),
        server.answer(answered),
    )
    assert asyncio.run(main()).approved
    assert (len(server.requests), server.connections) == (4, 1)
