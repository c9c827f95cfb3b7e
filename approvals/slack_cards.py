"""The card of each ask in its workspace's Slack: planned by a consumer, sent by a worker."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Case, F, Q, Value, When

from approvals.channels import PAUSES, slack
from approvals.letters import slack as letters
from approvals.models import Ask, SlackCard, SlackChannel
from tracks.clock import database_now
from tracks.events import listens_to
from tracks.ids import known_id
from tracks.models import Event
from tracks.transactions import transition
from tracks.work import poke_after_commit

MOST_ATTEMPTS = 8  # to post a card and to change it, together
OPENED = "input_request.created"
CLOSED = ("input_request.answered", "input_request.timeout", "input_request.cancelled")


@listens_to(OPENED, *CLOSED)
def on_events(events: Sequence[Event]) -> None:
    """Plan a card for each ask that has opened, and its change for each that has closed."""
    _open([event for event in events if event.type == OPENED and event.data is not None])
    for event in events:
        if event.type in CLOSED and event.data is not None:
            _close(event)


def _open(events: Sequence[Event]) -> None:
    workspaces = {event.workspace_id for event in events}
    channels = SlackChannel.objects.filter(workspace__in=workspaces, enabled=True)
    with_channel = set(channels.values_list("workspace_id", flat=True))
    opened = {_ask_id(event): event for event in events if event.workspace_id in with_channel}
    wanted = Ask.objects.filter(pk__in=opened, notify=True, is_quiet=False)
    for ask_id in wanted.values_list("pk", flat=True):
        _, created = SlackCard.objects.get_or_create(
            ask_id=ask_id, defaults={"next_attempt_at": opened[ask_id].at}
        )
        if created:
            _poke(ask_id)


def _close(event: Event) -> None:
    """Let a worker change a card that is there. One that is being posted is looked at again."""
    ask_id = _ask_id(event)
    # What is asked of the row stands in the new value: as a filter it would pass over a card whose
    # posting is just being written down, where this waits for it and looks at what was written.
    is_still = Q(posted_at__isnull=False, next_attempt_at=None)
    anew = Case(When(is_still, then=Value(event.at)), default=F("next_attempt_at"))
    if SlackCard.objects.filter(pk=ask_id, closed_at=None).update(next_attempt_at=anew):
        _poke(ask_id)


def _ask_id(event: Event) -> UUID:
    assert event.data is not None
    return known_id("ask", event.data["ask_id"])


def _poke(ask_id: UUID) -> None:
    poke_after_commit("approvals.tasks.send_slack_card", str(ask_id))


def send(pk: UUID) -> None:
    """Post a card, or change it to the outcome; never inside a transaction."""
    card = SlackCard.claim(pk)
    if card is None:
        return
    ask = Ask.objects.with_everything().get(pk=pk)
    channel = SlackChannel.objects.filter(workspace=ask.workspace_id, enabled=True).first()
    if channel is None or not _is_wanted(card, ask):
        card.write_outcome(next_attempt_at=None)
        return
    try:
        _send(card, ask, channel)
    except slack.Refused as error:
        _give_up(card, str(error))
    except Exception as error:
        _try_again(card, error)


def _is_wanted(card: SlackCard, ask: Ask) -> bool:
    """Tell whether there is something to post that is open, or something posted that is not."""
    if card.posted_at is not None:
        return ask.status != Ask.Status.OPEN
    return ask.status == Ask.Status.OPEN and ask.ends_at > database_now()


def _send(card: SlackCard, ask: Ask, channel: SlackChannel) -> None:
    if card.posted_at is None:
        _write_posted(card=card, message_id=slack.post(channel, letters.waiting(ask)))
        return
    if card.message_id and channel.bot_token:
        slack.change(channel, card.message_id, letters.outcome(ask))
    elif channel.webhook_url:
        slack.follow_up(channel, letters.follow_up(ask))
    card.write_outcome(next_attempt_at=None, closed_at=database_now(), last_error="")


@transition
def _write_posted(*, card: SlackCard, message_id: str) -> None:
    # Whoever closes the ask now waits for this row, or has committed before the ask is looked at:
    # one of the two sees the other.
    SlackCard.objects.select_for_update().get(pk=card.pk)
    is_open = Ask.objects.filter(pk=card.pk, status=Ask.Status.OPEN).exists()
    now = database_now()
    card.write_outcome(
        next_attempt_at=None if is_open else now,
        posted_at=now,
        message_id=message_id,
        last_error="",
    )
    if not is_open:
        _poke(card.pk)


def _try_again(card: SlackCard, error: Exception) -> None:
    if card.attempts >= MOST_ATTEMPTS:
        _give_up(card, repr(error))
        return
    after = getattr(error, "after", None) or PAUSES[min(card.attempts, len(PAUSES)) - 1]
    card.retry(after=after, error=repr(error))


def _give_up(card: SlackCard, error: str) -> None:
    card.write_outcome(next_attempt_at=None, failed_at=database_now(), last_error=error[:2000])
