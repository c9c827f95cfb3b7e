"""What must hold when a story of faults is over (schedules.py)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from approvals.models import Ask, Holder, Notification
from mirroring.models import Poll, Push, Record
from tests.mirroring.schedules import PLENTY, Schedule
from tracks.management.commands.audit import Audit
from tracks.models import Event, Track

OURS = "sayso.integration"
ENDS = ("input_request.answered", "input_request.cancelled", "input_request.timeout")


def wrong(story: Schedule) -> list[str]:
    """Return what does not hold."""
    told = (*_told_twice(story), *_loudness(story), *_confirmed_twice(story))
    return [*_records(story), *_asked_twice(story), *told, *_books(story)]


def _records(story: Schedule) -> Iterator[str]:
    rows = Record.objects.filter(connection=story.connection).select_related("ask", "track")
    records = {each.external_id: each for each in rows.prefetch_related("pushes__ask")}
    lost = (ref for ref in story.refs if ref not in records)
    yield from (f"{ref} is lost" for ref in lost if story.is_pending(ref))
    for ref, record in records.items():
        for fault in (*_standing(story, ref, record), *_question(story, record)):
            yield f"{ref}: {fault}"
        yield from (f"{ref}: {fault}" for fault in _decisions(story, ref, record))


def _standing(story: Schedule, ref: str, record: Record) -> Iterator[str]:
    """Compare how a record stands here and there."""
    state, status = story.state_of(ref), Record.Status(record.status).value
    if story.is_pending(ref) and status not in (*Record.WAITING, "expired"):
        yield f"it waits there, and is {status} here: {record.reason}"
    if not story.is_pending(ref) and status not in (
        "approved",
        "rejected",
        "cancelled",
        "conflict",
    ):
        yield f"it is {state} there, and {status} here: {record.reason}"
    if state in ("approved", "rejected", "cancelled") and status not in (state, "conflict"):
        yield f"it is {state} there, and {status} here"
    if record.next_attempt_at is not None:
        yield f"it is never at rest: {record.last_error}"


def _question(story: Schedule, record: Record) -> Iterator[str]:
    """See that what waits asks about what is, whoever may decide it, and nothing else does."""
    ask, is_waiting = record.ask, record.status in Record.WAITING
    if ask is None:
        if story.is_pending(record.external_id):
            yield "nobody was ever asked"
        return
    if is_waiting != (ask.status == "open"):
        yield f"it is {record.status}, and its ask is {ask.status}"
    if Ask.objects.filter(track=record.track, status="open").count() > is_waiting:
        yield "an ask is open that nothing waits for"
    if record.status == "expired" and ask.status != "timeout":
        yield f"it is expired, and its ask is {ask.status}"
    if is_waiting:
        price = story.system.document_of(record.external_id).price
        shown = dict(ask.config["summary"])["Amount"]
        if not shown.startswith(price):
            yield f"{shown} is asked about, and {price} is meant"
        row = story.system.table.rows[record.external_id]
        if record.approvers != [story.system.users[row.approver].email]:
            yield f"{record.approvers} are asked"


def _decisions(story: Schedule, ref: str, record: Record) -> Iterator[str]:
    """See that each answer came to its end, and that what we wrote was written once."""
    written = [each.state for each in story.system.decisions.get(ref, []) if each.by == OURS]
    pushes = list(record.pushes.all())
    if len(written) > 1:
        yield f"it was decided {len(written)} times: {written}"
    yield from (f"{each} came to nothing: {each.status}" for each in pushes if _hangs(each))
    sent = [each.state for each in pushes if each.status in ("confirmed", "conflict")]
    if not set(written) <= set(sent) or len(sent) > 1:
        yield f"{sent} are said to have been written, {written} were"
    # Where a write was ignored, and somebody else then decided the same, nobody can tell.
    there = {each.state for each in story.system.decisions.get(ref, [])}
    price = story.system.document_of(ref).price
    for each in pushes:
        shown = dict(each.ask.config["summary"])["Amount"]
        if each.status == "confirmed" and written and not shown.startswith(price):
            yield f"{shown} was decided, and {price} is what was written to"
        if each.status == "confirmed" and each.state not in there:
            yield f"{each.state} is said to be confirmed"
    answered = Ask.objects.filter(track=record.track, status="answered")
    answers = {
        each.pk: "approved" if each.decision_value else "rejected" for each in _valued(answered)
    }
    if {each.ask_id: each.state for each in pushes} != answers:
        yield f"{len(answers)} answers were given, and {len(pushes)} are on their way back"
    for each in pushes:
        is_told = Notification.objects.filter(kind="update", ask=each.ask_id).exists()
        if not is_told and each.status != "changed":
            yield f"nobody was told what became of {each}: {each.status}"


def _valued(asks: Any) -> Iterator[Any]:
    for ask in asks:
        ask.decision_value = ask.decisions.get().value
        yield ask


def _hangs(push: Push) -> bool:
    return push.status not in Push.OVER


def _asked_twice(story: Schedule) -> Iterator[str]:
    """Yield who was asked the same of the same approval more than once, as after it had passed."""
    asks = Ask.objects.filter(track__record__connection=story.connection)
    prices = {ask.pk: dict(ask.config["summary"])["Amount"] for ask in asks}
    rows = Holder.objects.filter(ask__in=asks).values_list(
        "ask__track__record__external_id", "approver__canonical", "ask_id"
    )
    asked = Counter((ref, who, prices[ask_id]) for ref, who, ask_id in rows)
    yield from (f"{key} was asked {count} times" for key, count in asked.items() if count > 1)


def _told_twice(story: Schedule) -> Iterator[str]:
    """See that whoever is to be told is, once, and learns what became of what they were told."""
    for ask in Ask.objects.filter(record__connection=story.connection, status="open"):
        if not ask.is_quiet and not ask.notifications.filter(kind="ask").exists():
            yield f"nobody was told of {ask.track_id}"
    marks = Counter(
        line
        for document in story.system.documents.values()
        for note in document.work_notes
        for line in note.splitlines()
        if line.startswith("[sayso-asked-")
    )
    yield from (f"{mark} was left {count} times" for mark, count in marks.items() if count > 1)
    told = Notification.objects.filter(kind="ask", sent_at__isnull=False, ask__status="cancelled")
    for notice in told.filter(track__record__connection=story.connection):
        told_again = notice.ask.notifications.filter(kind="update", approver=notice.approver_id)
        if not told_again.exists():
            yield f"{notice.approver_id} was not told that {notice.ask_id} is withdrawn"


def _loudness(story: Schedule) -> Iterator[str]:
    """See that a first load is summed up, and that what comes after it is told of at once."""
    loaded_at = Poll.objects.get(pk=story.connection.pk).loaded_at
    asks = Ask.objects.filter(track__record__connection=story.connection, escalated_from=None)
    before, after = asks.filter(created_at__lte=loaded_at), asks.filter(created_at__gt=loaded_at)
    for ask in before.filter(is_quiet=False):
        yield f"{ask.track_id} was told of by itself, in a first load"
    for ask in before.exclude(closed_at__lte=loaded_at).filter(holders__approver__digests=None):
        yield f"no digest tells of {ask.track_id}"
    if story.connection.notices_per_hour >= PLENTY:
        yield from (f"{ask.track_id} is asked in silence" for ask in after.filter(is_quiet=True))


def _confirmed_twice(story: Schedule) -> Iterator[str]:
    """Yield what was written down as confirmed more than once, as by two workers."""
    events = Event.objects.filter(track__record__connection=story.connection)
    confirmed = events.filter(type="record.confirmed").select_related("content")
    counts = Counter(event.data["ask_id"] for event in confirmed if event.data is not None)
    yield from (f"{ask} was confirmed {count} times" for ask, count in counts.items() if count > 1)


def _books(story: Schedule) -> Iterator[str]:
    """See that the chains hold, and that every ask ended once (security.md 2.9)."""
    fault = Audit().first_fault()
    if fault is not None:
        yield f"chain: {fault}"
    mine = Record.objects.filter(connection=story.connection)
    with_tracks = mine.exclude(track=None).count()
    if Track.objects.filter(workspace=story.workspace).count() != with_tracks:
        yield "there are tracks that no record has"
    ends: Counter[str] = Counter()
    for event in Event.objects.filter(type__in=ENDS).select_related("content"):
        assert event.data is not None
        ends[event.data["ask_id"]] += 1
    asks = Ask.objects.filter(workspace=story.workspace)
    for ask in asks:
        if ends[ask.public_id] != (ask.status != "open"):
            yield f"{ask.public_id} is {ask.status}, and ended {ends[ask.public_id]} times"
        if ask.decisions.count() != (ask.status == "answered"):
            yield f"{ask.public_id} is {ask.status}, with {ask.decisions.count()} decisions"
        if ask.status == "answered" and ask.closed_at >= ask.ends_at:
            yield f"{ask.public_id} was answered after its end"
    standing = Poll.objects.get(pk=story.connection.pk)
    if standing.failures or standing.paused_at:
        yield f"polling does not work any more: {standing.last_error}"
