"""Slack: a card when an ask opens, changed when it closes; agent text is text and nothing else."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from approvals import slack_cards, tasks
from approvals.channels import slack as channel
from approvals.models import Ask, SlackCard, SlackChannel
from approvals.transitions import cancel_ask
from tests.approvals.slack_server import HOOK_OK, OK, TS, Slack, says, slack_server
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, WorkspaceFactory, answer, config_of
from tests.receivers import response
from tracks.models import Event, Track, Workspace
from tracks.sources import Source

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "Pay <https://evil.example|now> <!channel> *x* :tada: @here evil.example"
ZERO_WIDTH_NON_JOINER = "\u200c"


@pytest.fixture
def slack(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    with slack_server() as server:
        settings.EGRESS_ALLOW = ["127.0.0.0/8"]
        settings.PUBLIC_BASE_URL = "https://say.example"
        monkeypatch.setattr(channel, "BASE_URL", server.base_url)
        # A proxy that nobody may use: nothing listens there.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        yield server


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    return WorkspaceFactory(name="Acme & Sons")


@pytest.fixture
def bot(workspace: Workspace) -> SlackChannel:
    return SlackChannel.objects.create(
        workspace=workspace, bot_token="xoxb-1-2-abc", channel="#approvals"
    )


@pytest.fixture
def webhook(workspace: Workspace, slack: Slack) -> SlackChannel:
    slack.will_answer(HOOK_OK)
    return SlackChannel.objects.create(workspace=workspace, webhook_url=slack.webhook_url)


@pytest.fixture
def track(workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def button(track: Track, label: str) -> dict[str, Any]:
    return {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "text": plain(label),
                "url": f"https://say.example/t/{track.slug}",
                "action_id": "open",
            }
        ],
    }


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": plain(text)}


def context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [plain(text)]}


def header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": plain(text)}


ORIGIN = "Vendor invoice batch · asked by Bookkeeper, not checked by Sayso"


def test_the_bot_posts_a_card_and_changes_it_to_the_outcome(
    slack: Slack, bot: SlackChannel, track: Track, clock: Clock
) -> None:
    config = config_of("confirm") | {"risk": "high", "summary": {"New rate": "$2,592"}}
    ask = AskFactory(track=track, config=config)
    assert tasks.sweep_slack_cards() == 1
    posted = {
        "channel": "#approvals",
        "text": "Decision needed",
        "blocks": [
            header("Decision needed"),
            section("Approve the new rate?") | {"fields": [plain("New rate\n$2,592")]},
            context(ORIGIN),
            context("High risk. Answer by Sun 22 Nov 2026, 10:30 UTC. Waits for c•••@acme.com."),
            button(track, "Review and decide"),
        ],
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    assert slack.calls == [("/api/chat.postMessage", posted)]
    seen = slack.seen[0]
    assert seen.line == "POST /api/chat.postMessage HTTP/1.1"
    assert seen.headers["authorization"] == "Bearer xoxb-1-2-abc"
    card = SlackCard.objects.get()
    assert (card.message_id, card.posted_at) == (f"C0123456789/{TS}", clock.now)
    assert card.next_attempt_at is None

    clock.move(minutes=1)
    answer(ask, True)
    assert tasks.sweep_slack_cards() == 1
    changed = {
        "channel": "C0123456789",
        "ts": TS,
        "text": "Approved",
        "blocks": [
            header("Approved"),
            section("Approve the new rate?"),
            context(ORIGIN),
            button(track, "Open the page"),
        ],
    }
    assert slack.calls[1:] == [("/api/chat.update", changed)]
    card.refresh_from_db()
    assert (card.closed_at, card.next_attempt_at) == (clock.now, None)
    assert tasks.sweep_slack_cards() == 0


@pytest.mark.parametrize(
    ("decides_there", "label"), [(False, "Review and decide"), (True, "Open the request")]
)
def test_a_card_names_the_system_it_comes_from(
    slack: Slack, bot: SlackChannel, workspace: Workspace, decides_there: bool, label: str
) -> None:
    source = Source(name="RT *x* evil.example", decides_there=decides_there)
    track = TrackFactory(workspace=workspace, source=source)
    AskFactory(track=track)
    tasks.sweep_slack_cards()
    (_, posted) = slack.calls[0]
    system = f"RT *x* evil.{ZERO_WIDTH_NON_JOINER}example"
    assert (
        context(f"Vendor invoice batch · from {system}, not checked by Sayso") in (posted["blocks"])
    )
    assert posted["blocks"][-1] == button(track, label)


def test_a_webhook_posts_a_card_and_says_the_outcome_behind_it(
    slack: Slack, webhook: SlackChannel, track: Track
) -> None:
    ask = AskFactory(track=track)
    tasks.sweep_slack_cards()
    answer(ask, False)
    tasks.sweep_slack_cards()
    assert [path for path, _ in slack.calls] == ["/services/T000/B000/secret"] * 2
    first, second = (body for _, body in slack.calls)
    assert first["blocks"][0] == header("Decision needed")
    assert second == {
        "text": "Rejected",
        "blocks": [section("Rejected: Vendor invoice batch")],
        "unfurl_links": False,
        "unfurl_media": False,
    }
    assert SlackCard.objects.get().closed_at is not None


def by_time(ask: Ask, clock: Clock) -> None:
    clock.move_to(ask.ends_at)
    tasks.sweep_overdue()


def by_cancelling(ask: Ask, clock: Clock) -> None:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason="x", actor=AGENT)


def by_typing(ask: Ask, clock: Clock) -> None:
    answer(ask, "a secret")


@pytest.mark.parametrize(
    ("fields", "close", "words"),
    [
        ({}, by_time, "Nobody answered"),
        ({"escalate_to": ["dana@acme.com"]}, by_time, "Nobody answered; the next is asked"),
        ({}, by_cancelling, "No longer needed"),
        ({"kind": "text"}, by_typing, "Answered"),
    ],
)
def test_it_says_what_came_of_the_ask_and_not_what_was_written(
    slack: Slack,
    bot: SlackChannel,
    track: Track,
    clock: Clock,
    fields: Any,
    close: Any,
    words: str,
) -> None:
    ask = AskFactory(track=track, **fields)
    tasks.sweep_slack_cards()
    close(ask, clock)
    tasks.sweep_slack_cards()
    body = next(body for path, body in slack.calls if path.endswith("update"))
    assert body["text"] == words
    assert body["blocks"][0] == header(words)
    assert "secret" not in json.dumps(body)
    assert len([path for path, _ in slack.calls if path.endswith("postMessage")]) == (
        2 if "escalate_to" in fields else 1
    )


@pytest.mark.parametrize("way", ["bot", "webhook"])
def test_a_protected_track_is_named_by_its_workspace_alone(
    slack: Slack, workspace: Workspace, way: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(way)
    track = TrackFactory(workspace=workspace, password="correct horse", title="Redundancies")
    ask = AskFactory(track=track, prompt="Who goes?")
    tasks.sweep_slack_cards()
    answer(ask, True)
    tasks.sweep_slack_cards()
    first, second = (body for _, body in slack.calls)
    masked = "Protected request from Acme & Sons"
    assert first["text"] == "Protected request from Acme &amp; Sons"
    assert first["blocks"] == [header(masked), button(track, "Review and decide")]
    assert second["blocks"] == (
        [header(masked), section("It is closed."), button(track, "Open the page")]
        if way == "bot"
        else [section(f"{masked}: closed.")]
    )


def test_agent_text_is_plain_and_links_to_nothing(
    slack: Slack, bot: SlackChannel, workspace: Workspace
) -> None:
    ask = AskFactory(
        track=TrackFactory(workspace=workspace, title=HOSTILE),
        prompt=HOSTILE,
        config=config_of("confirm") | {"summary": {HOSTILE: HOSTILE}},
    )
    tasks.sweep_slack_cards()
    answer(ask, True)
    tasks.sweep_slack_cards()
    for _, body in slack.calls:
        assert "evil" not in body["text"]
        for text in texts(body["blocks"]):
            assert "evil.example" not in text["text"]
            assert "://evil" not in text["text"]
            assert (text["type"], text["emoji"]) == ("plain_text", False)


def texts(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every text object of a message."""
    if isinstance(part, list):
        for each in part:
            yield from texts(each)
    elif isinstance(part, dict):
        if "text" in part and isinstance(part["text"], str):
            yield part
        for each in part.values():
            yield from texts(each)


