"""What became of a decision: written on its push, its record and its track, and told."""

from datetime import datetime, timedelta

from approvals import updates
from mirroring import resolved, sync, telling, transitions
from mirroring.connectors.base import Item, State
from mirroring.judging import Verdict
from mirroring.models import Push, Record
from tracks.clock import database_now, rfc3339
from tracks.transactions import transition

FIRST_LOOK = timedelta(minutes=1)


@transition
def write(*, push: Push, verdict: Verdict, item: Item) -> None:
    """Write what was seen to have become of a decision, unless another worker has taken over."""
    record = sync.lock(push.record_id)
    now = database_now()
    if verdict == Verdict.CONFIRMED:
        _confirmed(push, record, now)
    elif verdict == Verdict.CHANGED:
        _changed(push, record, now)
    else:
        _settled_elsewhere(push, record, verdict, now)


def _confirmed(push: Push, record: Record, now: datetime) -> None:
    done = {"confirmed_at": now, "next_attempt_at": now + FIRST_LOOK, "last_error": ""}
    if not transitions.write_push(push, Push.Status.CONFIRMED, now=now, what="confirmed", **done):
        return
    status = resolved.STATUS_OF.get(State(push.state), Record.Status.APPROVED)
    transitions.write_decided(record, status=status, now=now)
    name = record.connection.name
    said = {"status": status.value, "by": push.decided_by, "at": rfc3339(now)}
    about = telling.ask_and_url(record)
    telling.record_event(record, "record.pushed", {**about, "choice": push.choice})
    telling.record_event(record, "record.confirmed", {**about, **said})
    telling.written(record, f"Confirmed in {name}")
    updates.tell(
        push.ask,
        about="confirmed",
        heading=f"Confirmed in {name}",
        words=f"{push.label}, by {push.decided_by}. {name} has it now.",
        url=record.url,
        url_label=f"See it in {name}",
    )


def _changed(push: Push, record: Record, now: datetime) -> None:
    """Leave the answer on record, write nothing there, and ask again about what it is now."""
    over = {"next_attempt_at": None, "last_error": "It changed after it was decided."}
    if transitions.write_push(push, Push.Status.CHANGED, now=now, what="changed", **over):
        sync.ask_anew(record, now=now)


def _settled_elsewhere(push: Push, record: Record, verdict: Verdict, now: datetime) -> None:
    is_conflict = verdict == Verdict.CONFLICT
    words = resolved.described(record, now=now)
    if not is_conflict:
        words += " Your answer stays on record here; nothing was written there."
    status = Push.Status.CONFLICT if is_conflict else Push.Status.STALE
    over = {"next_attempt_at": None, "last_error": words}
    if not transitions.write_push(push, status, now=now, what=verdict.value, **over):
        return
    settled = Record.Status.CONFLICT if is_conflict else resolved.status_of(record)
    transitions.write_decided(record, status=settled, now=now, reason=words if is_conflict else "")
    said = {"status": record.state, "by": resolved.who(record), "words": words}
    said["at"] = rfc3339(resolved.moment_of(record, now=now))
    telling.record_event(record, "record.push_conflict", {**telling.ask_and_url(record), **said})
    telling.not_written(record, f"Nothing was written: {resolved.verdict(record)}")
    updates.tell(
        push.ask,
        about="resolved_elsewhere",
        heading="This request is already resolved",
        words=words,
        url=record.url,
        url_label=f"See it in {record.connection.name}",
    )


@transition
def give_up(*, push: Push, what: str, detail: str) -> None:
    """Hand a decision that the system would not take to a person. It can be tried again."""
    record = sync.lock(push.record_id)
    now = database_now()
    over = {"next_attempt_at": None, "last_error": detail[:2000]}
    if not transitions.write_push(push, Push.Status.NEEDS_HUMAN, now=now, what=what, **over):
        return
    name = record.connection.name
    transitions.hold_decided(record, reason=f"{name} did not take it: {detail}")
    said = {**telling.ask_and_url(record), "status": "needs_human", "words": ""}
    telling.record_event(record, "record.push_conflict", said)
    telling.not_written(record, f"{name} did not take the decision; somebody looks into it.")
    updates.tell(
        push.ask,
        about="not_written",
        heading="Your decision is recorded, and not written yet",
        words=f"{name} did not take it. The people who run Sayso have been told.",
        url=record.url,
        url_label=f"See it in {name}",
    )
