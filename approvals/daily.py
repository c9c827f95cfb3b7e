"""The digest: one mail a working day to whoever has several requests waiting in the morning."""

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from approvals.channels import PAUSES, email
from approvals.display_time import zone_named
from approvals.letters import digest as letters
from approvals.models import Approver, Ask, Decline, Digest, Holder
from approvals.working_hours import is_digest_time
from tracks.clock import database_now
from tracks.models import Workspace
from tracks.work import poke_after_commit

FEWEST = 3


def plan() -> int:
    """Plan a digest for everybody with enough waiting, where it is morning; return how many."""
    now = database_now()
    names = Workspace.objects.order_by().values_list("time_zone", flat=True).distinct()
    mornings = [name for name in names if is_digest_time(now, zone_named(name))]
    return sum(_plan(name, now) for name in mornings)


def _plan(zone_name: str, now: datetime) -> int:
    day = now.astimezone(zone_named(zone_name)).date()
    had_one = Digest.objects.filter(approver=OuterRef("pk"), day=day)
    mine = _waiting(now).filter(approver__workspace__time_zone=zone_name)
    many = mine.values("approver").annotate(n=Count("pk")).filter(n__gte=FEWEST)
    people = Approver.objects.filter(~Exists(had_one), pk__in=many.values("approver"))
    rows = [Digest(approver=each, day=day, created_at=now, next_attempt_at=now) for each in people]
    # Two that plan at once plan one: the day is unique.
    Digest.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        poke_after_commit("approvals.tasks.send_digest", str(row.pk))
    return len(rows)


def _waiting(now: datetime) -> QuerySet[Holder]:
    """Return the places at which something waits for a decision and Sayso may say so."""
    declined = Decline.objects.filter(ask=OuterRef("ask"), approver=OuterRef("approver"))
    told_of = Q(ask__notify=True) | ~Q(kind=Holder.Kind.ASKED)
    return Holder.objects.filter(
        told_of,
        ~Exists(declined),
        ask__status=Ask.Status.OPEN,
        ask__ends_at__gt=now,
        seat__decision=None,
    ).order_by()


def send(pk: UUID) -> None:
    """Send a digest if it is due and there is still enough to sum up this morning."""
    digest = Digest.claim(pk)
    if digest is None:
        return
    now = database_now()
    asks = _asks_for(digest, now)
    if len(asks) < FEWEST or not _is_its_morning(digest, now):
        digest.write_outcome(next_attempt_at=None, skipped_at=now)
        return
    try:
        sent = email.send_letter(letters.letter(digest, asks, now=now))
    except email.Refused as error:
        digest.write_outcome(next_attempt_at=None, failed_at=now, last_error=str(error)[:2000])
    except Exception as error:
        _try_again(digest, repr(error))
    else:
        done = {"sent_at": database_now(), "message_id": sent.message_id, "last_error": ""}
        digest.write_outcome(next_attempt_at=None, **done)


def _asks_for(digest: Digest, now: datetime) -> list[Ask]:
    mine = _waiting(now).filter(approver=digest.approver_id)
    return list(Ask.objects.filter(pk__in=mine.values("ask")).select_related("track__workspace"))


def _is_its_morning(digest: Digest, now: datetime) -> bool:
    zone = zone_named(digest.approver.workspace.time_zone)
    return is_digest_time(now, zone) and now.astimezone(zone).date() == digest.day


def _try_again(digest: Digest, error: str) -> None:
    if digest.attempts > len(PAUSES):
        digest.write_outcome(
            next_attempt_at=None, failed_at=database_now(), last_error=error[:2000]
        )
    else:
        digest.retry(after=PAUSES[digest.attempts - 1], error=error)