def test_the_largest_ask_fits(slack: Slack, bot: SlackChannel, workspace: Workspace) -> None:
    rows = {f"{number}" + "w" * 198: "." * 200 for number in range(20)}
    AskFactory(
        track=TrackFactory(workspace=workspace, title="t" * 200),
        prompt="p" * 1000,
        config=config_of("confirm") | {"summary": rows},
        approvers=[f"{number}@acme.com" for number in range(20)],
    )
    tasks.sweep_slack_cards()
    (_, body) = slack.calls[0]
    assert len(body["blocks"][1]["fields"]) == 6
    assert all(len(each["text"]) <= 3000 for each in texts(body["blocks"]))


# -- when it goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "after", "kept"),
    [
        (says(429, ok=False, error="ratelimited", Retry_After="30"), 30, "ratelimited"),
        (says(500, ok=False, error="fatal_error"), 10, "fatal_error"),
        (says(ok=False, error="internal_error"), 10, "internal_error"),
        (response(502, b"<html>Bad gateway"), 10, "Bad gateway"),
        (b"", 10, "ConnectionLost"),
    ],
)
def test_trouble_that_passes_is_waited_for(
    slack: Slack, bot: SlackChannel, track: Track, clock: Clock, said: bytes, after: int, kept: str
) -> None:
    slack.will_answer(said, OK)
    AskFactory(track=track)
    tasks.sweep_slack_cards()
    card = SlackCard.objects.get()
    assert card.next_attempt_at == clock.now + timedelta(seconds=after)
    assert kept in card.last_error
    assert "xoxb" not in card.last_error
    clock.move(seconds=after)
    tasks.sweep_slack_cards()
    card.refresh_from_db()
    assert (card.posted_at, card.last_error) == (clock.now, "")


