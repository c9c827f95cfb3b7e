"""The digest: one mail a working day to whoever has several requests waiting in the morning.

Of quiet asks nothing else tells: one of them is enough, and after many have come at once a prompt
digest is sent at any hour.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from approvals.channels import PAUSES, email
from approvals.display_time import zone_named
from approvals.letters import digest as letters
from approvals.models import Approver, Ask, Decline, Digest, Holder
from approvals.working_hours import is_digest_time
from tracks.actors import SYSTEM
from tracks.clock import database_now
from tracks.events import record, recording_together
from tracks.models import Workspace
from tracks.transactions import transition
from tracks.transitions import lock_track
from tracks.work import poke_after_commit

FEWEST = 3
HOUR = timedelta(hours=1)


def plan() -> int:
    """Plan a digest for everybody with enough waiting, where it is morning; return how many."""
    now = database_now()
    names = Workspace.objects.order_by().values_list("time_zone", flat=True).distinct()
    mornings = [name for name in names if is_digest_time(now, zone_named(name))]
    return sum(_plan(name, now) for name in mornings)


def _plan(zone_name: str, now: datetime) -> int:
    day = now.astimezone(zone_named(zone_name)).date()
    today = Digest.objects.filter(approver=OuterRef("pk"), day=day)
    mine = _waiting(now).filter(~_lost(), approver__workspace__time_zone=zone_name)
    many = mine.values("approver").annotate(n=Count("pk")).filter(n__gte=FEWEST)
    people = _subscribed().filter(
        ~Exists(today.filter(hour=None)),
        Q(pk__in=_untold(mine).values("approver"))
        | (Q(pk__in=many.values("approver")) & ~Exists(today.filter(sent_at__isnull=False))),
    )
    rows = [Digest(approver=each, day=day, created_at=now, next_attempt_at=now) for each in people]
    # Two that plan at once plan one: the day is unique.
    Digest.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        poke_after_commit("approvals.tasks.send_digest", str(row.pk))
    return len(rows)


@transition
def sum_up(approver_ids: Collection[UUID], *, at: datetime) -> None:
    """Plan a digest for each of these people, due at this time: at most one an hour for each.

    Whatever the caller's transaction opens for them is in it. Where this hour's has been sent, the
    next hour has one.
    """
    hour = at.replace(minute=0, second=0, microsecond=0)
    due, left = at, set(approver_ids)
    while left:
        left -= _plan_prompt(left, hour=hour, due=due)
        hour += HOUR
        due = hour


def _plan_prompt(approver_ids: Collection[UUID], *, hour: datetime, due: datetime) -> set[UUID]:
    """Plan the prompt digests of an hour; return for whom there is one that nobody has begun."""
    now = database_now()
    people = _subscribed().filter(pk__in=approver_ids).select_related("workspace").order_by("pk")
    rows = [_prompt(each, hour=hour, due=due, now=now) for each in people]
    Digest.objects.bulk_create(rows, ignore_conflicts=True)
    # Whoever sends one now waits for this lock, or has begun before: then it may lack what is new.
    planned = Digest.objects.select_for_update().filter(approver__in=approver_ids, hour=hour)
    waiting = planned.filter(attempts=0, next_attempt_at__isnull=False).order_by("approver")
    found = dict(waiting.values_list("approver", "pk"))
    for pk in found.values():
        poke_after_commit("approvals.tasks.send_digest", str(pk))
    known = {each.approver_id for each in rows}
    return set(found) | (set(approver_ids) - known)


def _prompt(approver: Approver, *, hour: datetime, due: datetime, now: datetime) -> Digest:
    day = due.astimezone(zone_named(approver.workspace.time_zone)).date()
    return Digest(approver=approver, day=day, hour=hour, created_at=now, next_attempt_at=due)


def _subscribed() -> QuerySet[Approver]:
    """Return who has not stopped their digests. The others find quiet asks in the queue alone."""
    return Approver.objects.filter(digests_stopped_at=None)


def _waiting(now: datetime) -> QuerySet[Holder]:
    """Return the places at which something waits for a decision and Sayso may say so."""
    declined = Decline.objects.filter(ask=OuterRef("ask"), approver=OuterRef("approver"))
    told_of = Q(ask__notify=True) | ~Q(kind=Holder.Kind.ASKED)
    return (
        Holder.objects.acting()
        .filter(
            told_of,
            ~Exists(declined),
            ask__status=Ask.Status.OPEN,
            ask__ends_at__gt=now,
            seat__decision=None,
        )
        .order_by()
    )


def _untold(places: QuerySet[Holder]) -> QuerySet[Holder]:
    """Return those of which only a digest tells, and none has yet."""
    by_hand = Q(kind=Holder.Kind.HANDED_OVER)
    return places.filter(~by_hand, ask__is_quiet=True, told_at=None)


def _lost() -> Exists:
    """Tell of a place whether it waited when a digest came back, and none has arrived since.

    It alone is no reason to write there once more. What comes later is.
    """
    theirs = Digest.objects.filter(approver=OuterRef("approver"))
    arrived = theirs.filter(bounced_at=None, sent_at__gt=OuterRef("bounced_at"))
    return Exists(theirs.filter(~Exists(arrived), bounced_at__gte=OuterRef("at")))


def send(pk: UUID) -> None:
    """Send a digest if it is due and there is still enough to sum up."""
    digest = Digest.claim(pk)
    if digest is None:
        return
    now = database_now()
    asks = _asks_for(digest, now)
    if not _is_wanted(digest, asks, now):
        _let_go(digest, now)
        return
    try:
        sent = email.send_letter(letters.letter(digest, asks, now=now))
    except email.Refused as error:
        _give_up(digest, str(error))
    except Exception as error:
        _try_again(digest, repr(error))
    else:
        _write_sent(digest=digest, asks=asks, sent=sent)


def _asks_for(digest: Digest, now: datetime) -> list[Ask]:
    mine = _waiting(now).filter(approver=digest.approver_id)
    asks = Ask.objects.filter(pk__in=mine.values("ask")).select_related("track__workspace")
    return list(asks.defer("config"))


def _is_wanted(digest: Digest, asks: Sequence[Ask], now: datetime) -> bool:
    if digest.approver.digests_stopped_at is not None:
        return False
    if digest.is_prompt:
        return bool(asks)
    is_enough = len(asks) >= FEWEST or _untold(digest.approver.held.filter(ask__in=asks)).exists()
    return is_enough and _is_its_morning(digest, now)


def _let_go(digest: Digest, now: datetime) -> None:
    """Send nothing. In its morning it is as if there had been no plan: enough may come by noon."""
    if not digest.is_prompt and _is_its_morning(digest, now):
        Digest.objects.filter(pk=digest.pk, attempts=digest.attempts).delete()
    else:
        digest.write_outcome(next_attempt_at=None, skipped_at=now)


def _is_its_morning(digest: Digest, now: datetime) -> bool:
    zone = zone_named(digest.approver.workspace.time_zone)
    return is_digest_time(now, zone) and now.astimezone(zone).date() == digest.day


@transition
def _write_sent(*, digest: Digest, asks: Sequence[Ask], sent: email.Sent) -> None:
    now = database_now()
    done = {"sent_at": now, "message_id": sent.message_id, "last_error": ""}
    if digest.write_outcome(next_attempt_at=None, **done):
        quiet = [ask.pk for ask in asks if ask.is_quiet]
        places = Holder.objects.filter(approver=digest.approver_id, ask__in=quiet, told_at=None)
        places.update(told_at=now)


def _try_again(digest: Digest, error: str) -> None:
    if digest.attempts > len(PAUSES):
        digest.write_outcome(
            next_attempt_at=None, failed_at=database_now(), last_error=error[:2000]
        )
    else:
        digest.retry(after=PAUSES[digest.attempts - 1], error=error)


@transition
def _give_up(digest: Digest, error: str) -> None:
    came_back(digest, error=error)
    digest.write_outcome(next_attempt_at=None, failed_at=database_now())


@transition
def came_back(digest: Digest, *, error: str) -> None:
    """Put on record, once, of each ask that waits for its reader that a digest did not arrive."""
    mine = _waiting(database_now()).filter(approver=digest.approver_id)
    # In one order, so that two who lock several do not wait for each other.
    tracks = sorted(set(mine.values_list("ask__track", flat=True)))
    locked = {pk: lock_track(pk)[0] for pk in tracks}
    now = database_now()
    rows = Digest.objects.filter(pk=digest.pk, bounced_at=None)
    if not rows.update(bounced_at=now, last_error=error[:2000]):
        return
    about = {"approver": digest.approver.address, "channel": "email", "kind": "digest"}
    with recording_together():
        for ask in Ask.objects.filter(pk__in=mine.values("ask"), track__in=locked).order_by("pk"):
            data = {"ask_id": ask.public_id, **about, "error": error[:200]}
            track = locked[ask.track_id]
            record(track, "approver.undeliverable", actor=SYSTEM, at=now, data=data)
