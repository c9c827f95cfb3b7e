"""What still waits for an address: agent asks and mirrored records together, next one first."""

from collections.abc import Sequence
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
    mine = Holder.objects.filter(
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
    overdue = [ask for ask in asks if is_overdue(ask, now)]
    return {
        "approver": address,
        "count": len(asks),
        "overdue": len(overdue),
        "text": in_words(asks, overdue=len(overdue)),
        "asks": [ask_json(ask) for ask in asks],
    }


def is_overdue(ask: Ask, now: datetime) -> bool:
    """Tell whether an open ask was wanted earlier than now."""
    return ask.due_at is not None and ask.due_at < now


def in_words(asks: Sequence[Ask], *, overdue: int) -> str:
    """Return one plain sentence that an assistant can say."""
    if not asks:
        return "Nothing is waiting for you."
    count = "1 approval is" if len(asks) == 1 else f"{len(asks)} approvals are"
    late = f", {overdue} of them overdue" if overdue else ""
    if overdue and overdue == len(asks):
        late = ", overdue" if overdue == 1 else ", all of them overdue"
    return f"{count} waiting for you{late}; next: {_title(asks[0])}"


def _title(ask: Ask) -> str:
    if ask.track.is_protected:
        return f"a protected request from {ask.track.workspace.name}."
    line = " ".join(ask.prompt.split())
    short = line if len(line) <= 120 else f"{line[:119].rstrip()}…"
    return short if short.endswith((".", "?", "!", "…")) else f"{short}."
