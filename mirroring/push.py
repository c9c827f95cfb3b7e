"""Writing a decision back: look, write, look again, and record what was seen.

A person's answer is on record before any of this begins, and nothing that happens here can undo it.
No transaction is open while the system is talked to. Whatever is not known for sure is looked up,
never assumed and never sent blindly again.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from mirroring import connecting, pushed, sync, transitions, usage
from mirroring.asking import NeedsHuman, approvers_of, one_with
from mirroring.connectors.base import (
    Actor,
    BadConfig,
    Connector,
    ConnectorError,
    Gone,
    Item,
    NoteTime,
    Option,
    Outcome,
    Result,
    State,
    option_of,
    statement,
)
from mirroring.judging import Verdict, judge
from mirroring.models import Push, Record
from mirroring.people import is_address, with_addresses
from tracks.addresses import same_address
from tracks.clock import database_now
from tracks.models import Event
from tracks.work import poke_after_commit

log = structlog.get_logger(__name__)

# After the first, second, … attempt that came to nothing; then the last of them again and again.
PAUSES = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 1800, 3600))
MOST_ATTEMPTS = 80  # some three days
# How long a system may take until what it accepted, or never answered, shows.
SHOWS_WITHIN = timedelta(minutes=2)
NOT_ANSWERED = (Result.UNKNOWN, Result.ACCEPTED, Result.APPLIED)
# This request wrote nothing: what is so there, somebody else did, or an earlier request of ours.
REFUSED = (Result.ALREADY_SAME, Result.CONFLICT, Result.GONE)
UNDECIDED = (Verdict.SEND, Verdict.CHANGED)  # it waits there, as it was or changed
# Some systems let a late decision overwrite an earlier one: what was confirmed is looked at again.
LOOKS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
NO_COMMENT = "No comment was given."


def plan(record: Record, event: Event, *, now: datetime) -> None:
    """Plan to write back what an ask of a record came to."""
    assert event.data is not None
    option = _option(sync.item_of(record, asked=True), event.data["value"])
    push = transitions.plan_push(
        record,
        choice=option.code,
        label=option.label,
        state=option.state.value,
        decided_by=event.data["answered_by"],
        comment=event.data["comment"] or "",
        decided_at=event.at,
        digest=record.asked_digest,
        created_at=now,
        next_attempt_at=now,
    )
    poke_after_commit("mirroring.tasks.work", str(push.pk))


def _option(item: Item, value: bool | str) -> Option:
    if isinstance(value, bool):
        return one_with(item.options, State.APPROVED if value else State.REJECTED)
    return option_of(item.options, value)


@usage.counted()
def carry_out(pk: UUID) -> None:
    """Take one decision a step further, unless another worker does.

    Where the connection is switched off it waits.
    """
    push = Push.claim(pk)
    if push is None:
        return
    push.record.connection = connecting.connection_of(push.record)
    if not push.record.connection.enabled:
        push.put_off(after=connecting.PUT_OFF)
        return
    try:
        connector = connecting.connector_for(push.record.connection)
        # Whoever stood still until the row was another's must not send what that one may have sent.
        connector.session.end_within(Push.LEASE.total_seconds())
        if push.status == Push.Status.CONFIRMED:
            _look_again(push, connector)
        else:
            _carry_out(push, connector)
    except ConnectorError as error:
        _try_again(push, what=error.kind.value, detail=str(error), after=error.retry_after)
    except BadConfig as error:
        _try_again(push, what="config", detail=str(error))
    except Exception as error:
        log.exception("push.failed", push=str(pk))
        _try_again(push, what="bug", detail=repr(error))


def _carry_out(push: Push, connector: Connector) -> None:
    item = _look(push, connector)
    verdict = _verdict(push, item)
    if verdict in UNDECIDED and _may_still_show(push):
        _try_again(push, what="waiting", detail="It was sent, and does not show yet.")
        return
    if verdict != Verdict.SEND:
        pushed.write(push=push, verdict=verdict, item=item)
        _note(push, connector)
        return
    sent_before = push.sent_at
    outcome = _send(push, connector, item)
    if outcome is None:
        return
    if outcome.result in (Result.FORBIDDEN, Result.NEEDS_INPUT):
        pushed.give_up(push=push, what=outcome.result.value, detail=outcome.detail)
        return
    if outcome.result in REFUSED:
        _was_not_sent(push, sent_before, what="not taken")
    after = _look(push, connector, is_settled=outcome.result == Result.APPLIED)
    verdict = _verdict(push, after)
    may_show = verdict == Verdict.CHANGED and outcome.result in NOT_ANSWERED
    if verdict == Verdict.SEND or may_show:  # it was not taken, or does not show yet
        _not_taken(push, outcome, sent_before)
        return
    pushed.write(push=push, verdict=verdict, item=after)
    _note(push, connector)


def _look(push: Push, connector: Connector, *, is_settled: bool = False) -> Item:
    """Return the approval as it is now, and keep what was seen of it.

    `is_settled`: the system is known to have what was decided. Some then know it no more.
    """
    record, read_at = push.record, database_now()
    try:
        item = connector.get(record.external_id)
    except Gone:
        state = State(push.state) if is_settled else State.CANCELLED
        item = connecting.gone(sync.item_of(record), state=state)
    (known,) = with_addresses(record.connection, [item], now=database_now())
    sync.keep(connection_id=record.connection_id, items=[item], read_at=read_at)
    record.refresh_from_db(fields=transitions.TAKEN_IN)
    return known


def _verdict(push: Push, item: Item) -> Verdict:
    try:
        assigned = approvers_of(push.record.connection, item)
    except NeedsHuman:
        assigned = []
    return judge(
        item,
        wanted=State(push.state),
        digest=push.digest,
        approvers=push.record.approvers,
        assigned=assigned,
        was_sent=push.sent_at is not None,
    )


def _may_still_show(push: Push) -> bool:
    """Tell whether an earlier request may yet have its effect: then nothing is sent again."""
    if push.status != Push.Status.SENT or push.sent_at is None:
        return False
    return database_now() < push.sent_at + SHOWS_WITHIN


def _send(push: Push, connector: Connector, item: Item) -> Outcome | None:
    """Send the decision; None if another worker has taken over.

    That it is about to be sent is written first: should this process die now, the next one knows
    that the system may have it.
    """
    now, sent_before = database_now(), push.sent_at
    if not transitions.write_push(push, Push.Status.SENT, now=now, what="sending", sent_at=now):
        return None
    option = option_of(item.options, push.choice)
    comment = push.comment or (NO_COMMENT if option.comment_required else "")
    try:
        return connector.decide(
            push.record.external_id,
            push.choice,
            actor=_actor(push),
            comment=comment,
            expected=item.revision,
            key=push.key,
        )
    except ConnectorError:
        # Raised only where nothing can have been decided.
        _was_not_sent(push, sent_before, what="not sent")
        raise


def _actor(push: Push) -> Actor:
    return Actor(
        email=push.decided_by,
        decided_at=push.decided_at,
        receipt=push.ask.public_id,
        name=_name_of(push),
    )


def _name_of(push: Push) -> str:
    """Return the name by which the system knows whoever decided, or nothing."""
    people = sync.item_of(push.record, asked=True).approvers
    known = (each for each in people if each.email and is_address(each.email))
    names = (each.name for each in known if same_address(each.email or "", push.decided_by))
    return " ".join((next(names, None) or "").split())


def _was_not_sent(push: Push, sent_before: datetime | None, *, what: str) -> None:
    """Write that this request came to nothing; an earlier one may still have its effect."""
    now = database_now()
    transitions.write_push(push, Push.Status.PENDING, now=now, what=what, sent_at=sent_before)


def _not_taken(push: Push, outcome: Outcome, sent_before: datetime | None) -> None:
    """Try again: at once to look at what has no sure answer, else to send anew."""
    if outcome.result == Result.RETRY_LATER:
        _was_not_sent(push, sent_before, what="not taken")
    _try_again(push, what=outcome.result.value, detail=outcome.detail, after=outcome.retry_after)


def _try_again(push: Push, *, what: str, detail: str, after: float | None = None) -> None:
    if push.attempts >= MOST_ATTEMPTS and push.status != Push.Status.CONFIRMED:
        pushed.give_up(push=push, what=what, detail=detail)
        return
    pause = PAUSES[min(push.attempts, len(PAUSES)) - 1]
    now = database_now()
    transitions.write_push(
        push,
        Push.Status(push.status),
        now=now,
        what=what,
        last_error=detail[:2000],
        next_attempt_at=now + max(pause, timedelta(seconds=after or 0)),
    )


def _note(push: Push, connector: Connector) -> None:
    """Tell the system who decided, where a decision has no room for it. Its failure is no harm."""
    if push.status != Push.Status.CONFIRMED or push.noted_at is not None:
        return
    if connector.capabilities().note == NoteTime.AFTER_DECISION:
        option = Option(code=push.choice, label=push.label, state=State(push.state))
        said = statement(option=option, actor=_actor(push), comment=push.comment, key=push.key)
        try:
            connector.note(push.record.external_id, said, push.key)
        except ConnectorError as error:
            log.warning("push.note_failed", push=str(push.pk), error=str(error))
            return
    push.write_outcome(noted_at=database_now())


def _look_again(push: Push, connector: Connector) -> None:
    """See whether what was confirmed is still so; what is not becomes a conflict (sync.follow)."""
    _look(push, connector, is_settled=True)
    sync.follow(record_id=push.record_id)
    _note(push, connector)
    looks = push.looks + 1
    later = database_now() + LOOKS[looks] if looks < len(LOOKS) else None
    push.write_outcome(looks=looks, next_attempt_at=later)
