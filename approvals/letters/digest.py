"""The mail that sums up: everything that waits for somebody, each row with its own page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from approvals.display_time import Clock, Moment, zone_named
from approvals.letters.envelope import Letter
from approvals.models import Ask, Digest
from approvals.queue import is_overdue
from approvals.stop_links import StopLink
from tracks.serializers import track_url
from tracks.textpolicy import defuse, subject_line

MOST_ROWS = 15  # Gmail cuts a mail at 102 kB; ours stay below 40
LONGEST_TITLE, LONGEST_LINE = 100, 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request that waits, in a line or two."""

    title: str
    line: str
    url: str
    is_overdue: bool
    is_due_today: bool
    until: Moment

    @property
    def urgency(self) -> int:
        """Return its place: what is late, what is wanted today, the rest."""
        return 0 if self.is_overdue else 1 if self.is_due_today else 2


def letter(digest: Digest, asks: Sequence[Ask], *, now: datetime) -> Letter:
    """Return the mail about these asks, the most urgent first."""
    workspace = digest.approver.workspace
    clock = Clock(now, zone_named(workspace.time_zone))
    rows = [_row(ask, clock) for ask in asks]
    rows.sort(key=lambda row: (row.urgency, row.until.at))
    context: dict[str, Any] = {
        "workspace": workspace.name,
        "address": digest.approver.address,
        "count": len(rows),
        "is_prompt": digest.is_prompt,
        "overdue": sum(row.is_overdue for row in rows),
        "today": sum(row.urgency == 1 for row in rows),
        "rows": rows[:MOST_ROWS],
        "more": len(rows[MOST_ROWS:]),
        "queue_url": f"{settings.PUBLIC_BASE_URL}/queue/",
    }
    return Letter(
        template="digest",
        workspace=workspace.name,
        to=digest.approver.address,
        name=f"digest.{digest.pk.hex}",
        about=digest.pk.hex,
        context=context,
        stop_url=StopLink(digest.approver_id).url,
    )


def _row(ask: Ask, clock: Clock) -> Row:
    is_protected = ask.track.is_protected
    is_said = ask.prompt == ask.track.title  # a mirrored request has one text for both
    masked = f"Protected request from {ask.track.workspace.name}"
    wanted = min(ask.due_at, ask.ends_at) if ask.due_at else ask.ends_at
    until = clock.moment(wanted)
    return Row(
        title=masked if is_protected else _line(ask.track.title, LONGEST_TITLE),
        line="" if is_protected or is_said else _line(ask.prompt, LONGEST_LINE),
        url=track_url(ask.track),
        is_overdue=is_overdue(ask, clock.now),
        is_due_today=until.local.date() == clock.now.astimezone(clock.zone).date(),
        until=until,
    )


def _line(text: str, longest: int) -> str:
    """Return an agent's text as one short line that no mail program makes a link of."""
    return defuse(subject_line(text, longest))
