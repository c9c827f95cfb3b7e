"""Slack: posting a card with a bot's token or an incoming webhook, and changing it later.

slack-sdk knows the API; its requests go through our one outbound client, which has limits of time
and size, follows no redirect and reads no proxy from the environment.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient
from slack_sdk.webhook.webhook_response import WebhookResponse

from approvals.letters.slack import Message
from approvals.models import SlackChannel
from config import egress

BASE_URL = "https://slack.com/api/"
# What Slack says of its own trouble; everything else that it refuses is ours, and stays.
PASSING = {
    "accesslimited",
    "fatal_error",
    "internal_error",
    "ratelimited",
    "rate_limited",
    "request_timeout",
    "rollup_error",
    "service_unavailable",
    "team_added_to_org",
}
LONGEST_WAIT = timedelta(hours=1)


class Refused(Exception):
    """Slack will never take this."""


class Busy(Exception):
    """Slack wants to be asked again later. `after` says when, if it did."""

    def __init__(self, word: str, after: timedelta | None = None) -> None:
        super().__init__(word)
        self.after = after


def post(channel: SlackChannel, message: Message) -> str:
    """Post a card and return Slack's name for it; a webhook tells none.

    Raises Refused for good, Busy or EgressError for now.
    """
    if not channel.bot_token:
        _send(channel, message)
        return ""
    bot = _Bot(channel.bot_token)
    given = _asking(
        lambda: bot.chat_postMessage(
            channel=channel.channel,
            text=message.text,
            blocks=message.blocks,
            mrkdwn=False,
            unfurl_links=False,
            unfurl_media=False,
        )
    )
    # A channel that was named by its #name is answered with the id that changing a card wants.
    return f"{given['channel']}/{given['ts']}"


def change(channel: SlackChannel, message_id: str, message: Message) -> None:
    """Replace a card by what came of it."""
    where, _, ts = message_id.partition("/")
    bot = _Bot(channel.bot_token)
    _asking(lambda: bot.chat_update(channel=where, ts=ts, text=message.text, blocks=message.blocks))


def follow_up(channel: SlackChannel, message: Message) -> None:
    """Say what came of a card that cannot be changed."""
    _send(channel, message)


def _send(channel: SlackChannel, message: Message) -> None:
    client = _Webhook(channel.webhook_url, retry_handlers=[])
    response = client.send(
        text=message.text, blocks=message.blocks, unfurl_links=False, unfurl_media=False
    )
    if response.status_code != HTTPStatus.OK:
        raise _failure(response.status_code, response.body.strip()[:200], response.headers)


def _asking(call: Any) -> Mapping[str, Any]:
    try:
        data: Mapping[str, Any] = call().data
    except SlackApiError as error:
        response: Any = error.response
        word = str(response.get("error") or "failed")
        raise _failure(response.status_code, word[:200], response.headers) from None
    return data


def _failure(status: int, word: str, headers: Mapping[str, str]) -> Exception:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Busy(word, _wait(headers.get("retry-after", "")))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or word in PASSING:
        return Busy(word)
    return Refused(word)


def _wait(text: str) -> timedelta | None:
    is_number = text.isascii() and text.isdigit() and len(text) < 9
    return min(timedelta(seconds=int(text)), LONGEST_WAIT) if is_number else None


def _through_egress(request: Request) -> egress.Reply:
    body = request.data if isinstance(request.data, bytes) else b""
    return egress.request(
        request.get_method(), request.full_url, headers=dict(request.header_items()), body=body
    )


class _Bot(WebClient):
    def __init__(self, token: str) -> None:
        super().__init__(token=token, base_url=BASE_URL, retry_handlers=[])

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        reply = _through_egress(req)
        body = reply.body.decode(errors="replace")
        return {"status": reply.status, "headers": reply.headers, "body": body}


class _Webhook(WebhookClient):
    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        reply = _through_egress(req)
        body = reply.body.decode(errors="replace")
        return WebhookResponse(
            url=url, status_code=reply.status, body=body, headers=dict(reply.headers)
        )
