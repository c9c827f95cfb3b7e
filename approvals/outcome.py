"""What came of an ask, in the words of the page. Pure: rows in, words out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from approvals import write_back
from approvals.card import Card
from approvals.display_time import Clock, Moment
from approvals.models import Ask, Decision, Override
from approvals.people import acted_for
from approvals.receipts import label, meaning
from approvals.transitions import TRACK_WAS_CLOSED
from approvals.write_back import Elsewhere, Standing
from tracks.models import Event, Track

PROOFS = {
    "email_link": "confirmed by e-mail link",
    "email_code": "confirmed by e-mail code",
    "email_link+password": "confirmed by password and e-mail link",
    "email_code+password": "confirmed by password and e-mail code",
}

OVERRIDDEN = "Decided by the people who run Sayso"
WITH_AGENT = "The answer is with the agent, which goes on by itself."


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of a result: our term, and words: the agent's, the approver's, staff's or ours."""

    term: str
    text: str
    voice: str = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A closed ask: what it is called, why it is so, and what happens next."""

    status: str
    heading: str
    lead: str
    sign: str
    tone: str
    next: str
    facts: list[Fact] = field(default_factory=list)
    has_receipt: bool = False
    standing: Standing | None = None  # in the system that the request comes from


@dataclass(frozen=True, slots=True)
class End:
    """A track that is over."""

    heading: str
    at: Moment
    said: str
    sign: str
    tone: str
    note: str = ""


def of(
    card: Card,
    *,
    status: str,
    closed: Moment,
    is_mine: bool,
    is_verified: bool,
    went_on: str,
    took_part: bool = False,
    asked_now: Sequence[str] = (),
    news: Sequence[Event] = (),
) -> Outcome:
    """Return what to say about an ask that is no longer open."""
    if status == Ask.Status.TIMEOUT:
        return _passed_by(card, closed, asked_now) if asked_now else _timeout(card, closed)
    source = card.ask.track.comes_from
    if status == Ask.Status.CANCELLED:
        found = source and write_back.elsewhere_of(
            card.ask.public_id, source, news, clock=card.clock, is_verified=is_verified
        )
        return _elsewhere(card, found) if found else _cancelled(card, closed)
    if card.ask.is_overridden:
        said = _overridden(card, is_verified=is_verified, went_on=went_on)
    elif is_mine:
        said = _mine(card, went_on=went_on)
    else:
        said = _anothers(card, is_verified=is_verified, took_part=took_part, went_on=went_on)
    if source is None:
        return said
    standing = write_back.standing_of(
        card.ask.public_id, source, news, clock=card.clock, is_verified=is_verified
    )
    return replace(said, next="You can close this page." if is_mine else "", standing=standing)


def _mine(card: Card, *, went_on: str) -> Outcome:
    decision = _deciding(card)
    return Outcome(
        status=Ask.Status.ANSWERED,
        heading=recorded(card.ask, decision.value),
        lead=f"by {_signed(card, decision)}",
        sign="✓",
        tone="ok",
        next=went_on or f"{WITH_AGENT} You can close this page.",
        facts=[_asked(card), *_said(card, decision)],
        has_receipt=True,
    )


def _anothers(card: Card, *, is_verified: bool, took_part: bool, went_on: str) -> Outcome:
    decision = _deciding(card)
    word = meaning(card.ask, card.ask.answer.value)
    who = acted_for(decision, is_verified=is_verified)
    facts = [_asked(card)]
    if is_verified:
        facts += _said(card, decision)
    elif card.ask.kind == Ask.Kind.CHOICE:
        facts.append(Fact("The choice", label(card.ask, decision.value), "agent"))
    return Outcome(
        status=Ask.Status.ANSWERED,
        heading=f"Settled: {word.lower()}" if took_part else "Already answered",
        lead=f"{word} by {who} on {card.clock.moment(decision.at).full}.",
        sign="✓",
        tone="ok",
        next=went_on or WITH_AGENT,
        facts=facts,
        has_receipt=is_verified,
    )


def _deciding(card: Card) -> Decision:
    settled_by = card.ask.settled_by
    assert isinstance(settled_by, Decision)
    return settled_by


def _overridden(card: Card, *, is_verified: bool, went_on: str) -> Outcome:
    override = card.ask.settled_by
    word = meaning(card.ask, override.value)
    at = card.clock.moment(override.at).full
    facts = [_asked(card)]
    if is_verified or card.ask.kind == Ask.Kind.CHOICE:
        facts += _value(card, override)
    if is_verified:
        facts.append(Fact("The reason they give", override.comment or "", "staff"))
    who = f"{override.by} did so on {at}" if is_verified else f"It was done on {at}"
    return Outcome(
        status=Ask.Status.ANSWERED,
        heading=f"{OVERRIDDEN}: {word.lower()}",
        lead=f"{who}, in place of whoever was asked.",
        sign="!",
        tone="warn",
        next=went_on or WITH_AGENT,
        facts=facts,
        has_receipt=is_verified,
    )


def _timeout(card: Card, closed: Moment) -> Outcome:
    what = "approved" if card.ask.kind == Ask.Kind.CONFIRM else "recorded"
    workspace = card.ask.track.workspace.name
    return Outcome(
        status=Ask.Status.TIMEOUT,
        heading=f"This request closed on {closed.full}",
        lead=f"Nobody answered before the deadline, so nothing was {what}.",
        sign="–",
        tone="still",
        next=f"If it still matters, tell {workspace}: the question can be asked again.",
        facts=[_asked(card)],
    )


def _passed_by(card: Card, closed: Moment, asked_now: Sequence[str]) -> Outcome:
    return Outcome(
        status=Ask.Status.TIMEOUT,
        heading=f"This request closed on {closed.full}",
        lead=f"Nobody answered it in time, so {', '.join(asked_now)} is asked now.",
        sign="–",
        tone="still",
        next="There is nothing for you to do.",
        facts=[_asked(card)],
    )


def _cancelled(card: Card, closed: Moment) -> Outcome:
    reason = card.ask.cancel_reason
    facts = [_asked(card)]
    if reason and reason != TRACK_WAS_CLOSED:
        facts.append(Fact("Reason given", reason, "agent"))
    why = "The work ended" if reason == TRACK_WAS_CLOSED else "The question was withdrawn"
    return Outcome(
        status=Ask.Status.CANCELLED,
        heading="No longer needed",
        lead=f"{why} on {closed.full}, before an answer was recorded.",
        sign="–",
        tone="still",
        next="There is nothing for you to do.",
        facts=facts,
    )


def _elsewhere(card: Card, found: Elsewhere) -> Outcome:
    return Outcome(
        status=Ask.Status.CANCELLED,
        heading=found.heading,
        lead=found.lead,
        sign="–",
        tone="still",
        next="There is nothing for you to do.",
        facts=[_asked(card)],
    )


def recorded(ask: Ask, value: bool | str) -> str:
    """Return the heading of a recorded decision."""
    if ask.kind != Ask.Kind.CONFIRM:
        return "Your answer is recorded"
    return f"Recorded: {meaning(ask, value).lower()}"


def to_be_recorded(ask: Ask, value: bool | str) -> str:
    """Return the heading of the second step: what confirming it will record."""
    if ask.kind != Ask.Kind.CONFIRM:
        return "Check your answer"
    return f"To be recorded: {meaning(ask, value).lower()}"


def _asked(card: Card) -> Fact:
    return Fact("The question", card.ask.prompt, "agent")


def _said(card: Card, decision: Decision) -> list[Fact]:
    said = _value(card, decision)
    if decision.comment:
        said.append(Fact("The comment", decision.comment, "approver"))
    return said


def _value(card: Card, settled_by: Decision | Override) -> list[Fact]:
    term = "The answer" if card.ask.kind == Ask.Kind.TEXT else "The choice"
    voice = "approver" if card.ask.kind == Ask.Kind.TEXT else "agent"
    return [Fact(term, label(card.ask, settled_by.value), voice)]


def _signed(card: Card, decision: Decision) -> str:
    proof = PROOFS.get(decision.verified_by, decision.verified_by)
    who = acted_for(decision, is_verified=True)
    return f"{who} on {card.clock.moment(decision.at).full}, {proof}"


def went_on(ask: Ask, events: Sequence[Event], *, clock: Clock) -> str:
    """Say when the agent went on after an answer, or nothing while it has not."""
    behind = False
    for event in events:
        if behind and event.actor_type == "agent":
            return f"The agent went on at {clock.moment(event.at).words}."
        data = event.data or {}
        if event.type == "input_request.answered" and data.get("ask_id") == ask.public_id:
            behind = True
    return ""


def end_of(track: Track, *, clock: Clock) -> End | None:
    """Return how a closed track ended."""
    at = clock.moment(track.updated_at)
    if track.status == Track.Status.COMPLETED:
        return End("Completed", at, track.summary or "", "✓", "ok")
    if track.status == Track.Status.FAILED:
        note = "It will be tried again." if track.failure_retryable else ""
        return End("Stopped before it was done", at, track.failure_reason or "", "!", "warn", note)
    return None
