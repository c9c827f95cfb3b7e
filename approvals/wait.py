"""Reading an ask, now or for an agent that waits for it to close."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.models import Ask
from approvals.serializers import ask_json
from config.errors import NotFound
from tracks.clock import database_now
from tracks.json_text import encoded
from tracks.rows import one_or_none
from tracks.waiting import Reading, Together
from tracks.watcher import Change


def read_ask(ask_id: UUID, workspace_id: UUID) -> dict[str, Any]:
    """Return the JSON of an ask of this workspace, as it is now."""
    asks = Ask.objects.presented().with_everything()
    ask = one_or_none(asks.filter(pk=ask_id, workspace_id=workspace_id))
    if ask is None:
        raise NotFound()
    return ask_json(ask)


async def read_waiting(ask_id: UUID, workspace_id: UUID) -> Reading:
    """Read an ask for whoever waits for it: news when it is closed."""
    found = await _asks.read(ask_id)
    if found is None or found[0] != workspace_id:
        raise NotFound()
    return found[1]


def _read_many(keys: Collection[UUID]) -> dict[UUID, tuple[UUID, Reading]]:
    now = database_now()
    asks = Ask.objects.presented(now).with_everything().filter(pk__in=keys).order_by()
    return {ask.pk: (ask.workspace_id, _reading(ask, now)) for ask in asks}


def _reading(ask: Ask, now: datetime) -> Reading:
    is_open = ask.shown_status == Ask.Status.OPEN
    left = (ask.ends_at - now).total_seconds() if is_open else None
    return Reading(encoded(ask_json(ask)), is_news=not is_open, changes_in=left)


_asks = Together(_read_many)


def closed_asks(since: datetime) -> Iterable[Change]:
    """Return the closed asks on tracks that changed since then (tracks.watcher.Source)."""
    asks = Ask.objects.filter(track__updated_at__gte=since).exclude(status=Ask.Status.OPEN)
    return [(pk, "closed") for pk in asks.values_list("pk", flat=True)]
