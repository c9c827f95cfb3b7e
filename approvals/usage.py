"""Plans: how many asks a workspace may open in a calendar month (UTC), counted as they open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from approvals.models import MonthOfAsks
from config.errors import DomainError
from tracks.clock import database_now, rfc3339_or_none
from tracks.models import Workspace
from tracks.rows import one_or_none

Plan = Workspace.Plan


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many asks a month has, and how many more during a grace that begins past them."""

    asks: int | None
    more: int = 0
    grace: timedelta = timedelta()


ALLOWANCES = {
    Plan.UNLIMITED: Allowance(None),
    Plan.FREE: Allowance(25),
    Plan.PRO: Allowance(1000, more=100, grace=timedelta(hours=24)),
}


class LimitReached(DomainError):
    code, status = "monthly_ask_limit_reached", 402
    title = "This workspace has opened all the asks of its plan this month."


def count_ask(workspace: Workspace, *, now: datetime) -> None:
    """Count one more ask of a workspace, or refuse it. The last lock that a transaction takes."""
    allowance = ALLOWANCES[Plan(workspace.plan)]
    row = _row_of(workspace, now)
    if allowance.asks is not None and row.asks >= allowance.asks:
        _use_grace(row, allowance, workspace, now=now)
    row.asks += 1
    row.save(update_fields=["asks", "grace_ends_at"])


def _row_of(workspace: Workspace, now: datetime) -> MonthOfAsks:
    rows = MonthOfAsks.objects.select_for_update().filter(workspace=workspace, month=_month(now))
    row = one_or_none(rows)
    if row is None:
        MonthOfAsks.objects.bulk_create(
            [MonthOfAsks(workspace=workspace, month=_month(now))], ignore_conflicts=True
        )
        row = rows.get()
    return row


def _month(now: datetime) -> str:
    return f"{now:%Y-%m}"


def _use_grace(
    row: MonthOfAsks, allowance: Allowance, workspace: Workspace, *, now: datetime
) -> None:
    """Let one more through past the limit while the grace of this month lasts."""
    most = (allowance.asks or 0) + allowance.more
    if row.grace_ends_at is None and allowance.more:
        row.grace_ends_at = now + allowance.grace
    if row.grace_ends_at is None or now >= row.grace_ends_at or row.asks >= most:
        raise LimitReached(plan=workspace.plan, month=row.month, limit=allowance.asks)


def usage_of(workspace: Workspace) -> dict[str, Any]:
    """Return what `GET /usage` says of the running month."""
    now = database_now()
    row = one_or_none(MonthOfAsks.objects.filter(workspace=workspace, month=_month(now)))
    allowance = ALLOWANCES[Plan(workspace.plan)]
    return {
        "plan": workspace.plan,
        "month": _month(now),
        "asks": row.asks if row else 0,
        "limit": allowance.asks,
        "grace": _grace_json(row, allowance, now=now),
    }


def _grace_json(
    row: MonthOfAsks | None, allowance: Allowance, *, now: datetime
) -> dict[str, Any] | None:
    if not allowance.more or allowance.asks is None:
        return None
    used = max(0, (row.asks if row else 0) - allowance.asks)
    ends_at = row.grace_ends_at if row else None
    is_over = used >= allowance.more or (ends_at is not None and now >= ends_at)
    return {
        "asks_left": 0 if is_over else allowance.more - used,
        "ends_at": rfc3339_or_none(ends_at),
    }
