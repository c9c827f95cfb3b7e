"""What becomes of a request after somebody was told of it: one more mail in the same thread.

Planned by whoever knows the news, sent by the worker that sends notices. It does not depend on the
ask being open; only on somebody having been told of it, or having decided it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from approvals.models import Ask, Decision, Notification
from approvals.receipts import meaning_of
from tracks.clock import database_now
from tracks.ids import known_id
from tracks.models import Event
from tracks.sources import is_web_address
from tracks.textpolicy import subject_line
from tracks.work import poke_after_commit

CANCELLED, OVERRIDDEN = "cancelled", "overridden"
SHORTLY = timedelta(seconds=10)
LONGEST_HEADING, LONGEST_WORDS, LONGEST_LABEL = 120, 1000, 120


def tell(
    ask: Ask, *, about: str, heading: str, words: str, url: str | None = None, url_label: str = ""
) -> None:
    """Plan one mail to everybody who was told of an ask by mail, or has decided it.

    Telling somebody twice `about` the same is telling it once. `url` is the record's page in the
    system it comes from; what is no http or https address is left out.
    """
    _plan(ask, _told(ask), about, heading, words, url=url, url_label=url_label)


def _plan(
    ask: Ask,
    approver_ids: Collection[UUID],
    about: str,
    heading: str,
    words: str,
    *,
    url: str | None = None,
    url_label: str = "",
) -> None:
    now = database_now()
    content = {
        "heading": subject_line(heading, LONGEST_HEADING),
        "words": subject_line(words, LONGEST_WORDS),
        "url": url if url and is_web_address(url) else "",
        "url_label": subject_line(url_label, LONGEST_LABEL),
    }
    rows = [
        Notification(
            kind=Notification.Kind.UPDATE,
            about=about,
            content=content,
            track_id=ask.track_id,
            ask=ask,
            approver_id=each,
            created_at=now,
            next_attempt_at=now,
        )
        for each in sorted(approver_ids)
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        poke_after_commit("approvals.tasks.send_notification", str(row.pk))


def _told(ask: Ask) -> set[UUID]:
    """Return who was told of an ask, or is about to be, or has decided it."""
    notices = _notices(ask).filter(Q(sent_at__isnull=False) | _ON_ITS_WAY)
    told = set(notices.values_list("approver_id", flat=True))
    return told | set(Decision.objects.filter(ask=ask).values_list("approver_id", flat=True))


# Claimed before: the mail may be handed over already.
_ON_ITS_WAY = Q(attempts__gt=0, next_attempt_at__isnull=False)


def _notices(ask: Ask | None) -> QuerySet[Notification]:
    return Notification.objects.filter(ask=ask, kind=Notification.Kind.ASK)


def tell_of_cancelling(event: Event) -> None:
    """Tell whoever was told of a request from a system of record why it was withdrawn.

    An agent says itself what it must; and nobody is told who is told more of it already.
    """
    if event.data is None or not event.data["reason"] or event.track.comes_from is None:
        return
    ask = Ask.objects.get(pk=known_id("ask", event.data["ask_id"]))
    others = _updates(ask).exclude(about=CANCELLED).values_list("approver_id", flat=True)
    people = _told(ask) - set(others)
    _plan(ask, people, CANCELLED, "No longer needed", event.data["reason"])


def tell_of_overriding(event: Event) -> None:
    """Tell whoever was told of a request that staff has decided it in their place, and why."""
    if event.data is None or not event.data.get("overridden"):
        return
    ask = Ask.objects.get(pk=known_id("ask", event.data["ask_id"]))
    word = meaning_of(event.data["kind"], event.data["value"]).lower()
    heading = f"Decided by the people who run Sayso: {word}"
    tell(ask, about=OVERRIDDEN, heading=heading, words=event.data["comment"])


def _updates(ask: Ask | None) -> QuerySet[Notification]:
    return Notification.objects.filter(ask=ask, kind=Notification.Kind.UPDATE)


def is_wanted(update: Notification) -> bool:
    """Tell whether an update says something to somebody whom the notice has reached."""
    mine = _notices(update.ask).filter(approver=update.approver_id)
    if mine.filter(bounced_at__isnull=False).exists():
        return False
    if update.about == CANCELLED and _says_more(update):
        return False
    if mine.filter(Q(sent_at__isnull=False) | _ON_ITS_WAY).exists():
        return True
    return Decision.objects.filter(ask=update.ask_id, approver=update.approver_id).exists()


def _says_more(update: Notification) -> bool:
    others = _updates(update.ask).filter(approver=update.approver_id)
    return others.exclude(about=CANCELLED).exists()


def when_told(update: Notification, now: datetime) -> datetime:
    """Return when an update may go: behind the notice that it follows, where that is on its way."""
    mine = _notices(update.ask).filter(_ON_ITS_WAY, approver=update.approver_id, sent_at=None)
    until = mine.values_list("next_attempt_at", flat=True).first()
    return now if until is None else max(until, now + SHORTLY)
