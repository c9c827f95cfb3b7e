"""The card of an ask in Slack. Agent text is plain text, in which Slack sees no links or mentions.

What our own words link to is the page alone; nothing is decided in Slack.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ContextBlock,
    HeaderBlock,
    LinkButtonElement,
    PlainTextObject,
    SectionBlock,
)

from approvals import card
from approvals.display_time import Clock, zone_named
from approvals.models import Ask
from approvals.receipts import meaning
from approvals.write_back import Elsewhere, resolved_there
from tracks.addresses import masked
from tracks.clock import database_now
from tracks.serializers import track_url
from tracks.textpolicy import defuse, subject_line

LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: blocks, and the words for notifications, which Slack reads as its markup."""

    text: str
    blocks: list[Block]


def waiting(ask: Ask) -> Message:
    """Return the card of an ask that is open."""
    if ask.track.is_protected:
        return _message(ask, _protected(ask), [], "Review and decide")
    shown = card.of_mail(ask)
    facts = [_plain(f"{term}\n{text}") for term, text in shown.rows]
    risk = f"{shown.risk.word}. " if shown.risk else ""
    more: list[Block] = [
        SectionBlock(text=_plain(shown.prompt), fields=facts or None),
        ContextBlock(elements=[_plain(_origin(ask))]),
        ContextBlock(
            elements=[_plain(f"{risk}Answer by {shown.deadline.full}. Waits for {_whom(ask)}.")]
        ),
    ]
    source = ask.track.comes_from
    label = "Open the request" if source and source.decides_there else "Review and decide"
    return _message(ask, f"{shown.needs} needed", more, label)


def outcome(ask: Ask) -> Message:
    """Return what takes the card's place once the ask is closed."""
    if ask.track.is_protected:
        return _message(ask, _protected(ask), [_said("It is closed.")], "Open the page")
    more: list[Block] = [
        SectionBlock(text=_plain(defuse(ask.prompt))),
        ContextBlock(elements=[_plain(_origin(ask))]),
    ]
    there = _resolved_there(ask)
    if there is not None:
        more.append(ContextBlock(elements=[_plain(defuse(there.lead))]))
    return _message(ask, _outcome(ask), more, "Open the page")


def follow_up(ask: Ask) -> Message:
    """Return a short message behind a card that cannot be changed."""
    if ask.track.is_protected:
        words = f"{_protected(ask)}: closed."
        return Message(_escaped(words), [_said(words)])
    title = defuse(subject_line(ask.track.title, LONGEST_TITLE))
    return Message(_escaped(_outcome(ask)), [_said(f"{_outcome(ask)}: {title}")])


def _message(ask: Ask, heading: str, more: Sequence[Block], label: str) -> Message:
    button = LinkButtonElement(text=_plain(label), url=track_url(ask.track), action_id="open")
    blocks = [HeaderBlock(text=_plain(heading)), *more, ActionsBlock(elements=[button])]
    return Message(_escaped(heading), blocks)


def _protected(ask: Ask) -> str:
    return f"Protected request from {ask.track.workspace.name}"


def _origin(ask: Ask) -> str:
    title = subject_line(ask.track.title, LONGEST_TITLE)
    source = ask.track.comes_from
    if source is not None:
        return f"{defuse(title)} · from {defuse(source.name)}, not checked by Sayso"
    return f"{defuse(title)} · asked by {defuse(ask.asked_by)}, not checked by Sayso"


def _whom(ask: Ask) -> str:
    return ", ".join(masked(each.address) for each in ask.asked)


def _outcome(ask: Ask) -> str:
    """Return what came of an ask, as whoever has only the link may know it."""
    if ask.status == Ask.Status.ANSWERED:
        word = meaning(ask, ask.answer.value)
        return f"{word} by the people who run Sayso" if ask.is_overridden else word
    if ask.status == Ask.Status.CANCELLED:
        there = _resolved_there(ask)
        return defuse(there.verdict) if there else "No longer needed"
    return "Nobody answered; the next is asked" if _has_successor(ask) else "Nobody answered"


def _resolved_there(ask: Ask) -> Elsewhere | None:
    clock = Clock(database_now(), zone_named(ask.track.workspace.time_zone))
    return resolved_there(ask, clock=clock, is_verified=False)


def _has_successor(ask: Ask) -> bool:
    return Ask.objects.filter(escalated_from=ask).exists()


def _said(text: str) -> SectionBlock:
    return SectionBlock(text=_plain(text))


def _plain(text: str) -> PlainTextObject:
    return PlainTextObject(text=text, emoji=False)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