@pytest.mark.parametrize("word", ["invalid_auth", "channel_not_found", "is_archived"])
def test_what_slack_will_never_take_is_given_up(
    slack: Slack, bot: SlackChannel, track: Track, clock: Clock, word: str
) -> None:
    slack.will_answer(says(ok=False, error=word))
    ask = AskFactory(track=track)
    tasks.sweep_slack_cards()
    card = SlackCard.objects.get()
    assert (card.failed_at, card.next_attempt_at, card.last_error) == (clock.now, None, word)
    answer(ask, True)
    assert tasks.sweep_slack_cards() == 0
    assert len(slack.calls) == 1


def test_a_webhook_that_is_gone_is_given_up(
    slack: Slack, webhook: SlackChannel, track: Track, clock: Clock
) -> None:
    slack.will_answer(response(404, b"no_service"))
    AskFactory(track=track)
    tasks.sweep_slack_cards()
    card = SlackCard.objects.get()
    assert (card.failed_at, card.last_error) == (clock.now, "no_service")


def test_a_redirect_is_not_followed(
    slack: Slack, webhook: SlackChannel, track: Track, clock: Clock
) -> None:
    slack.will_answer(response(302, b"", Location="http://127.0.0.1:1/"))
    AskFactory(track=track)
    tasks.sweep_slack_cards()
    assert SlackCard.objects.get().failed_at == clock.now
    assert len(slack.calls) == 1


def test_it_is_given_up_after_eight_attempts(
    slack: Slack, bot: SlackChannel, track: Track, clock: Clock
) -> None:
    slack.will_answer(says(500, ok=False, error="fatal_error"))
    AskFactory(track=track, timeout_seconds=86_400)
    pauses = []
    while (due := SlackCard.objects.get().next_attempt_at) is not None:
        pauses.append((due - clock.now).total_seconds())
        clock.move_to(due)
        tasks.sweep_slack_cards()
    assert pauses == [0, 10, 60, 300, 1800, 1800, 1800, 1800]
    assert SlackCard.objects.get().failed_at == clock.now


def test_what_closes_before_it_was_posted_is_not_posted(
    slack: Slack, bot: SlackChannel, track: Track
) -> None:
    ask = AskFactory(track=track)
    answer(ask, True)
    assert tasks.sweep_slack_cards() == 1
    assert slack.calls == []
    assert tasks.sweep_slack_cards() == 0


def test_what_closes_while_it_is_posted_is_changed_right_after(
    slack: Slack, bot: SlackChannel, track: Track, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = AskFactory(track=track)
    post = channel.post

    def slow(*args: Any) -> str:
        name = post(*args)
        answer(ask, True)
        return name

    monkeypatch.setattr(channel, "post", slow)
    assert tasks.sweep_slack_cards() == 1
    assert tasks.sweep_slack_cards() == 1
    assert [path for path, _ in slack.calls] == ["/api/chat.postMessage", "/api/chat.update"]


def test_an_event_planned_twice_is_posted_once(
    slack: Slack, bot: SlackChannel, track: Track
) -> None:
    AskFactory(track=track)
    slack_cards.on_events([Event.objects.get(track=track, type="input_request.created")])
    tasks.sweep_slack_cards()
    slack_cards.on_events([Event.objects.get(track=track, type="input_request.created")])
    tasks.sweep_slack_cards()
    assert len(slack.calls) == 1


@pytest.mark.parametrize("fields", [{"notify": False}, {}])
def test_without_a_channel_or_a_wish_to_be_told_there_is_no_card(
    slack: Slack, bot: SlackChannel, track: Track, fields: Any
) -> None:
    if not fields:
        SlackChannel.objects.update(enabled=False)
    AskFactory(track=track, **fields)
    assert not SlackCard.objects.exists()
