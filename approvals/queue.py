"""What still waits for an address: agent asks and mirrored records together, next one first."""

from datetime import datetime
from typing import Any

from django.db.models import Case, F, When
from django.db.models.fields import BooleanField

from approvals.models import Ask, Holder
from approvals.models.ask import AskQuerySet
from approvals.serializers import ask_json
from tracks.clock import database_now

MOST = 1000  # more than anybody can look at; the count tells of the rest


def waiting_for(canonical: str, *, now: datetime, **where: Any) -> AskQuerySet:
    """Return the open asks that an address may decide and nobody has decided for its seat.

    Overdue first, then by `due_at`, then oldest. `where` narrows to a workspace.
    """
    # Two steps: as one query, a database that knows little of its tables yet joins each with all.
    mine = Holder.objects.acting().filter(
        approver__canonical=canonical,
        ask__status=Ask.Status.OPEN,
        ask__ends_at__gt=now,
        seat__decision=None,
    )
    waiting = list(mine.values_list("ask_id", flat=True))
    asks = Ask.objects.filter(pk__in=waiting, status=Ask.Status.OPEN, ends_at__gt=now, **where)
    overdue = Case(When(due_at__lt=now, then=True), default=False, output_field=BooleanField())
    return asks.presented(now).order_by(
        overdue.desc(), F("due_at").asc(nulls_last=True), "created_at", "id"
    )


def queue_json(address: str, canonical: str, *, workspace_id: Any) -> dict[str, Any]:
    """Return the answer to "which approvals do I still need to complete" in one workspace."""
    now = database_now()
    waiting = waiting_for(canonical, now=now, workspace_id=workspace_id)
    asks = list(waiting.with_everything().select_related("track__workspace")[:MOST])
    count, overdue = len(asks), sum(is_overdue(ask, now) for ask in asks)
    if count == MOST:
        count, overdue = waiting.count(), waiting.filter(due_at__lt=now).count()
    return {
        "approver": address,
        "count": count,
        "overdue": overdue,
        "text": in_words(count, overdue=overdue, first=asks[0] if asks else None),
        "asks": [ask_json(ask) for ask in asks],
    }


def is_overdue(ask: Ask, now: datetime) -> bool:
    """Tell whether an open ask was wanted earlier than now."""
    return ask.due_at is not None and ask.due_at < now


def in_words(count: int, *, overdue: int, first: Ask | None) -> str:
    """Return one plain sentence that an assistant can say."""
    if first is None:
        return "Nothing is waiting for you."
    waiting = "1 approval is" if count == 1 else f"{count} approvals are"
    late = f", {overdue} of them overdue" if overdue else ""
    if overdue and overdue == count:
        late = ", overdue" if overdue == 1 else ", all of them overdue"
    return f"{waiting} waiting for you{late}; next: {_title(first)}"


def _title(ask: Ask) -> str:
    if ask.track.is_protected:
        return f"a protected request from {ask.track.workspace.name}."
    line = " ".join(ask.prompt.split())
    short = line if len(line) <= 120 else f"{line[:119].rstrip()}…"
    return short if short.endswith((".", "?", "!", "…")) else f"{short}."
