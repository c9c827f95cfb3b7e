"""The event log as a file: line after line, however long, and safe to open in a spreadsheet."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from tracks.clock import rfc3339
from tracks.ids import new_id
from tracks.models import Event
from tracks.serializers import event_json

AT_ONCE = 2000  # events in memory
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
COLUMNS = (
    "id",
    "workspace",
    "track_id",
    "track",
    "seq",
    "type",
    "actor_type",
    "actor",
    "at",
    "data",
    "hash",
    "prev_hash",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def exported(events: Any, *, format: str) -> Iterator[bytes]:
    """Yield a file's lines. `events` is a queryset; what happens later is not in it."""
    lines = _csv if format == "csv" else _jsonl
    return lines(_in_order(events.filter(pk__lte=new_id())))


def _in_order(events: Any) -> Iterator[Event]:
    # By key, page after page: no cursor is held while the reader is slow. What belongs to a page is
    # fetched by its keys: joined, the database would read it from the beginning for each page.
    rows = events.order_by("pk").prefetch_related("track__workspace", "content")
    page = list(rows[:AT_ONCE])
    while page:
        yield from page
        page = list(rows.filter(pk__gt=page[-1].pk)[:AT_ONCE]) if len(page) == AT_ONCE else []


def _jsonl(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        track = event.track
        body = {"workspace": track.workspace.name, "track": track.title}
        body |= event_json(event, track_id=track.public_id)
        yield json.dumps(body, ensure_ascii=False).encode() + b"\n"


class _Line:
    """What csv.writer takes for a file: it returns the line instead of keeping it."""

    def write(self, text: str) -> bytes:
        return text.encode()


def _csv(events: Iterator[Event]) -> Iterator[bytes]:
    writer: Any = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for event in events:
        yield writer.writerow([harmless(cell) for cell in _cells(event)])


def _cells(event: Event) -> list[str]:
    data = "" if event.data is None else json.dumps(event.data, ensure_ascii=False)
    return [
        event.public_id,
        event.track.workspace.name,
        event.track.public_id,
        event.track.title,
        str(event.seq),
        event.type,
        event.actor_type,
        event.actor_name,
        rfc3339(event.at),
        data,
        event.hash,
        event.prev_hash,
    ]


def harmless(cell: str) -> str:
    """Quote what a spreadsheet would take for a formula (AU-13)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
